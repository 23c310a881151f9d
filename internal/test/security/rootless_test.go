package security

import (
	"bufio"
	"encoding/json"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
)

// The image has the static binary, a user without rights and nothing else; the
// program runs so, in a root folder in which that user can write nowhere.
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

	// The SQLite engine is what would need to write; that it cannot shows the bars.
	sqlite := root.Program("-c", "/config.yaml", "migrate", "up")
	sqlite.Env = []string{"DATABASE_DRIVER=sqlite", "DATABASE_PATH=/notify.db"}
	output, err := sqlite.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(output), "unable to open database file")

	serve := root.Program("-c", "/config.yaml")
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
