package security

import (
	"encoding/json"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// The program runs in a root folder like the image's: it holds only the static binary
// and the configuration, and the user can write nowhere.
func TestRunsWithoutRightsAndWritableFolders(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	w.Configure(map[string]string{"auth": `{credentialsFilePath: /apps.yaml}`})
	root := harness.NewRoot(t)
	for _, name := range []string{"config.yaml", "apps.yaml"} {
		content, err := os.ReadFile(w.Path(name))
		require.NoError(t, err)
		root.Write("/"+name, string(content))
	}

	// The SQLite engine needs to write. Its failure proves that the folder is read-only.
	sqlite := root.Program("migrate", "up", "-c", "/config.yaml")
	sqlite.Env = []string{"DATABASE_DRIVER=sqlite", "DATABASE_PATH=/notify.db"}
	output, err := sqlite.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(output), "open /notify.db.lock: permission denied")

	serve := root.Program("-c", "/config.yaml")
	stderr, err := serve.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, serve.Start())
	t.Cleanup(func() { _ = serve.Process.Kill() })
	var entry struct{ Address string }
	limit.Line(t, stderr, "address", func(line string) bool {
		err = json.Unmarshal([]byte(line), &entry)
		return err != nil || entry.Address != ""
	})
	require.NoError(t, err, "a line that is not the log's")
	r := w.At("http://" + entry.Address)
	r.Template()
	harness.RequireOnceEach(t, w, harness.IDs(r.Until(r.Send("k", 3), "success")))
	require.NoError(t, serve.Process.Signal(syscall.SIGTERM))
	require.NoError(t, serve.Wait(), "it stops with code 0")
}
