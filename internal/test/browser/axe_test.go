package browser

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// The file is served to the pages as it came.
func TestAxeIsAsItCame(t *testing.T) {
	t.Parallel()
	about, err := os.ReadFile("axe/README.md")
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(axe))
	require.Contains(t, string(about), hex.EncodeToString(sum[:]))
}
