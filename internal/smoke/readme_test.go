package smoke

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

// The quick start on PostgreSQL works as the README writes it: its shell blocks
// are taken from there and run, but for the lines that fetch the project and
// start a database and the service.
func TestReadmeQuickStart(t *testing.T) {
	t.Parallel()
	w := newPostgresWorld(t)
	blocks := shellBlocks(t, "## With PostgreSQL")
	require.Len(t, blocks, 2)

	example, err := os.ReadFile(filepath.Join("..", "..", "config.example.yaml"))
	require.NoError(t, err)
	w.write("config.example.yaml", string(example))
	w.shell(`git() { :; }; cd() { :; }; docker() { :; }; go() { :; }` + "\n" + blocks[0])

	t.Log("the example is valid as it is")
	out, err := w.program("config", "check", "-c", "config.yaml").CombinedOutput()
	require.NoError(t, err, "%s", out)

	r := w.startWith([]string{
		"DATABASE_HOST=" + w.db.Host, fmt.Sprintf("DATABASE_PORT=%d", w.db.Port), "DATABASE_USER=" + w.db.User,
		"DATABASE_PASSWORD=" + w.db.Password, "DATABASE_DBNAME=" + w.db.DBName,
		"SERVER_ADDRESS=127.0.0.1:0", "AUTH_CREDENTIALS_FILE_PATH=" + w.path("sealos-notify-auth/apps.yaml"),
	})
	answers := w.curls(r, blocks[1])
	require.Len(t, answers, 2)
	require.Equal(t, http.StatusCreated, answers[0].status, answers[0].raw)
	require.Equal(t, http.StatusAccepted, answers[1].status, answers[1].raw)
}

// The request of the README is answered as it says.
func TestReadmeRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, store.Config{Driver: store.DriverSQLite, Path: filepath.Join(t.TempDir(), "notify.db")})
	r := w.start()
	r.template()
	blocks := shellBlocks(t, "## A request and its answer")
	require.Len(t, blocks, 2)
	answers := w.curls(r, blocks[0]+"\n"+blocks[0])
	require.Equal(t, http.StatusAccepted, answers[0].status, answers[0].raw)
	require.Equal(t, []any{map[string]any{"type": "phone", "value": "+8613800000000"}}, answers[0].body["unmatched"])
	require.Equal(t, http.StatusOK, answers[1].status)
	require.Equal(t, "true", answers[1].header.Get("Idempotent-Replayed"))
	id := answers[0].body["notificationId"].(string)
	read := w.curls(r, "ID="+id+"\n"+blocks[1])
	require.Equal(t, http.StatusOK, read[0].status)
	require.Equal(t, id, read[0].body["id"])
}

// shellBlocks returns the sh blocks of a section of the README.
func shellBlocks(t *testing.T, heading string) []string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(readme), "\n"+heading+"\n")
	require.True(t, found, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []string
	for {
		_, after, found := strings.Cut(section, "```sh\n")
		if !found {
			return blocks
		}
		var block string
		block, section, found = strings.Cut(after, "```\n")
		require.True(t, found)
		blocks = append(blocks, block)
	}
}

// shell runs a script in the world's folder, which stands in for /tmp.
func (w *world) shell(script string) string {
	w.t.Helper()
	cmd := exec.Command("bash", "-euc", strings.ReplaceAll(script, "/tmp/", w.dir+"/"))
	cmd.Dir = w.dir
	out, err := cmd.Output()
	require.NoError(w.t, err, "%s", script)
	return string(out)
}

// curls makes the requests of a script's curl commands.
func (w *world) curls(r *replica, script string) []answer {
	w.t.Helper()
	// In the script, curl prints its arguments.
	out := w.shell(`curl() { printf '%s\0' "$@"; printf '\1'; }` + "\n" + script)
	var answers []answer
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
			url = strings.Replace(url, base, r.base, 1)
		}
		req, err := http.NewRequest(method, url, strings.NewReader(body))
		require.NoError(w.t, err)
		for _, h := range headers {
			req.Header.Set(h[0], h[1])
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(w.t, err)
		raw, err := io.ReadAll(resp.Body)
		require.NoError(w.t, err)
		require.NoError(w.t, resp.Body.Close())
		answers = append(answers, newAnswer(w.t, resp, raw))
	}
	return answers
}
