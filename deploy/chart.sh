#!/bin/sh
# Packs the Helm chart of a version into a folder: deploy/chart.sh VERSION FOLDER
#
# helm package writes the time into its archive. Packed anew with the commit's, the same commit
# makes the same archive.
set -eu

version=$1
folder=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go tool -modfile=internal/tools/helm/go.mod helm package deploy/helm/sealos-notify \
	--version "${version#v}" --app-version "$version" --destination "$work" >/dev/null
archive=$(basename "$work"/*.tgz)
tar -C "$work" -xzf "$work/$archive"
tar -C "$work" --sort=name --mtime="$(git log -1 --format=%cI)" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - sealos-notify |
	gzip -n -9 >"$folder/$archive"
