package smoke

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// The README's quick start on PostgreSQL works. The test runs its shell blocks without
// the lines that fetch the project and start a database and the service.
func TestReadmeQuickStart(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	blocks := shellBlocks(t, "## With PostgreSQL")
	require.Len(t, blocks, 1)

	example, err := os.ReadFile(filepath.Join("..", "..", "..", "config.example.yaml"))
	require.NoError(t, err)
	w.Write("config.example.yaml", string(example))
	shell(t, w, `git() { :; }; cd() { :; }; docker() { :; }; go() { :; }`+"\n"+blocks[0])

	t.Log("the example is valid as it is")
	credentials := "AUTH_CREDENTIALS_FILE_PATH=" + w.Path("sealos-notify-auth/apps.yaml")
	check := w.Program("config", "check", "-c", "config.yaml")
	check.Env = append(check.Environ(), credentials)
	out, err := check.CombinedOutput()
	require.NoError(t, err, "%s", out)

	r := w.StartWith([]string{
		"DATABASE_HOST=" + w.DB.Host, fmt.Sprintf("DATABASE_PORT=%d", w.DB.Port), "DATABASE_USER=" + w.DB.User,
		"DATABASE_PASSWORD=" + w.DB.Password, "DATABASE_DBNAME=" + w.DB.DBName,
		"SERVER_ADDRESS=127.0.0.1:0", "METRICS_ADDRESS=127.0.0.1:0", credentials,
	})
	r.Template()
	answers := curls(t, w, r, shellBlocks(t, "## A request and its answer")[0])
	require.Len(t, answers, 1)
	require.Equal(t, http.StatusAccepted, answers[0].Status, answers[0].Raw)
}

// The README's request has the answer that the README shows.
func TestReadmeRequest(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	blocks := shellBlocks(t, "## A request and its answer")
	require.Len(t, blocks, 2)
	answers := curls(t, w, r, blocks[0]+"\n"+blocks[0])
	require.Equal(t, http.StatusAccepted, answers[0].Status, answers[0].Raw)
	require.Equal(t, []any{map[string]any{"type": "phone", "value": "+8613800000000"}}, answers[0].Body["unmatched"])
	require.Equal(t, http.StatusOK, answers[1].Status)
	require.Equal(t, "true", answers[1].Header.Get("Idempotent-Replayed"))
	id := answers[0].Body["notificationId"].(string)
	read := curls(t, w, r, "ID="+id+"\n"+blocks[1])
	require.Equal(t, http.StatusOK, read[0].Status)
	require.Equal(t, id, read[0].Body["id"])
}

// shellBlocks returns the sh blocks of a section of the README.
func shellBlocks(t *testing.T, heading string) []string {
	t.Helper()
	return shellBlocksOf(t, "README.md", heading)
}

// shellBlocksOf returns the sh blocks of a section of a page.
func shellBlocksOf(t *testing.T, page, heading string) []string {
	t.Helper()
	return harness.ShellBlocks(t, page, heading)
}

// shell runs a script in the world's folder, which replaces /tmp, and returns its
// output.
func shell(t *testing.T, w *harness.World, script string) string {
	t.Helper()
	cmd := limit.Command(t, 2*limit.Wait, "bash", "-euc", strings.ReplaceAll(script, "/tmp/", w.Dir+"/"))
	cmd.Dir = w.Dir
	out, err := cmd.Output()
	require.NoError(t, err, "%s", script)
	return string(out)
}

// curls makes the requests of a script's curl commands.
func curls(t *testing.T, w *harness.World, r *harness.Replica, script string) []harness.Answer {
	t.Helper()
	// In the script, curl prints its arguments.
	out := shell(t, w, `curl() { printf '%s\0' "$@"; printf '\1'; }`+"\n"+script)
	var answers []harness.Answer
	for _, call := range strings.Split(strings.TrimSuffix(out, "\x01"), "\x01") {
		args := strings.Split(strings.TrimSuffix(call, "\x00"), "\x00")
		method, url, body, headers := http.MethodGet, "", "", [][2]string{}
		for i := 0; i < len(args); i++ {
			switch args[i] {
			case "-X":
				i++
				method = args[i]
			case "-d":
				i++
				body = args[i]
			case "-H":
				i++
				name, value, _ := strings.Cut(args[i], ": ")
				headers = append(headers, [2]string{name, value})
			default:
				url = args[i]
			}
		}
		for _, base := range []string{"http://localhost:8080", "http://127.0.0.1:8080"} {
			url = strings.Replace(url, base, r.Base, 1)
		}
		req, err := http.NewRequest(method, url, strings.NewReader(body))
		require.NoError(t, err)
		for _, h := range headers {
			req.Header.Set(h[0], h[1])
		}
		resp, err := limit.Client.Do(req)
		require.NoError(t, err)
		raw, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		answers = append(answers, harness.NewAnswer(t, resp, raw))
	}
	return answers
}
