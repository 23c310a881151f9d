package torture

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/aliyun"
	"github.com/labring/sealos-notify/internal/vendors/dingtalk"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/internal/vendors/feishubot"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
	"github.com/labring/sealos-notify/internal/vendors/volcengine"
	"github.com/labring/sealos-notify/internal/vendors/webhook"
	"github.com/labring/sealos-notify/internal/vendors/wecom"
)

// The channels, by what happens to a delivery whose send may have succeeded.
var (
	once   = []string{"feishu_app", "inapp", "dingtalk_group", "webhook"} // resent; the vendor drops the duplicate
	held   = []string{"sms", "voice"}                                     // not resent before the vendor was asked
	resent = []string{"email", "feishu_webhook", "wecom_group"}           // resent; a duplicate does no harm
	all    = slices.Concat(once, held, resent)
)

// fanOut is the number of deliveries of a stage's notification: one for each channel.
var fanOut = len(all)

// stage is what one torture uses: a world with all channels on, replicas and ledgers.
type stage struct {
	*harness.World
	t      *testing.T
	db     *pgxpool.Pool
	ledger *ledger
	fleet  fleet
	also   *vendors.Inbox // of the second vendors; nil without any
	held   int            // deliveries that close found held, and that settled
	// request returns the body of the request with a key.
	request func(key string) map[string]any
}

// The timeout of a provider call is long enough for a busy machine. The lease is the
// shortest for that timeout.
const (
	timeout = 10 * time.Second
	lease   = timeout + 10*time.Second
)

// dispatcher returns the `dispatcher` section with the lease.
func dispatcher(lease time.Duration) string {
	return fmt.Sprintf(`{interval: 1s, leaseTimeout: %s, batchSize: 50}`, lease)
}

func newStage(t *testing.T, w *harness.World) *stage {
	t.Helper()
	w.UseAllChannels(w.Vendors.Addresses)
	w.Configure(map[string]string{
		"dispatcher": dispatcher(lease),
		"defaults":   fmt.Sprintf(`{maxRetry: 20, retryBackoffSeconds: [0, 0, 1], timeoutSeconds: %d}`, timeout/time.Second),
	})
	return &stage{
		World: w, t: t, db: w.Pool(), ledger: newLedger(),
		request: func(key string) map[string]any { return request(key) },
	}
}

// unhurried gives sends a minute, and more of a lease. It is for a torture that kills and
// freezes nothing: there nothing may be sent again, however slow the machine is.
func (s *stage) unhurried() {
	s.t.Helper()
	s.Configure(map[string]string{
		"dispatcher": dispatcher(2 * time.Minute),
		"defaults":   `{maxRetry: 20, retryBackoffSeconds: [0, 0, 1], timeoutSeconds: 60}`,
	})
}

// open starts replicas and creates the templates.
func (s *stage) open(replicas int) {
	s.t.Helper()
	for range replicas {
		s.fleet.add(s.Start())
	}
	r := s.fleet.any()
	for _, template := range []map[string]any{
		{"name": "inapp", "channel": "inapp", "subject": "alert", "body": "{{ .n }}"},
		{"name": "email", "channel": "email", "msgType": "text", "subject": "alert", "body": "{{ .n }}"},
		{"name": "sms", "channel": "sms", "templateCode": "SMS_0001"},
		{"name": "voice", "channel": "voice", "templateCode": "TPL_0001"},
		{"name": "feishu_webhook", "channel": "feishu_webhook", "msgType": "text", "body": "{{ .n }}"},
		{"name": "feishu_app", "channel": "feishu_app", "msgType": "text", "body": "{{ .n }}"},
		{"name": "dingtalk_group", "channel": "dingtalk_group", "msgType": "text", "body": "{{ .n }}"},
		{"name": "wecom_group", "channel": "wecom_group", "msgType": "text", "body": "{{ .n }}"},
		{"name": "webhook", "channel": "webhook", "msgType": "text", "body": "{{ .n }}"},
	} {
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", template)
	}
}

