package smoke

import (
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/alertmanager"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
)

// A real Alertmanager with the configuration of deploy/alertmanager fires an alert
// and resolves it. Each message arrives once, though Alertmanager posts it twice.
func TestAlertmanager(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startIntegrated(t, w)
		link := newLink(t, r.Base)
		link.loseOne() // Alertmanager does not learn that it was accepted, and tries again
		am := alertmanager.Start(t, alertmanagerConfig(t, w, link.url))

		started := time.Now().Add(-time.Minute)
		alert := alertmanager.Alert{
			Labels:       map[string]string{"alertname": "HighLatency", "cluster": "eu-1", "instance": "api-0", "severity": "critical"},
			Annotations:  map[string]string{"summary": `p99 of "api-0" is 2.1s`},
			StartsAt:     started,
			GeneratorURL: "https://prometheus.example.com/graph",
		}
		am.Post(alert)
		link.await(http.StatusAccepted)
		link.await(http.StatusOK)          // the retry
		arrivals := awaitArrivals(t, w, 2) // each is for two people
		require.Contains(t, arrivals[0].Text, "[FIRING:1] HighLatency eu-1")
		require.Contains(t, html.UnescapeString(arrivals[0].Text), `p99 of "api-0" is 2.1s`)
		require.Contains(t, arrivals[0].Text, `"red"`)
		link.await(http.StatusOK) // sent again by repeat_interval

		alert.EndsAt = time.Now().Add(-time.Second)
		am.Post(alert)
		link.await(http.StatusAccepted)
		awaitChanges(t, w, 4)
		arrivals = w.Vendors.Inbox.Arrivals()
		require.Len(t, arrivals, 2, "the messages were edited")
		require.Contains(t, arrivals[0].Text, "[RESOLVED] HighLatency eu-1")
		require.Contains(t, arrivals[0].Text, `"green"`)

		alert.StartsAt, alert.EndsAt = time.Now(), time.Time{}
		am.Post(alert)
		link.await(http.StatusAccepted)
		link.await(http.StatusOK)
		arrivals = awaitArrivals(t, w, 4)
		require.Contains(t, arrivals[2].Text, "[FIRING:1] HighLatency eu-1")
		require.Equal(t, 6, w.Vendors.Inbox.Changes())
	})
}

// Grafana's webhook reaches both channels of its receiver with the documented
// templates. A reload changes the receivers.
func TestGrafana(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startIntegrated(t, w)
		var body map[string]any
		require.NoError(t, json.Unmarshal([]byte(readFile(t, "api/testdata/alerts/grafana-firing.json")), &body))

		const path = "/api/v1/integrations/grafana"
		a := r.Do(http.StatusUnprocessableEntity, http.MethodPost, path, body)
		require.Equal(t, "unknown_receiver", a.Body["code"])
		w.Configure(map[string]string{"integrations": `{receivers: {"On call / 值班": {
			channels: {feishu_app: {template: alert-card}, email: {template: alert-mail}},
			recipients: [{type: feishu_user_id, value: ou_oncall}, {type: email, value: oncall@example.com}]}}}`})
		r.Await("configuration reloaded")

		id := r.Do(http.StatusAccepted, http.MethodPost, path, body).Body["notificationId"].(string)
		r.Until(id, "success")
		again := r.Do(http.StatusOK, http.MethodPost, path, body)
		require.Equal(t, id, again.Body["notificationId"])
		arrivals := awaitArrivals(t, w, 3) // both on feishu_app, one by mail
		for _, arrival := range arrivals {
			require.Contains(t, arrival.Subject+arrival.Text, "[FIRING:1, RESOLVED:1] (Platform blue)")
			require.Contains(t, html.UnescapeString(arrival.Text), "Memory of us-1 is at 97%")
			require.Contains(t, arrival.Text, "High CPU usage")
		}

		// A receiver without a channel for its recipient is refused.
		w.Configure(map[string]string{"integrations": `{receivers: {x: {
			channels: {sms: {template: t}}, recipients: [{type: email, value: canary@example.com}]}}}`})
		refused := r.Await("configuration not reloaded: the running one stays")
		problems, err := json.Marshal(refused["problems"])
		require.NoError(t, err)
		require.Contains(t, string(problems), "integrations.receivers.x.recipients[0].type: fits none of the receiver's channels")
		require.NotContains(t, r.Log.String(), "canary")
		require.Equal(t, http.StatusOK, r.Call(harness.AppID, harness.AppSecret, http.MethodPost, path, body).Status)
	})
}

