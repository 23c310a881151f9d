package smoke

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/alertmanager"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/aliyun"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/internal/vendors/volcengine"
	"github.com/labring/sealos-notify/store"
)

// onCall is a world with a real Alertmanager, both as docs/incidents.md configures them, and an endpoint that hears of
// events.
type onCall struct {
	t     *testing.T
	w     *harness.World
	ears  *ears
	link  *link // from Alertmanager to the service
	am    *alertmanager.Server
	alert alertmanager.Alert
}

const onCallHeading = "## From Alertmanager to the acknowledged card"

// newOnCall configures the service with the page's receiver. waits are texts of it, each with what replaces it.
func newOnCall(t *testing.T, w *harness.World, waits map[string]string) *onCall {
	t.Helper()
	s := &onCall{t: t, w: w, ears: newEars(t), alert: diskAlert("db-0", time.Now().Add(-time.Minute))}
	receivers, found := strings.CutPrefix(replaced(t, harness.Blocks(t, "docs/incidents.md", onCallHeading, "yaml")[0], waits), "integrations:\n")
	require.True(t, found)
	w.UseAllChannels(w.Vendors.Addresses)
	providers := w.Vendors.Providers(w.Vendors.Addresses, w.Path("kubeconfig.yaml"), "rateLimit: {perSecond: 0, perMinute: 0}")
	w.Configure(map[string]string{
		"integrations": "\n" + receivers,
		"providers":    replaced(t, providers, map[string]string{"urgentType: app": "events: true"}),
		"endpoints":    fmt.Sprintf("{key: %q, allowPrivateNetworks: true}", eventsKey),
	})
	w.Write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.ears.Certificate().Raw})))
	return s
}

// replaced returns the text with each key, which it has once, replaced by its value.
func replaced(t *testing.T, text string, with map[string]string) string {
	t.Helper()
	for old, now := range with {
		require.Equal(t, 1, strings.Count(text, old), old)
		text = strings.Replace(text, old, now, 1)
	}
	return text
}

// start starts a replica.
func (s *onCall) start(env ...string) *harness.Replica {
	s.t.Helper()
	return s.w.StartWith(append(env, "SSL_CERT_FILE="+s.w.Path("ca.pem")))
}

// prepare makes the page's templates and the endpoint, and starts the page's Alertmanager. It posts to the replica.
func (s *onCall) prepare(r *harness.Replica) {
	s.t.Helper()
	r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
		"name": "alert-card", "channel": "feishu_app", "msgType": "interactive", "body": harness.Blocks(s.t, "docs/integrations.md", "## Templates", "json")[0],
	})
	require.NoError(s.t, os.Symlink(s.w.Program().Path, s.w.Path("sealos-notify")))
	cmd := limit.Command(s.t, 2*limit.Wait, "bash", "-euc", harness.ShellBlocks(s.t, "docs/incidents.md", onCallHeading)[0])
	cmd.Dir, cmd.Env = s.w.Dir, append(os.Environ(), append(openTerminal(s.t, s.w, r).env, "PATH="+s.w.Dir+":"+os.Getenv("PATH"))...)
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "%s", out)
	s.ears.listen(r.Do(http.StatusCreated, http.MethodPost, "/api/v1/endpoints", map[string]any{
		"url": s.ears.URL, "events": []string{"notification.finished", "notification.acknowledged", "delivery.success", "delivery.dead", "delivery.cancelled"},
	}).Body["secret"].(string))

	s.link = newLink(s.t, r.Base)
	s.w.Write("token", harness.AppID+":"+harness.AppSecret)
	s.am = alertmanager.Start(s.t, replaced(s.t, harness.Blocks(s.t, "docs/incidents.md", onCallHeading, "yaml")[1], map[string]string{
		"http://sealos-notify.ns-admin.svc.cluster.local:8080": s.link.url,
		"/etc/alertmanager/sealos-notify/token":                s.w.Path("token"),
		"group_wait: 30s":                                      "group_wait: 100ms",
		"group_interval: 5m":                                   "group_interval: 300ms",
	}))
}

