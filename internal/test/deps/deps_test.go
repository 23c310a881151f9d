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
	cmd.Env = []string{"PATH=" + path}
	output, err := cmd.CombinedOutput()
	return string(output), err
}

func TestInstallsWhatIsMissing(t *testing.T) {
	t.Parallel()
	output, err := run(t, "0", "initdb", "exim4", "apt-get")
	require.NoError(t, err)
	require.Equal(t, `The tests need programs that this machine lacks. Debian's packages: prometheus-alertmanager
Installing: prometheus-alertmanager
> apt-get update -q
> apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=120 prometheus-alertmanager
`, output)

	output, err = run(t, "1000", "initdb", "exim4", "apt-get", "sudo")
	require.NoError(t, err)
	require.Contains(t, output, "> sudo env DEBIAN_FRONTEND=noninteractive apt-get install")

	output, err = run(t, "0", "initdb", "exim4", "alertmanager")
	require.NoError(t, err)
	require.Equal(t, "The tests find every program that they need.\n", output)
}

func TestSaysWhyItCannotInstall(t *testing.T) {
	t.Parallel()
	output, err := run(t, "0", "initdb", "exim4")
	require.Error(t, err)
	require.Contains(t, output, "There is no apt-get.")
	output, err = run(t, "1000", "initdb", "exim4", "apt-get")
	require.Error(t, err)
	require.Contains(t, output, "Run as root: apt-get install prometheus-alertmanager\n")
}
