package testdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// FindBinaries returns the folder that holds initdb and pg_ctl: that of the
// initdb on PATH, or the newest version among Debian's.
func FindBinaries() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil {
			return filepath.Dir(initdb), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("no PostgreSQL found on PATH or in /usr/lib/postgresql")
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(debianVersion(a), debianVersion(b)) })
	return filepath.Dir(newest), nil
}

// debianVersion returns 15 for /usr/lib/postgresql/15/bin/initdb.
func debianVersion(initdb string) int {
	version, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	return version
}

// InstallBinaries installs Debian's postgresql package, as root or through sudo.
// It says on stderr what it does.
func InstallBinaries(ctx context.Context) error {
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return errors.New("install PostgreSQL, so that initdb is on PATH: there is no apt-get to do it")
	}
	var sudo []string
	if os.Geteuid() != 0 {
		sudo = []string{"sudo"}
	}
	fmt.Fprintln(os.Stderr, "no PostgreSQL here: installing Debian's package postgresql")
	for _, args := range [][]string{
		{"update", "-q"},
		{"install", "-q", "-y", "--no-install-recommends", "postgresql"},
	} {
		line := append(append(slices.Clone(sudo), "env", "DEBIAN_FRONTEND=noninteractive", apt), args...)
		cmd := exec.CommandContext(ctx, line[0], line[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("apt-get %s: %w", args[0], err)
		}
	}
	return nil
}