// incident returns the only incident.
func (s *onCall) incident(r *harness.Replica) client.Incident {
	s.t.Helper()
	var list client.IncidentList
	require.NoError(s.t, json.Unmarshal([]byte(r.Do(http.StatusOK, http.MethodGet, "/api/v1/incidents", nil).Raw), &list))
	require.Len(s.t, list.Incidents, 1)
	return list.Incidents[0]
}

// card returns what Alice has got over Feishu: one card.
func (s *onCall) card() vendors.Arrival {
	s.t.Helper()
	var cards []vendors.Arrival
	for _, a := range s.w.Vendors.Inbox.Arrivals() {
		if a.Channel == "feishu_app" {
			cards = append(cards, a)
		}
	}
	require.Len(s.t, cards, 1)
	require.Equal(s.t, "ou_alice", cards[0].To)
	return cards[0]
}

// press presses the button of the card.
func (s *onCall) press() {
	s.t.Helper()
	require.NoError(s.t, s.w.Vendors.Feishu.WaitConnections(limit.Context(s.t), 1))
	card := s.card()
	buttons := feishu.Buttons(card.Text)
	require.Len(s.t, buttons, 1)
	toast, err := s.w.Vendors.Feishu.Press(s.t.Context(), "ou_alice", card.ID, buttons[0].Value)
	require.NoError(s.t, err)
	require.Equal(s.t, "success", toast.Type, toast.Content)
}

// resolve ends the alert.
func (s *onCall) resolve() {
	s.t.Helper()
	s.alert.EndsAt = time.Now().Add(-time.Second)
	s.am.Post(s.alert)
	s.link.await(http.StatusAccepted)
}

// requireAcknowledgedCard requires that the card shows how it went: it fires, Alice takes care of it, it is over.
func (s *onCall) requireAcknowledgedCard() {
	s.t.Helper()
	card := s.card()
	shown := append(card.Was, card.Text)
	require.Len(s.t, feishu.Buttons(shown[0]), 1)
	acknowledged := "Acknowledged by " + feishu.UserName("ou_alice")
	for _, text := range shown[1:] {
		require.Contains(s.t, text, acknowledged)
		require.Empty(s.t, feishu.Buttons(text))
	}
	over := slices.IndexFunc(shown, func(text string) bool { return strings.Contains(text, "[RESOLVED] DiskFull eu-1") })
	require.GreaterOrEqual(s.t, over, 2, "%v", shown)
	for i, text := range shown { // an edit whose answer was lost is made again
		require.Equal(s.t, i < over, strings.Contains(text, "[FIRING:1] DiskFull eu-1"), text)
	}
}

// ears is an HTTPS endpoint. It verifies what it hears by Standard Webhooks' own library.
type ears struct {
	*httptest.Server

	mu     sync.Mutex
	secret string
	heard  map[string]client.Event // by webhook-id: what is told again counts once
}

func newEars(t *testing.T) *ears {
	t.Helper()
	e := &ears{heard: map[string]client.Event{}}
	e.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // its worker was killed
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		verifier, err := standardwebhooks.NewWebhook(e.secret)
		if err == nil {
			err = verifier.Verify(body, r.Header)
		}
		var event client.Event
		if err == nil {
			err = json.Unmarshal(body, &event)
		}
		if err != nil {
			t.Errorf("not signed, or no event: %v: %s", err, body)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		e.heard[r.Header.Get("webhook-id")] = event
	}))
	t.Cleanup(e.Close)
	return e
}

// listen sets the endpoint's secret.
func (e *ears) listen(secret string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.secret = secret
}

// turns returns how often each turn was told: the type of the event, its status and the channel that it is about.
func (s *onCall) turns(r *harness.Replica) map[string]int {
	s.t.Helper()
	s.ears.mu.Lock()
	heard := maps.Clone(s.ears.heard)
	s.ears.mu.Unlock()
	turns := map[string]int{}
	for _, event := range heard {
		_, tasks := r.Show(event.Data.NotificationID)
		turns[event.Type+" "+event.Data.Status+" "+tasks[0].Channel]++
	}
	return turns
}

// requireTold requires that the endpoint hears of each turn, and of nothing else.
func (s *onCall) requireTold(r *harness.Replica, want map[string]int) {
	s.t.Helper()
	var told map[string]int
	if !waitFor(2*harness.Patience, func() bool {
		told = s.turns(r)
		return maps.Equal(want, told)
	}) {
		require.Equal(s.t, want, told)
	}
}