// In the documented card nothing of an alert is markup.
func TestDocumentedCardShowsAlertsAsTheyAre(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := startIntegrated(t, w)
	body := readFile(t, "api/testdata/alerts/alertmanager-firing.json")
	var post map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &post))
	const hostile = "<at id=all></at> [x](https://evil.example) **b** </font>"
	post["receiver"] = "team-a"
	for _, alert := range post["alerts"].([]any) {
		for _, part := range []string{"labels", "annotations"} {
			texts := alert.(map[string]any)[part].(map[string]any)
			for _, name := range []string{"alertname", "severity", "instance", "summary"} {
				texts[name] = hostile
			}
		}
	}
	id := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/integrations/alertmanager", post).Body["notificationId"].(string)
	r.Until(id, "success")
	card := awaitArrivals(t, w, 1)[0].Text
	require.Contains(t, html.UnescapeString(card), hostile)
	for _, markup := range []string{"<at", "](", "</font>", "**b**"} {
		require.NotContains(t, card, markup)
	}
}

// awaitArrivals waits for n messages at the vendors and returns them.
func awaitArrivals(t *testing.T, w *harness.World, n int) []vendors.Arrival {
	t.Helper()
	limit.Count(t, w.Vendors.Inbox, n, "messages")
	return w.Vendors.Inbox.Arrivals()
}

// awaitChanges waits for n messages and edits at the vendors.
func awaitChanges(t *testing.T, w *harness.World, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return w.Vendors.Inbox.Changes() >= n }, limit.Wait, 5*time.Millisecond, "waiting for %d messages and edits", n)
}

// startIntegrated starts the service with all channels and the receiver of docs/integrations.md.
func startIntegrated(t *testing.T, w *harness.World) *harness.Replica {
	t.Helper()
	w.UseAllChannels(w.Vendors.Addresses)
	r := w.Start()
	integrate(t, w, r)
	return r
}

// integrate configures the receiver of docs/integrations.md and creates its templates.
func integrate(t *testing.T, w *harness.World, r *harness.Replica) {
	t.Helper()
	page := readFile(t, "docs/integrations.md")
	block := func(kind, after string) string {
		_, rest, found := strings.Cut(page, after)
		require.True(t, found, after)
		_, rest, found = strings.Cut(rest, "```"+kind+"\n")
		require.True(t, found, after)
		text, _, found := strings.Cut(rest, "\n```\n")
		require.True(t, found, after)
		return text
	}
	r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
		"name": "alert-card", "channel": "feishu_app", "msgType": "interactive", "body": block("json", "`card.json`"),
	})
	r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
		"name": "alert-mail", "channel": "email", "msgType": "html", "subject": "{{ .title }}", "body": block("html", "`mail.html`"),
	})
	section, found := strings.CutPrefix(block("yaml", "## What goes to whom"), "integrations:\n")
	require.True(t, found)
	w.Configure(map[string]string{"integrations": "\n" + section})
	r.Await("configuration reloaded")
}

// alertmanagerConfig returns the configuration of deploy/alertmanager with the test's
// address, credentials and shorter intervals.
func alertmanagerConfig(t *testing.T, w *harness.World, service string) string {
	t.Helper()
	config := readFile(t, "deploy/alertmanager/alertmanager.yaml")
	w.Write("token", harness.AppID+":"+harness.AppSecret)
	for old, with := range map[string]string{
		"http://sealos-notify.ns-admin.svc.cluster.local:8080": service,
		"/etc/alertmanager/sealos-notify/token":                w.Path("token"),
		"group_wait: 30s":                                      "group_wait: 100ms",
		"group_interval: 5m":                                   "group_interval: 300ms",
		"repeat_interval: 12h":                                 "repeat_interval: 300ms",
	} {
		require.Equal(t, 1, strings.Count(config, old), old)
		config = strings.Replace(config, old, with, 1)
	}
	return config
}

// link is a proxy between Alertmanager and the service.
type link struct {
	t       *testing.T
	url     string
	target  atomic.Pointer[url.URL] // the service
	loses   chan func()             // holds what is done when the next answer is lost
	answers chan int                // statuses of the service's answers, in order
}

func newLink(t *testing.T, service string) *link {
	t.Helper()
	l := &link{t: t, loses: make(chan func(), 1), answers: make(chan int, 10_000)}
	l.use(service)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(l.target.Load()) }}
	proxy.ModifyResponse = func(resp *http.Response) error {
		l.answers <- resp.StatusCode
		select {
		case do := <-l.loses:
			do()
			return errors.New("the answer is lost")
		default:
			return nil
		}
	}
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	l.url = server.URL
	return l
}

// use sends what comes from now on to the service.
func (l *link) use(service string) {
	l.t.Helper()
	target, err := url.Parse(service)
	require.NoError(l.t, err)
	l.target.Store(target)
}

// beforeAnswer does something before the next answer, which is lost.
func (l *link) beforeAnswer(do func()) { l.loses <- do }

// loseOne loses the next answer.
func (l *link) loseOne() { l.beforeAnswer(func() {}) }

// await waits for an answer with the status. The answers before it must be replays.
func (l *link) await(status int) {
	l.t.Helper()
	late := time.After(limit.Wait) // replays may come for ever
	for {
		select {
		case answered := <-l.answers:
			if answered == status {
				return
			}
			require.Equal(l.t, http.StatusOK, answered)
		case <-late:
			require.FailNow(l.t, "waited too long for "+http.StatusText(status))
		}
	}
}
