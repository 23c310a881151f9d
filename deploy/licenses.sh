#!/bin/sh
# Copies the licence texts of Go and of every module in the program to a folder.
#
#   deploy/licenses.sh FOLDER
set -eu

folder=$1
mkdir -p "$folder/go"
cp "$(go env GOROOT)/LICENSE" "$folder/go"
go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' . | sort -u |
	while read -r module source; do
		mkdir -p "$folder/$module"
		find "$source" -maxdepth 1 -type f \( -iname 'license*' -o -iname 'licence*' -o -iname 'copying*' -o -iname 'notice*' -o -iname 'unlicense*' \) \
			-exec cp {} "$folder/$module" \;
	done
