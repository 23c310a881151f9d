package torture

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
)

// sending counts the deliveries that a worker has.
const sending = `SELECT count(*) FROM river_job WHERE kind = 'deliver' AND state = 'running'
	AND attempted_at > now() - interval '500 milliseconds'`

// Digests of forty people close again and again, and both workers are killed while some are sent. What the
// vendor has received holds each item once.
func TestKillWhileDigestsCloseAndAreSent(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	s.request = func(key string) map[string]any {
		// Of each of ten callers every fourth: so the windows do not all end at once.
		user := fmt.Sprintf("ou_%c_%d", key[0], key[len(key)-1]%4)
		r := request(key, "feishu_app")
		r["kind"], r["recipients"] = "billing", []map[string]string{{"type": "feishu_user_id", "value": user}}
		return r
	}
	s.fleet.add(s.StartWith([]string{"DISPATCHER_ENABLED=false"}))
	s.open(0)
	r := s.fleet.any()
	r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
		"name": "digest", "channel": "feishu_app", "msgType": "text", "body": "{{ range .items }}{{ .n }} {{ end }}+{{ .rest }}",
	})
	put := r.Call(harness.AdminID, harness.AdminSecret, http.MethodPut, "/api/v1/kinds/billing",
		map[string]any{"digest": map[string]any{"window": "1s", "template": "digest"}})
	require.Equal(t, http.StatusOK, put.Status, put.Raw)
	defer s.fail(vendors.Fault{After: true, Delay: 800 * time.Millisecond})()

	load := s.load(10, 50*time.Millisecond)
	kills := length(3, 20)
	for range kills {
		workers := []*harness.Replica{s.Start(), s.Start()}
		s.run(length(time.Second, 3*time.Second))
		require.Eventually(t, func() bool { return s.count(sending) > 0 }, limit.Wait, 10*time.Millisecond, "nothing is sent")
		for _, worker := range workers {
			worker.Kill()
		}
	}
	load.stop()
	s.rescue()
	b := s.close()

	shown := map[string]int{} // how often each item has arrived, by its key
	rest := 0                 // items that digests have only counted: each shows a hundred
	for _, arrival := range s.Vendors.Inbox.Arrivals() {
		items, more, _ := strings.Cut(arrival.Text, "+")
		for _, key := range strings.Fields(items) {
			shown[key]++
		}
		n, err := strconv.Atoi(more)
		require.NoError(t, err, arrival.Text)
		rest += n
	}
	digests := s.count(`SELECT count(*) FROM deliveries WHERE digest_id = id`)
	results.add(24, fmt.Sprintf("%d kills", kills), b, "%d digests, each item in one", digests)
	require.Equal(t, b.accepted, len(shown)+rest, "shown, and counted")
	for key, times := range shown {
		require.Equal(t, 1, times, key)
	}
	require.Equal(t, digests, s.Vendors.Inbox.Total())
	require.Equal(t, map[string]int{"success": b.accepted + digests}, b.ended["feishu_app"])
	requireNoDup(t, b, "feishu_app")
	require.Zero(t, s.count(`SELECT count(*) FROM digests`))
	require.Positive(t, s.count(lostSends, []string{"feishu_app"}), "no kill met a send")
}
