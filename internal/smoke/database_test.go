package smoke

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/testdb"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// The service tells the truth while its database is away, and goes on by itself
// when it is back. An outcome that could not be recorded meanwhile is not lost.
func TestDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	cluster, err := testdb.NewCluster(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Remove(context.Background())) })
	w := newWorld(t, cluster.Config())
	r := w.start()
	r.template()
	hang := w.feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, Hang: true, After: true})
	id := r.send("k", 1)
	require.NoError(t, hang.Wait(t.Context(), 1))

	require.NoError(t, cluster.Kill(t.Context()))
	hang.Lift() // its answer comes when nothing can be recorded
	a := r.call(appID, appSecret, http.MethodGet, "/health", nil)
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Equal(t, http.StatusServiceUnavailable, r.call(appID, appSecret, http.MethodGet, "/readyz", nil).status)
	require.Equal(t, http.StatusOK, r.call(appID, appSecret, http.MethodGet, "/livez", nil).status)
	started := time.Now()
	a = r.call(appID, appSecret, http.MethodPost, "/api/v1/notifications", notification("later", 1))
	require.Equal(t, http.StatusServiceUnavailable, a.status, a.raw)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Less(t, time.Since(started), 5*time.Second)

	require.NoError(t, cluster.Start(t.Context()))
	require.Eventually(t, func() bool {
		return r.call(appID, appSecret, http.MethodGet, "/health", nil).status == http.StatusOK
	}, patience, tick)
	tasks := r.until(id, "success")
	requireOnceEach(t, w, ids(tasks))
	require.Equal(t, 1, w.feishu.Inbox().Mark(tasks[0].ID).Requests, "the outcome waited for the database")
	requireOnceEach(t, w, ids(r.until(r.send("later", 1), "success")))
}
