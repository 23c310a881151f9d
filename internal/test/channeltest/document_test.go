package channeltest_test

import (
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the module's folder.
const root = "../../.."

// A channel that is added as the document says passes vet, builds with the table and
// passes the suite. The suite finds a likely mistake.
func TestDocumentAddsAChannel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, part := range []string{"channels", "client", "internal/test/channeltest", "internal/vendors"} {
		require.NoError(t, os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(root, part))))
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		write(t, filepath.Join(dir, file), read(t, filepath.Join(root, file)))
	}
	follow(t, dir, read(t, filepath.Join(root, "docs/adding-a-channel.md")))

	output, err := run(t, dir, "go", "vet", "./channels/pager", "./channels/builtin", "./internal/vendors/pager")
	require.NoError(t, err, output)
	output, err = run(t, dir, "go", "test", "-v", "./channels/pager", "./channels/builtin")
	require.NoError(t, err, output)
	require.Contains(t, output, "--- PASS: TestSuite/request/many_at_once")
	require.Contains(t, output, "--- PASS: TestSend")

	sender := filepath.Join(dir, "channels/pager/sender.go")
	right := read(t, sender)
	wrong := strings.Replace(right, `err != nil || !answer.OK && answer.Code == ""`, "err != nil", 1)
	require.NotEqual(t, right, wrong)
	write(t, sender, wrong)
	output, err = run(t, dir, "go", "test", "-run", "TestSuite/answer/200", "./channels/pager")
	require.Error(t, err)
	require.Contains(t, output, "--- FAIL: TestSuite/answer/200_JSON_of_another")
}

// follow adds the document's files and lines of the table to a copy of the module.
func follow(t *testing.T, dir, document string) {
	t.Helper()
	blocks := regexp.MustCompile("(?s)```go\n// (\\S+)\n\n(.*?)```").FindAllStringSubmatch(document, -1)
	require.Len(t, blocks, 4)
	for _, block := range blocks {
		path, code := block[1], block[2]
		formatted, err := format.Source([]byte(code))
		require.NoError(t, err, path)
		require.Equal(t, string(formatted), code, "%s is not formatted", path)
		write(t, filepath.Join(dir, path), code)
	}

	added := regexp.MustCompile(`(?m)^\+(.+\n)`).FindAllStringSubmatch(document, -1)
	require.Len(t, added, 2, "an import and a line of the table")
	table := filepath.Join(dir, "channels/builtin/builtin.go")
	code := read(t, table)
	for i, before := range []string{"import (\n", "[]channels.Type{\n"} {
		require.Contains(t, code, before)
		code = strings.Replace(code, before, before+added[i][1], 1)
	}
	write(t, table, code)
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

func run(t *testing.T, dir string, command ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	return string(output), err
}
