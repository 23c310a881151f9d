#!/bin/sh
# Installs the programs that the tests need and this machine lacks, with Debian's
# apt-get, as root or with sudo. Any argument makes it say so when nothing is missing.
set -eu

# A line has a package and its program, by name or path. One that exists is enough.
needs='
postgresql               initdb /usr/lib/postgresql/*/bin/initdb
exim4-daemon-light       exim4 /usr/sbin/exim4
prometheus-alertmanager  prometheus-alertmanager alertmanager
'

found() {
	for program; do
		if command -v "$program" >/dev/null 2>&1; then return 0; fi
	done
	return 1
}

packages=$(echo "$needs" | while read -r package programs; do
	# shellcheck disable=SC2086 # a list, with patterns
	if [ -n "$package" ] && ! found $programs; then printf ' %s' "$package"; fi
done)
if [ -z "$packages" ]; then
	[ $# = 0 ] || echo "The tests find every program that they need."
	exit 0
fi
echo "The tests need programs that this machine lacks. Debian's packages:$packages"

sudo=
if ! found apt-get; then
	echo "There is no apt-get. Install the programs in another way." >&2
	exit 1
elif [ "$(id -u)" != 0 ]; then
	sudo=sudo
	if ! found sudo; then
		echo "There is no sudo. Run as root: apt-get install$packages" >&2
		exit 1
	fi
fi
echo "Installing:$packages"
$sudo apt-get update -q
# shellcheck disable=SC2086 # a list
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 $packages
