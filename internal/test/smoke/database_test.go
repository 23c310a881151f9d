package smoke

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// While the database is down the probes say so and requests get 503. The service
// goes on by itself when the database is back. An outcome of that time is recorded
// then.
func TestDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	cluster, err := testdb.NewCluster(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Remove(limit.Context(t))) })
	w := harness.NewWorld(t, cluster.Config())
	r := w.Start()
	r.Template()
	hang := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, Hang: true, After: true})
	id := r.Send("k", 1)
	limit.Count(t, hang, 1, "hanging sends")

	require.NoError(t, cluster.Kill(t.Context()))
	hang.Lift()                         // the answer comes while nothing can be recorded
	require.Eventually(t, func() bool { // a probe is told what was known a second ago
		return r.Call(harness.AppID, harness.AppSecret, http.MethodGet, "/health", nil).Status == http.StatusServiceUnavailable
	}, harness.Patience, harness.Tick)
	require.Equal(t, http.StatusServiceUnavailable, r.Call(harness.AppID, harness.AppSecret, http.MethodGet, "/readyz", nil).Status)
	require.Equal(t, http.StatusOK, r.Call(harness.AppID, harness.AppSecret, http.MethodGet, "/livez", nil).Status)
	started := time.Now()
	a := r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", harness.Notification("later", 1))
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
