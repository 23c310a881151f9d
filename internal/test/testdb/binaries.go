package testdb

import (
	"cmp"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// FindBinaries returns the folder of initdb and pg_ctl. It prefers the initdb on
// PATH to Debian's newest version.
func FindBinaries() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil {
			return filepath.Dir(initdb), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("no PostgreSQL found on PATH or in /usr/lib/postgresql: run make deps")
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(debianVersion(a), debianVersion(b)) })
	return filepath.Dir(newest), nil
}

// debianVersion returns 15 for /usr/lib/postgresql/15/bin/initdb.
func debianVersion(initdb string) int {
	version, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return version
}
