package harness

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ShellBlocks returns the sh blocks of a section. The page is a path from the
// project's folder; the heading is a line of the page.
func ShellBlocks(t *testing.T, page, heading string) []string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "..", page))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	require.True(t, found, "%s has no %s", page, heading)
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
