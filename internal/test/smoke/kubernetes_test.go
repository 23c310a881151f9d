package smoke

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
)

// The requests that try a new deployment work. The page's other commands need a
// cluster.
func TestKubernetesRequests(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	w.Write("apps.yaml", "apps: [{appId: notify-console, appSecret: a-long-random-secret}]")
	r := w.Start()
	blocks := shellBlocksOf(t, "docs/kubernetes.md", "## Trying it")
	require.Len(t, blocks, 2)
	answers := curls(t, w, r, strings.ReplaceAll(blocks[1], "CHANGE_ME_TO_A_LONG_RANDOM_SECRET", "a-long-random-secret"))
	require.Len(t, answers, 2)
	require.Equal(t, http.StatusCreated, answers[0].Status, answers[0].Raw)
	require.Equal(t, http.StatusAccepted, answers[1].Status, answers[1].Raw)
}
