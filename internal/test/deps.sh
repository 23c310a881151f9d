#!/bin/sh
# Installs the Debian packages whose programs are missing: deps.sh 'program=package ...'.
# A program is a name on PATH or in /usr/sbin, or a pattern of paths.
set -eu
missing=
set -f
for pair in $1; do
	program=${pair%=*} package=${pair#*=}
	name=${program##*/}
	set +f
	if ! PATH=$PATH:/usr/sbin command -v "$name" >/dev/null 2>&1 && ! ls $program >/dev/null 2>&1; then
		missing="$missing $package"
	fi
	set -f
done
[ -n "$missing" ] || exit 0
echo "the tests need, and this machine lacks:$missing"
if ! command -v apt-get >/dev/null 2>&1; then
	echo "there is no apt-get here: install them yourself" >&2
	exit 1
fi
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing them with apt-get"
$sudo apt-get update -q
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
