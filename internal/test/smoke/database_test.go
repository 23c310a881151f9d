package smoke

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// The service tells the truth while its database is away, and goes on by itself
// when it is back. An outcome that could not be recorded meanwhile is not lost.
func TestDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	cluster, err := testdb.NewCluster(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Remove(context.Background())) })
	w := harness.NewWorld(t, cluster.Config())
	r := w.Start()
	r.Template()
	hang := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, Hang: true, After: true})
	id := r.Send("k", 1)
	require.NoError(t, hang.Wait(t.Context(), 1))

	require.NoError(t, cluster.Kill(t.Context()))
	hang.Lift() // its answer comes when nothing can be recorded
	a := r.Call(harness.AppID, harness.AppSecret, http.MethodGet, "/health", nil)
	require.Equal(t, http.StatusServiceUnavailable, a.Status)
	require.Equal(t, http.StatusServiceUnavailable, r.Call(harness.AppID, harness.AppSecret, http.MethodGet, "/readyz", nil).Status)
	require.Equal(t, http.StatusOK, r.Call(harness.AppID, harness.AppSecret, http.MethodGet, "/livez", nil).Status)
	started := time.Now()
	a = r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", harness.Notification("later", 1))
	require.Equal(t, http.StatusServiceUnavailable, a.Status, a.Raw)
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	require.Less(t, time.Since(started), 5*time.Second)

	require.NoError(t, cluster.Start(t.Context()))
	require.Eventually(t, func() bool {
		return r.Call(harness.AppID, harness.AppSecret, http.MethodGet, "/health", nil).Status == http.StatusOK
	}, harness.Patience, harness.Tick)
	tasks := r.Until(id, "success")
	harness.RequireOnceEach(t, w, harness.IDs(tasks))
	require.Equal(t, 1, w.Vendors.Feishu.Inbox().Mark(tasks[0].ID).Requests, "the outcome waited for the database")
	harness.RequireOnceEach(t, w, harness.IDs(r.Until(r.Send("later", 1), "success")))
}
