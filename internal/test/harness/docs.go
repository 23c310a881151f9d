package harness

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ShellBlocks returns the sh blocks of a section.
func ShellBlocks(t *testing.T, page, heading string) []string {
	t.Helper()
	return Blocks(t, page, heading, "sh")
}

// Blocks returns the blocks of a section that are in the language. The page is a path
// from the project's folder; the heading is a line of the page.
func Blocks(t *testing.T, page, heading, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Project(), page))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	require.True(t, found, "%s has no %s", page, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []string
	for {
		_, after, found := strings.Cut(section, "```"+language+"\n")
		if !found {
			return blocks
		}
		var block string
		block, section, found = strings.Cut(after, "```\n")
		require.True(t, found)
		blocks = append(blocks, block)
	}
}

// Project returns the path of the project's folder.
func Project() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "..")
}
