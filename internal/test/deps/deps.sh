#!/bin/sh
# Installs the programs that the tests need and this machine lacks, with Debian's
# apt-get, as root or with sudo. Any argument makes it say so when nothing is missing.
set -eu

# A line has a package and its program, by name or path. One that exists is enough.
needs='
postgresql               initdb /usr/lib/postgresql/*/bin/initdb
exim4-daemon-light       exim4 /usr/sbin/exim4
chromium                 chromium chromium-browser google-chrome
prometheus-alertmanager  prometheus-alertmanager alertmanager
pgbouncer                pgbouncer /usr/sbin/pgbouncer
npm                      npm
'

# Debian's postfix and exim4 remove each other. So Postfix is not installed: it is unpacked
# here, and runs from here. internal/test/mailservers looks here, too.
postfix=${XDG_CACHE_HOME:-$HOME/.cache}/sealos-notify/postfix

found() {
	for program; do
		if command -v "$program" >/dev/null 2>&1; then return 0; fi
	done
	return 1
}

unpack=
found /usr/lib/postfix/sbin/master "$postfix/usr/lib/postfix/sbin/master" || unpack=postfix
packages=$(echo "$needs" | while read -r package programs; do
	# shellcheck disable=SC2086 # a list, with patterns
	if [ -n "$package" ] && ! found $programs; then printf ' %s' "$package"; fi
done)
if [ "$(id -u)" != 0 ]; then
	echo "Postfix runs as root only. As this user the tests with a real Postfix are skipped." >&2
fi
if [ -z "$packages$unpack" ]; then
	[ $# = 0 ] || echo "The tests find every program that they need."
	exit 0
fi
echo "The tests need programs that this machine lacks. Debian's packages:$packages${unpack:+ $unpack}"

sudo=
if ! found apt-get; then
	echo "There is no apt-get. Install the programs in another way." >&2
	exit 1
elif [ "$(id -u)" != 0 ]; then
	sudo=sudo
	if ! found sudo; then
		echo "There is no sudo. Run this script as root, which installs:$packages${unpack:+ $unpack}" >&2
		exit 1
	fi
fi
install() {
	echo "Installing:$*"
	# shellcheck disable=SC2068 # a list
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 $@
}

$sudo apt-get update -q
if [ -n "$packages" ]; then install "$packages"; fi
if [ -n "$unpack" ]; then
	echo "Unpacking: $postfix"
	mkdir -p "${postfix%/*}"
	new=$(mktemp -d "$postfix.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	(cd "$new" && apt-get download -q postfix)
	# The libraries that it needs remove nothing.
	libraries=$(dpkg-deb -f "$new"/*.deb Depends | tr ',' '\n' | sed -n 's/^ *\(lib[^ ]*\).*/ \1/p' | tr -d '\n')
	# shellcheck disable=SC2086 # a list
	dpkg-query -W $libraries >/dev/null 2>&1 || install "$libraries"
	dpkg -x "$new"/*.deb "$new/root"
	rm -rf "$postfix"
	mv "$new/root" "$postfix"
fi