// request returns the body of a request with one delivery for each of the channels, or
// for each of all channels without any.
func request(key string, channels ...string) map[string]any {
	if len(channels) == 0 {
		channels = all
	}
	requested := map[string]any{}
	for _, channel := range channels {
		requested[channel] = map[string]any{"template": channel, "params": map[string]any{"n": key}}
	}
	return map[string]any{
		"idempotencyKey": key, "channels": requested,
		"recipients": []map[string]string{
			{"type": "user_id", "value": "user"},
			{"type": "email", "value": "user@example.com"},
			{"type": "phone", "value": phoneOf(key)},
			{"type": "dingtalk_group", "value": "dingtalk-group"},
			{"type": "wecom_group", "value": "wecom-group"},
			{"type": "webhook", "value": "ticket-system"},
		},
	}
}

// phoneOf returns the number for a key. A vendor that is asked what became of a text lists all of its number's day.
func phoneOf(key string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return fmt.Sprintf("+86138%08d", h.Sum32()%100_000_000)
}

// fail injects the fault into the call of every vendor that sends. The returned
// function lifts it.
func (s *stage) fail(f vendors.Fault) (lift func()) {
	var active []*vendors.Injection
	for _, vendor := range []struct {
		inject func(vendors.Fault) *vendors.Injection
		where  string
	}{
		{s.Vendors.Cluster.Fail, k8s.Create}, {s.Vendors.Mail.Fail, smtp.Data}, {s.Vendors.SMS.Fail, aliyun.SendSms},
		{s.Vendors.Voice.Fail, volcengine.SingleBatchAppend}, {s.Vendors.Bot.Fail, feishubot.Hook}, {s.Vendors.Feishu.Fail, feishu.Messages},
		{s.Vendors.DingTalk.Fail, dingtalk.Send}, {s.Vendors.WeCom.Fail, wecom.Send}, {s.Vendors.Webhook.Fail, webhook.Hook},
	} {
		f.Where = vendor.where
		active = append(active, vendor.inject(f))
	}
	return func() {
		for _, fault := range active {
			fault.Lift()
		}
	}
}

// count returns the number that a query selects.
func (s *stage) count(sql string, args ...any) int {
	s.t.Helper()
	var n int
	require.NoError(s.t, s.db.QueryRow(context.Background(), sql, args...).Scan(&n), sql)
	return n
}

// exec runs a statement.
func (s *stage) exec(sql string, args ...any) {
	s.t.Helper()
	_, err := s.db.Exec(context.Background(), sql, args...)
	require.NoError(s.t, err, sql)
}

// until waits until a query selects the number n.
func (s *stage) until(patience time.Duration, n int, sql string, args ...any) {
	s.t.Helper()
	found := -1
	require.Eventually(s.t, func() bool {
		found = s.count(sql, args...)
		return found == n
	}, patience, pause, "%s", sql)
}

// rescue lets lost workers' leases end and replaces all replicas by a new one. The new
// one becomes the leader, and a new leader looks for lost jobs at once. (Otherwise they
// wait up to half a minute for the next look.)
func (s *stage) rescue() {
	s.t.Helper()
	if long {
		s.awaitLeases()
	}
	for _, r := range s.fleet.takeAll() {
		require.Zero(s.t, r.Terminate())
	}
	s.endLeases()
	s.fleet.add(s.Start())
}

// endLeases lets the leases of killed workers end: at full length it waits for their
// ends, in the short form it moves them. No other worker may run.
func (s *stage) endLeases() {
	s.t.Helper()
	if long {
		s.awaitLeases()
		return
	}
	s.EndLeases()
}

// awaitLeases waits for the ends of the leases that running jobs have now.
func (s *stage) awaitLeases() {
	s.t.Helper()
	var called time.Time
	require.NoError(s.t, s.db.QueryRow(s.t.Context(), `SELECT now()`).Scan(&called))
	s.until(2*lease, 0, `SELECT count(*) FROM river_job
		WHERE state = 'running' AND attempted_at > now() - $1::interval AND attempted_at <= $2`, lease, called)
}

// run waits while the load goes on.
func (s *stage) run(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.t.Context().Done():
	}
}

// pause is the time between two polls of the database and between two tries of a
// caller.
const pause = 100 * time.Millisecond

