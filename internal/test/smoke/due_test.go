package smoke

import (
	"database/sql"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/store"
)

// latest is how late something that became due may start, as docs/reliability.md promises.
const latest = 5 * time.Second

// A sendAt, the retries and a throttled delivery start in time, whatever the interval of the
// fallback poll is.
func TestDueStartsInTime(t *testing.T) {
	for name, dispatcher := range map[string]string{
		"default interval": `{leaseTimeout: 30s}`,
		"interval 60s":     `{interval: 60s, leaseTimeout: 30s}`,
	} {
		t.Run(name, func(t *testing.T) {
			harness.EachEngine(t, func(t *testing.T, w *harness.World) {
				w.Configure(map[string]string{
					"dispatcher": dispatcher, "defaults": `{retryBackoffSeconds: [2, 2, 2], timeoutSeconds: 10}`,
				})
				r := w.Start()
				r.Template()
				sendAt(r, "later", time.Now().Add(9600*time.Millisecond))
				throttled := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, HTTPStatus: 429, Code: "99991400",
					Header: http.Header{"X-Ogw-Ratelimit-Reset": {"6"}}})
				r.Send("throttled", 1)
				limit.Count(t, throttled, 1, "throttled sends")
				w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 3, HTTPStatus: 500})
				r.Send("retried", 1)
				require.Equal(t, map[string]int{"": 3, "throttled": 1, "transient": 3}, attemptsInTime(t, r, 7))
			})
		})
	}
}

// Deliveries that wait for a slot of a rate limit start in time, so that the rate is reached.
func TestSlotsStartInTime(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		const n = 12
		w.Configure(map[string]string{
			"dispatcher": `{interval: 60s, leaseTimeout: 30s}`,
			"providers":  strings.Replace(w.FeishuProvider(""), "perSecond: 0", "perSecond: 1", 1),
		})
		r := w.Start()
		r.Template()
		begin := time.Now()
		r.Send("k", n)
		for range n { // they wait in their line
			require.Equal(t, "success", r.Await("attempt")["status"])
		}
		require.Less(t, time.Since(begin), n*time.Second+latest)
	})
}

// River's leader is killed. Its lease goes on, and nobody else becomes the leader before its
// end; what becomes due meanwhile starts in time all the same.
func TestDueStartsInTimeWithoutALeader(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{"dispatcher": `{leaseTimeout: 30s}`})
		r := w.Start()
		r.Template()
		var killed string
		require.Eventually(t, func() bool {
			killed = leader(t, w)
			return killed != ""
		}, limit.Wait, harness.Tick, "there is no leader")
		// River's leader makes jobs available 5 s ahead: it must not see this one.
		due := time.Now().Add(8 * time.Second)
		sendAt(r, "later", due)
		r.Kill()

		attemptsInTime(t, w.Start(), 1)
		require.Equal(t, killed, leader(t, w), "there is a new leader: the test was too slow to see anything")
		arrived := w.Vendors.Feishu.Inbox().Arrivals()[0].At
		require.WithinRange(t, arrived, due, due.Add(latest))
	})
}

// The replica loses the connection on which it hears announcements. What is accepted before it
// has a new one starts in time all the same.
func TestDueStartsInTimeAfterALostAnnouncement(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	w.Configure(map[string]string{"dispatcher": `{interval: 60s, leaseTimeout: 30s}`})
	r := w.Start()
	r.Template()
	r.Send("before", 1)
	attemptsInTime(t, r, 1)
	tag, err := w.Pool().Exec(limit.Context(t), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND query ~ '^(LISTEN|-- ping)'`)
	require.NoError(t, err)
	require.Positive(t, tag.RowsAffected())
	r.Send("after", 10)
	require.Equal(t, map[string]int{"": 10}, attemptsInTime(t, r, 10))
}

// sendAt posts a notification to one user for the time.
func sendAt(r *harness.Replica, key string, at time.Time) {
	body := harness.Notification(key, 1)
	body["sendAt"] = at.Format(time.RFC3339Nano)
	r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
}

// attemptsInTime waits for n attempts of the replica, requires that each began in time, and
// counts them by class.
func attemptsInTime(t *testing.T, r *harness.Replica, n int) map[string]int {
	t.Helper()
	classes := map[string]int{}
	for range n {
		attempt := r.Await("attempt")
		waited, err := time.ParseDuration(attempt["waited"].(string))
		require.NoError(t, err)
		require.Less(t, waited, latest, "%v", attempt)
		classes[attempt["class"].(string)]++
	}
	return classes
}

// leader returns the id of River's leader, or "" when there is none.
func leader(t *testing.T, w *harness.World) (id string) {
	t.Helper()
	const query = "SELECT coalesce(max(leader_id), '') FROM river_leader"
	if w.DB.Driver != store.DriverSQLite {
		require.NoError(t, w.Pool().QueryRow(limit.Context(t), query).Scan(&id))
		return id
	}
	db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?_busy_timeout=10000", w.DB.Path))
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	require.NoError(t, db.QueryRowContext(limit.Context(t), query).Scan(&id))
	return id
}
