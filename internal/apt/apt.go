// Package apt installs Debian's packages that tests need and do not find.
package apt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
)

// Install installs the package, as root or through sudo. It says on stderr what it
// does.
func Install(ctx context.Context, name string) (err error) {
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return fmt.Errorf("install %s: there is no apt-get to do it", name)
	}
	// apt-get does not wait for another one, and tests of several packages may run
	// at once. The lock goes with the file.
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "sealos-notify-apt.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("install %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("install %s: %w", name, err)
	}
	var sudo []string
	if os.Geteuid() != 0 {
		sudo = []string{"sudo"}
	}
	fmt.Fprintln(os.Stderr, "installing Debian's package", name)
	for _, args := range [][]string{
		{"update", "-q"},
		{"install", "-q", "-y", "--no-install-recommends", name},
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
