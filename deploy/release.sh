#!/bin/sh
# Makes the files of a release in the folder $DIST (dist): the Helm chart, for each platform an archive with
# the static binary and the licences, then a bill of materials (CycloneDX) and the checksums.
#
#   deploy/release.sh VERSION PLATFORM...     PLATFORM is such as linux/amd64
#
# The same commit and Go make the same archives, byte for byte.
set -eu

version=$1
shift
name=sealos-notify
cd "$(dirname "$0")/.."
dist=${DIST:-$PWD/dist}
rm -rf "$dist"
mkdir -p "$dist"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
when=$(git log -1 --format=%cI)

deploy/chart.sh "$version" "$dist" # first: it refuses a version that is none
go run ./deploy/licenses "$work/licenses" >/dev/null
for platform; do
	os=${platform%/*}
	arch=${platform#*/}
	folder=${name}_${version}_${os}_${arch}
	program=$name
	if [ "$os" = windows ]; then program=$name.exe; fi
	echo "$folder"
	mkdir -p "$work/$folder"
	GOOS=$os GOARCH=$arch make -s build VERSION="$version" BINARY="$work/$folder/$program"
	cp -R LICENSE README.md README.zh-CN.md CHANGELOG.md config.example.yaml "$work/licenses" "$work/$folder"
	if [ "$os" = linux ]; then cp deploy/systemd/$name.service "$work/$folder"; fi
	tar -C "$work" --sort=name --mtime="$when" --owner=0 --group=0 --numeric-owner --mode=go-w -cf - "$folder" |
		gzip -n -9 >"$dist/$folder.tar.gz"
	binary=$work/$folder/$program
done
# The modules are the same for every platform, but for a few of the system's; the last one is described.
go tool -modfile=internal/tools/release/go.mod cyclonedx-gomod bin -json -noserial -output "$dist/${name}_${version}.cdx.json" "$binary"
cd "$dist"
sha256sum -- * >checksums.txt
echo "$(wc -l <checksums.txt) files in dist, and checksums.txt"