// waitFor reports whether the condition becomes true in time.
func waitFor(patience time.Duration, condition func() bool) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return false
}

// onCallTurns are those of an alert that escalates three times before somebody presses the button.
func onCallTurns() map[string]int {
	return map[string]int{
		"delivery.success success feishu_app": 3, "notification.finished success feishu_app": 3, // fires, is urgent, and is over
		"delivery.success success sms": 1, "notification.finished success sms": 1,
		"delivery.success success voice": 1, "notification.finished success voice": 1,
		"notification.acknowledged acknowledged feishu_app": 1,
		"delivery.cancelled cancelled feishu_app":           1, "notification.finished cancelled feishu_app": 1, // the boss hears nothing
	}
}

// An alert of a real Alertmanager becomes a card with a button. Nobody reacts, so it becomes urgent, and a text and a call
// follow. Then the button is pressed, and everything stops; the alert is resolved, and the card says so. An endpoint hears
// of each turn.
func TestFromAlertmanagerToTheAcknowledgedCard(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		s := newOnCall(t, w, map[string]string{"after: 5m": "after: 2s", "after: 10m": "after: 4s", "after: 15m": "after: 6s"})
		r := s.start()
		replicas := []*harness.Replica{r}
		if w.DB.Driver == store.DriverPostgres {
			replicas = append(replicas, s.start())
		}
		s.prepare(r)
		s.am.Post(s.alert)
		s.link.await(http.StatusAccepted)
		arrivals := awaitArrivals(t, w, 3)
		incident := s.incident(r)
		comes := map[string]time.Time{"feishu_app": incident.OpenedAt, "sms": incident.OpenedAt.Add(4 * time.Second), "voice": incident.OpenedAt.Add(6 * time.Second)}
		for _, arrival := range arrivals {
			require.False(t, arrival.At.Before(comes[arrival.Channel]), arrival.Channel)
			delete(comes, arrival.Channel)
		}
		require.Empty(t, comes)
		require.True(t, waitFor(harness.Patience, func() bool { return len(s.card().Notes) > 0 }), "the card is not urgent")
		boss := incident.Next
		require.Equal(t, []string{"feishu_app"}, boss.Channels)

		s.press()
		require.Equal(t, "acknowledged", r.Until(boss.NotificationID, "cancelled")[0].LastCode)

		s.resolve()
		s.requireTold(r, onCallTurns())
		s.requireAcknowledgedCard()
		require.Equal(t, []string{"urgent app to ou_alice"}, s.card().Notes)
		require.Equal(t, 3, w.Vendors.Inbox.Total())
		incident = s.incident(r)
		require.Equal(t, []any{"closed", "resolved", "feishu_card", feishu.UserName("ou_alice")},
			[]any{incident.Status, incident.ClosedBy, incident.Over, incident.AcknowledgedBy})
		require.Equal(t, onCallTurns(), s.turns(r))
		for _, replica := range replicas {
			require.Zero(t, replica.Terminate())
		}
	})
}

// killed is onCall with a replica that takes requests and one that works, which are killed again and again.
type killed struct {
	*onCall
	db     *pgxpool.Pool
	api    *harness.Replica
	worker *harness.Replica
}

// inCall does something that makes the worker call a vendor, kills the worker when the vendor has taken that, and starts
// another.
func (s *killed) inCall(inject func(vendors.Fault) *vendors.Injection, operation string, do func()) {
	s.t.Helper()
	hang := inject(vendors.Fault{Where: operation, Times: 1, Hang: true, After: true})
	do()
	limit.Count(s.t, hang, 1, operation)
	s.worker.Kill()
	hang.Lift()
	s.w.EndLeases()
	s.worker = s.start()
}

// stepComes makes the step due, and returns its notification.
func (s *killed) stepComes(n int) string {
	s.t.Helper()
	var id string
	require.NoError(s.t, s.db.QueryRow(s.t.Context(), `SELECT steps->$1::int->>'notificationId' FROM incidents`, n).Scan(&id))
	_, err := s.db.Exec(s.t.Context(), `UPDATE river_job SET state = 'available', scheduled_at = now()
		WHERE kind = 'deliver' AND args->>'deliveryId' IN (SELECT id::text FROM deliveries WHERE notification_id::text = $1)`, id)
	require.NoError(s.t, err)
	return id
}