// openDeliveries counts the deliveries that may still be sent.
const openDeliveries = `SELECT count(*) FROM deliveries WHERE status IN ('pending', 'failed')`

// drain waits until no delivery is open. When that takes too long it shows open ones.
func (s *stage) drain() {
	s.t.Helper()
	// The leader finds a lost job within its lease and half a minute. A lost leader is
	// replaced within its own lease.
	drained := assert.Eventually(s.t, func() bool { return s.count(openDeliveries) == 0 },
		length(2*time.Minute, 10*time.Minute), pause)
	if drained {
		return
	}
	rows, err := s.db.Query(context.Background(), `
		SELECT d.channel, d.status, d.attempts, d.last_code, d.last_error, to_jsonb(j) - 'args' AS job
		FROM deliveries d LEFT JOIN river_job j ON j.id = d.job_id WHERE d.status IN ('pending', 'failed') LIMIT 10`)
	require.NoError(s.t, err)
	open, err := pgx.CollectRows(rows, pgx.RowToMap)
	require.NoError(s.t, err)
	require.FailNow(s.t, "deliveries are still open", "%v", open)
}

// askNow makes every question to a vendor due.
func (s *stage) askNow() {
	// An error is a deadlock with River's own update: the next call does it.
	_, _ = s.db.Exec(context.Background(), `UPDATE river_job SET scheduled_at = now()
		WHERE kind = 'ask' AND state IN ('scheduled', 'retryable') AND scheduled_at > now()`)
}

// settle waits until no delivery is held: each was found at its vendor, or was sent again, and has its receipt, or was not
// sent again because somebody has acknowledged its incident. It makes all holds an hour old, and their questions the first that are asked.
func (s *stage) settle() {
	s.t.Helper()
	rows, err := s.db.Query(context.Background(), `SELECT id::text FROM deliveries WHERE status = 'dead' AND last_code = 'uncertain_outcome'`)
	require.NoError(s.t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	if s.held = len(ids); s.held == 0 {
		return
	}
	const unsettled = `SELECT count(*) FROM deliveries WHERE id::text = ANY ($1) AND last_code <> 'acknowledged'
		AND (status <> 'success' OR receipt NOT IN ('delivered', 'answered'))`
	settled := assert.Eventually(s.t, func() bool {
		s.exec(`UPDATE deliveries SET updated_at = updated_at - interval '1 hour'
			WHERE status = 'dead' AND last_code = 'uncertain_outcome' AND updated_at > now() - interval '1 hour'`)
		// An error is a deadlock with River's own update: the next round does it.
		_, _ = s.db.Exec(context.Background(), `UPDATE river_job SET scheduled_at = now() - interval '1 hour'
			WHERE kind = 'ask' AND state IN ('scheduled', 'retryable', 'available') AND scheduled_at > now() - interval '1 hour'
				AND args ->> 'deliveryId' = ANY ($1)`, ids)
		return s.count(unsettled, ids) == 0
	}, length(2*time.Minute, 10*time.Minute), 2*pause)
	require.True(s.t, settled, "of %d held, %d have not settled", len(ids), s.count(unsettled, ids))
}

// close drains the stage, settles what is held and compares the ledgers. Nothing may be lost, or left to a person,
// and every success must have arrived.
func (s *stage) close() books {
	s.t.Helper()
	b := s.balance()
	require.Zero(s.t, b.unsent, "success without an arrival: %+v", b)
	return b
}

// balance is close without a look at what has arrived.
func (s *stage) balance() books {
	s.t.Helper()
	s.drain()
	s.settle()
	s.drain()
	b := compare(s.t, s.ledger, s.db, s.Vendors.Inbox, s.also)
	require.NotZero(s.t, b.accepted)
	require.Zero(s.t, b.lost, "accepted and lost: %+v", b)
	return b
}

// requireNoDup requires that no delivery of the channels arrived twice.
func requireNoDup(t *testing.T, b books, channels ...string) {
	t.Helper()
	for _, channel := range channels {
		require.Zero(t, b.dup[channel], "twice over %s: %+v", channel, b)
	}
}
