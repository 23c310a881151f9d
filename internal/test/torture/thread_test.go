package torture

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
)

// threadKey matches the key of a notification in a message of a thread: the caller and its count.
var threadKey = regexp.MustCompile(`(\d+)-(\d+)`)

// Each caller tells one person how one thing goes on, over the channels that edit. Both workers are killed
// while messages are sent and edited. The first message may be lost and found again; no edit is.
func TestKillWhileThreadsAreEdited(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	s.request = func(key string) map[string]any {
		caller, _, _ := strings.Cut(key, "-")
		r := request(key, "feishu_app", "inapp")
		r["thread"] = "thread-" + caller
		r["channels"].(map[string]any)["feishu_app"].(map[string]any)["template"] = "card"
		r["recipients"] = []map[string]string{{"type": "feishu_user_id", "value": "ou_" + caller}, {"type": "user_id", "value": "user" + caller}}
		return r
	}
	s.fleet.add(s.StartWith([]string{"DISPATCHER_ENABLED=false"}))
	s.open(0)
	s.fleet.any().Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
		"name": "card", "channel": "feishu_app", "msgType": "interactive", "body": `{"elements": [{"tag": "markdown", "content": "{{ .n }}"}]}`,
	})
	slow := vendors.Fault{After: true, Delay: 300 * time.Millisecond}
	defer s.fail(slow)()
	for where, inject := range map[string]func(vendors.Fault) *vendors.Injection{feishu.Edit: s.Vendors.Feishu.Fail, k8s.Patch: s.Vendors.Cluster.Fail} {
		slow.Where = where
		defer inject(slow).Lift()
	}

	load := s.load(10, 100*time.Millisecond)
	kills := length(3, 30)
	edited := func() int { return s.Vendors.Inbox.Changes() - s.Vendors.Inbox.Total() }
	for range kills {
		before := edited()
		workers := []*harness.Replica{s.Start(), s.Start()}
		s.run(length(2*time.Second, 4*time.Second))
		// What waited while slow workers started is superseded: only what comes afterwards edits.
		require.Eventually(t, func() bool { return edited() > before && s.count(sending) > 0 }, limit.Wait, 10*time.Millisecond, "nothing is edited")
		for _, worker := range workers {
			worker.Kill()
		}
		s.run(length(0, 15*time.Second)) // in which some leases of turns end
	}
	load.stop()
	s.rescue()
	b := s.balance()

	last := map[string]int{} // the highest count of each caller that was accepted
	rows, err := s.db.Query(t.Context(), `SELECT idempotency_key FROM notifications`)
	require.NoError(t, err)
	for rows.Next() {
		var key string
		require.NoError(t, rows.Scan(&key))
		caller, n := keyOf(t, key)
		last[caller] = max(last[caller], n)
	}
	require.NoError(t, rows.Err())
	edits, seen := 0, map[string]bool{}
	for _, arrival := range s.Vendors.Inbox.Arrivals() {
		caller, highest := "", 0
		texts := append(arrival.Was, arrival.Text)
		for _, text := range texts {
			var n int
			caller, n = keyOf(t, text)
			require.GreaterOrEqual(t, n, highest, "an edit was overtaken: %v", texts)
			highest = n
		}
		require.Equal(t, last[caller], highest, "the last notification is not shown: %v", texts)
		require.False(t, seen[arrival.Channel+arrival.To], "%s has two messages over %s", arrival.To, arrival.Channel)
		seen[arrival.Channel+arrival.To] = true
		edits += len(arrival.Was)
	}
	require.Len(t, seen, 2*len(last))
	results.add(27, fmt.Sprintf("%d kills", kills), b, "%d threads, %d edits, %d superseded; each message shows the last one",
		len(last), edits, s.count(`SELECT count(*) FROM deliveries WHERE last_code = 'superseded'`))
	for channel, ended := range b.ended {
		require.Equal(t, b.accepted/2, ended["success"]+ended["cancelled"], "%s: %v", channel, ended)
	}
	require.Positive(t, s.count(lostSends, []string{"feishu_app", "inapp"}), "no kill met a send")
}

func keyOf(t *testing.T, text string) (caller string, n int) {
	t.Helper()
	found := threadKey.FindStringSubmatch(text)
	require.NotNil(t, found, text)
	n, err := strconv.Atoi(found[2])
	require.NoError(t, err)
	return found[1], n
}
