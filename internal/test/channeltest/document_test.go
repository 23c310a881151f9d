package channeltest_test

import (
	"go/format"
	"io/fs"
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

// A channel that is added as the page says, in a copy of the project, leaves everything green
// that the page names: with a recipient type of its own, whose check the service makes. The
// suite finds a likely mistake.
func TestDocumentAddsAChannel(t *testing.T) {
	t.Parallel()
	dir := copyOfProject(t)
	page := read(t, filepath.Join(root, "docs/adding-a-channel.md"))
	follow(t, dir, page)

	commands := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(page, -1)
	require.Len(t, commands, 1)
	output, err := run(t, dir, "bash", "-euxc", commands[0][1])
	require.NoError(t, err, output)
	for _, tested := range []string{"api", "channels/builtin", "channels/pager", "config", "internal/test/hostile"} {
		require.Regexp(t, `ok  \s+github.com/labring/sealos-notify/`+tested+`\s`, output)
	}
	require.Contains(t, read(t, filepath.Join(dir, "api/openapi.yaml")), "- pager_id\n")
	require.Contains(t, read(t, filepath.Join(dir, "docs/configuration.md")), "### `type: pager_gateway`\n\nChannel `pager`; recipients `pager_id`;")

	// The command line knows it, and the service takes it.
	write(t, filepath.Join(dir, "pager_test.go"), acceptsPagers)
	output, err = run(t, dir, "go", "test", "-v", "-run", "^TestPagers$", ".")
	require.NoError(t, err, output)
	require.Contains(t, output, "--- PASS: TestPagers")

	sender := filepath.Join(dir, "channels/pager/sender.go")
	right := read(t, sender)
	wrong := strings.Replace(right, `err != nil || !answer.OK && answer.Code == ""`, "err != nil", 1)
	require.NotEqual(t, right, wrong)
	write(t, sender, wrong)
	output, err = run(t, dir, "go", "test", "-run", "TestSuite/answer/200", "./channels/pager")
	require.Error(t, err)
	require.Contains(t, output, "--- FAIL: TestSuite/answer/200_JSON_of_another")
}

// acceptsPagers is a test of the copied program.
const acceptsPagers = `package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
)

func TestPagers(t *testing.T) {
	types := channels.RecipientTypesOf(builtin.Types()...)
	require.NoError(t, accepting.CheckRecipient(types, store.Recipient{Type: "pager_id", Value: "P-7"}))
	require.ErrorContains(t, accepting.CheckRecipient(types, store.Recipient{Type: "pager_id", Value: "7"}), "such as P-1234")
	require.ErrorContains(t, accepting.CheckRecipient(types, store.Recipient{Type: "pager", Value: "7"}), "known are pager_id, ")
	require.Contains(t, vars()["recipient_types"], "pager_id, ")
	require.Contains(t, vars()["channels"], "pager, ")
}
`

// packages is where make installs Node's programs: 300 MB.
const packages = "internal/tools/node/node_modules"

// copyOfProject returns the folder of a copy. It uses the project's Node programs.
func copyOfProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, entry := range entries {
		from, to := filepath.Join(root, entry.Name()), filepath.Join(dir, entry.Name())
		switch ext := filepath.Ext(entry.Name()); {
		case strings.HasPrefix(entry.Name(), "."):
		case entry.IsDir():
			copyFolder(t, from, to)
		case ext != "" || entry.Name() == "Makefile":
			write(t, to, read(t, from))
		}
	}
	linkPackages(t, dir)
	return dir
}

// copyFolder copies a folder's files, without what npm has installed.
func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Name() == filepath.Base(packages):
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil // a link to what is installed elsewhere: npm would remove what is there
		case entry.IsDir():
			return nil
		}
		inside, err := filepath.Rel(from, path)
		if err == nil {
			write(t, filepath.Join(to, inside), read(t, path))
		}
		return err
	}))
}

// linkPackages lets the copy have what npm has installed for the project, in a folder that
// is newer than what it was made of, so that make does not install it again.
func linkPackages(t *testing.T, dir string) {
	t.Helper()
	installed, err := filepath.Abs(filepath.Join(root, packages))
	require.NoError(t, err)
	entries, err := os.ReadDir(installed)
	require.NoError(t, err, "run make deps")
	lock := filepath.Join(dir, packages, ".package-lock.json")
	write(t, lock, read(t, filepath.Join(installed, ".package-lock.json")))
	for _, entry := range entries {
		link := filepath.Join(dir, packages, entry.Name())
		if link != lock {
			require.NoError(t, os.Symlink(filepath.Join(installed, entry.Name()), link))
		}
	}
}

// follow adds the page's files to a copy of the project, and its lines to files of it.
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
	diffs := regexp.MustCompile("(?s)```diff\n (?://|#) (\\S+)\n(.*?)```").FindAllStringSubmatch(document, -1)
	require.Len(t, diffs, 3)
	for _, diff := range diffs {
		path := filepath.Join(dir, diff[1])
		content, before := read(t, path), ""
		for line := range strings.Lines(diff[2]) {
			if context, is := strings.CutPrefix(line, " "); is {
				before = "\n" + context
				require.Equal(t, 1, strings.Count(content, before), "%s: %q", diff[1], context)
				continue
			}
			added, is := strings.CutPrefix(line, "+")
			require.True(t, is, "%s: %q", diff[1], line)
			content = strings.Replace(content, before, before+added, 1)
			before += added
		}
		write(t, path, content)
	}
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
