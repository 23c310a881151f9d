package deps

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
)

// run runs the script on a machine with only these programs on PATH, which print how
// they are called, and returns its output.
func run(t *testing.T, user string, programs ...string) (string, error) {
	t.Helper()
	home := t.TempDir()
	for _, name := range programs {
		if name == "postfix" {
			unpacked := filepath.Join(home, ".cache/sealos-notify/postfix/usr/lib/postfix/sbin")
			require.NoError(t, os.MkdirAll(unpacked, 0o700))
			require.NoError(t, os.WriteFile(filepath.Join(unpacked, "master"), nil, 0o700))
		}
	}
	path := t.TempDir()
	write := func(name, script string) {
		require.NoError(t, os.WriteFile(filepath.Join(path, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	write("id", "echo "+user)
	write("env", `shift; exec "$@"`)
	for _, name := range programs {
		write(name, `echo "> ${0##*/} $*"`)
	}
	cmd := limit.Command(t, limit.Wait, "/bin/sh", "deps.sh", "-v")
	cmd.Env = []string{"PATH=" + path, "HOME=" + home}
	output, err := cmd.CombinedOutput()
	return string(output), err
}

func TestInstallsWhatIsMissing(t *testing.T) {
	t.Parallel()
	output, err := run(t, "0", "initdb", "exim4", "postfix", "pgbouncer", "npm", "chromium", "apt-get")
	require.NoError(t, err)
	require.Equal(t, `The tests need programs that this machine lacks. Debian's packages: prometheus-alertmanager
> apt-get update -q
Installing: prometheus-alertmanager
> apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 prometheus-alertmanager
`, output)

	output, err = run(t, "1000", "initdb", "exim4", "postfix", "pgbouncer", "npm", "chromium", "apt-get", "sudo")
	require.NoError(t, err)
	require.Contains(t, output, "> sudo env DEBIAN_FRONTEND=noninteractive apt-get install")
	require.Contains(t, output, "the tests with a real Postfix are skipped")

	output, err = run(t, "0", "initdb", "exim4", "postfix", "pgbouncer", "npm", "chromium", "alertmanager")
	require.NoError(t, err)
	require.Equal(t, "The tests find every program that they need.\n", output)
}

// Postfix is unpacked and not installed, because it would remove Exim.
func TestUnpacksPostfix(t *testing.T) {
	t.Parallel()
	home, bin := t.TempDir(), t.TempDir()
	for name, script := range map[string]string{
		"id":         "echo 0",
		"apt-get":    `echo "> apt-get $*"; case $1 in download) : > postfix.deb;; install) exit 1;; esac`,
		"dpkg":       `mkdir -p "$3/usr/lib/postfix/sbin"; cp "$0" "$3/usr/lib/postfix/sbin/master"`,
		"dpkg-deb":   `echo "libc6 (>= 2.34), libdb5.3, adduser"`,
		"dpkg-query": `test "$*" = "-W libc6 libdb5.3"`,
		"initdb":     "", "exim4": "", "alertmanager": "", "pgbouncer": "", "npm": "", "chromium": "",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	unpack := func() string {
		cmd := limit.Command(t, limit.Wait, "/bin/sh", "deps.sh", "-v")
		cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + home}
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, string(output))
		return string(output)
	}
	require.Contains(t, unpack(), "> apt-get download -q postfix\n")
	require.FileExists(t, filepath.Join(home, ".cache/sealos-notify/postfix/usr/lib/postfix/sbin/master"))
	require.Equal(t, "The tests find every program that they need.\n", unpack())
}

func TestSaysWhyItCannotInstall(t *testing.T) {
	t.Parallel()
	output, err := run(t, "0", "initdb", "exim4", "postfix", "pgbouncer", "npm", "chromium")
	require.Error(t, err)
	require.Contains(t, output, "There is no apt-get.")
	output, err = run(t, "1000", "initdb", "exim4", "pgbouncer", "npm", "chromium", "apt-get")
	require.Error(t, err)
	require.Contains(t, output, "Run this script as root, which installs: prometheus-alertmanager postfix\n")
}
