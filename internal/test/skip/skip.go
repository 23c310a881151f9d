// Package skip skips tests that a machine cannot run.
package skip

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// Lacking skips a test because the machine lacks something. In CI no test is skipped: there
// it fails.
func Lacking(t testing.TB, what string) {
	t.Helper()
	require.Empty(t, os.Getenv("CI"), "in CI no test is skipped, and this machine lacks: %s", what)
	t.Skip("this machine lacks: " + what)
}
