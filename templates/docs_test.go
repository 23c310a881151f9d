package templates

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fencedBlock matches a code block of the page: its info string and its content.
var fencedBlock = regexp.MustCompile("(?ms)^```([a-z ]+)\n(.*?)\n```$")

func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/templates.md")
	require.NoError(t, err)
	blocks := fencedBlock.FindAllStringSubmatch(string(page), -1)
	require.Equal(t, strings.Count(string(page), "```"), 2*len(blocks), "the test misses a block")
	blocks = slices.DeleteFunc(blocks, func(block []string) bool { return block[1] == "sh" || block[1] == "yaml" }) // requests and files
	require.Zero(t, len(blocks)%3, "an example is three blocks")
	require.NotEmpty(t, blocks)
	for i := 0; i < len(blocks); i += 3 {
		template, params, want := blocks[i], blocks[i+1], blocks[i+2]
		format, known := map[string]Format{"template": Text, "template json": JSON, "template html": HTML}[template[1]]
		require.True(t, known, template[1])
		require.Equal(t, "params", params[1])
		got, err := render(t, format, template[2], params[2])
		switch want[1] {
		case "result":
			require.NoError(t, err, template[2])
			require.Equal(t, want[2], got)
		case "error":
			require.EqualError(t, err, want[2], template[2])
		default:
			require.Fail(t, "unknown block", want[1])
		}
	}
}