// until waits until the notification has succeeded. What is held is asked about at once.
func (s *killed) until(id string) {
	s.t.Helper()
	var status string
	var tasks []harness.Task
	require.True(s.t, waitFor(2*harness.Patience, func() bool {
		// An error is a deadlock with River's own update: the next call does it.
		_, _ = s.db.Exec(s.t.Context(), `UPDATE river_job SET scheduled_at = now() WHERE kind = 'ask' AND state = 'scheduled' AND scheduled_at > now()`)
		status, tasks = s.api.Show(id)
		return status == "success"
	}), "%s %v", status, tasks)
}

// The same, and a replica is killed at every step: the one that has accepted the alert, the worker that sends the card, makes
// it urgent, sends the text and calls, the one that hears the button, and the one that edits the card.
func TestFromAlertmanagerToTheAcknowledgedCardWithKills(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	w.Configure(map[string]string{
		"dispatcher": `{interval: 200ms, leaseTimeout: 15s}`, "defaults": `{retryBackoffSeconds: [0], timeoutSeconds: 5}`,
	})
	s := &killed{onCall: newOnCall(t, w, nil), db: w.Pool()}
	const noWorker = "DISPATCHER_ENABLED=false"
	s.api = s.start(noWorker)
	s.prepare(s.api)
	s.worker = s.start()

	s.inCall(w.Vendors.Feishu.Fail, feishu.Messages, func() {
		dead := make(chan struct{})
		s.link.beforeAnswer(func() {
			s.api.Kill()
			close(dead)
		})
		s.am.Post(s.alert)
		s.link.await(http.StatusAccepted)
		limit.Receive(t, dead, "the kill")
		s.api = s.start(noWorker)
		s.link.use(s.api.Base)
		s.link.await(http.StatusOK)
	})
	incident := s.incident(s.api)
	s.until(incident.ID)
	var step string
	s.inCall(w.Vendors.Feishu.Fail, feishu.Urgent, func() { step = s.stepComes(0) })
	s.until(step)
	s.inCall(w.Vendors.SMS.Fail, aliyun.SendSms, func() { step = s.stepComes(1) })
	s.until(step)
	s.inCall(w.Vendors.Voice.Fail, volcengine.SingleBatchAppend, func() { step = s.stepComes(2) })
	s.until(step)

	// The button's press waits for the incident's row when its replica is killed. It is pressed again.
	tx, err := s.db.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `SELECT FROM incidents FOR UPDATE`)
	require.NoError(t, err)
	require.NoError(t, w.Vendors.Feishu.WaitConnections(limit.Context(t), 1))
	pressed, card := make(chan error, 1), s.card()
	go func() {
		_, err := w.Vendors.Feishu.Press(t.Context(), "ou_alice", card.ID, feishu.Buttons(card.Text)[0].Value)
		pressed <- err
	}()
	require.True(t, waitFor(harness.Patience, func() bool {
		var waiting int
		return s.db.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM incidents%'`).Scan(&waiting) == nil && waiting == 1
	}), "nobody waits for the row")
	s.worker.Kill()
	require.Error(t, limit.Receive(t, pressed, "the end of the press"))
	require.NoError(t, tx.Rollback(t.Context()))
	s.worker = s.start()
	s.press()
	require.Equal(t, "acknowledged", s.api.Until(s.stepComes(3), "cancelled")[0].LastCode)

	s.inCall(w.Vendors.Feishu.Fail, feishu.Edit, s.resolve)
	turns := onCallTurns()
	for _, channel := range []string{"sms", "voice"} { // held, and then found at the vendor
		turns["delivery.dead dead "+channel], turns["notification.finished failed "+channel] = 1, 1
	}
	s.requireTold(s.api, turns)
	s.requireAcknowledgedCard()
	require.Equal(t, []string{"urgent app to ou_alice"}, slices.Compact(s.card().Notes), "Feishu takes no id for it")
	require.Equal(t, 3, w.Vendors.Inbox.Total(), "nothing has come twice")
	require.Equal(t, "resolved", s.incident(s.api).ClosedBy)
	require.Zero(t, s.worker.Terminate())
	require.Equal(t, turns, s.turns(s.api))
}
