package torture

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// docs/reliability.md lists the same tortures.
func TestDocumentedTortures(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../../docs/reliability.md")
	require.NoError(t, err)
	for i := range tortures {
		require.Contains(t, string(document), "\n"+row(i)+" ")
	}
}
