package security

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/harness"
)

// nobody is a user that owns nothing.
const nobody = 65534

// The image has the static binary, a user without rights and nothing else; the
// program runs so, in a root folder in which that user can write nowhere.
func TestRunsWithoutRightsAndWritableFolders(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	w.Configure(map[string]string{"auth": `{credentialsFilePath: /apps.yaml}`})
	root := filepath.Join(t.TempDir(), "root")
	require.NoError(t, os.Mkdir(root, 0o755))
	build := exec.Command("go", "build", "-o", filepath.Join(root, "sealos-notify"), "github.com/labring/sealos-notify")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	for _, name := range []string{"config.yaml", "apps.yaml"} {
		content, err := os.ReadFile(w.Path(name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, name), content, 0o444))
	}
	require.NoError(t, os.Chmod(root, 0o555))
	t.Cleanup(func() { _ = os.Chmod(root, 0o755) }) // or it cannot be removed

	// The SQLite engine is what would need to write; that it cannot shows the bars.
	sqlite := inside(t, root, "-c", "/config.yaml", "migrate", "up")
	sqlite.Env = []string{"DATABASE_DRIVER=sqlite", "DATABASE_PATH=/notify.db"}
	output, err = sqlite.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(output), "unable to open database file")

	serve := inside(t, root, "-c", "/config.yaml")
	stderr, err := serve.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, serve.Start())
	t.Cleanup(func() { _ = serve.Process.Kill() })
	log, address := bufio.NewScanner(stderr), ""
	for address == "" && log.Scan() {
		var line struct{ Msg, Address string }
		require.NoError(t, json.Unmarshal(log.Bytes(), &line), log.Text())
		address = line.Address
	}
	require.NotEmpty(t, address, "it does not serve")
	go func() {
		for log.Scan() { // or its writes would stop it
			continue
		}
	}()
	r := w.At("http://" + address)
	r.Template()
	harness.RequireOnceEach(t, w, harness.IDs(r.Until(r.Send("k", 3), "success")))
	require.NoError(t, serve.Process.Signal(syscall.SIGTERM))
	require.NoError(t, serve.Wait(), "it stops in good order")
}

// inside is the program with the folder for its root and without rights. Who is
// not root already becomes so for the change, in a namespace of its own.
func inside(t *testing.T, root string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/sealos-notify", args...)
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	} else {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getegid(), Size: 1}}
	}
	return cmd
}
