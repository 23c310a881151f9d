package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/internal/test/apitest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// receivers are the receivers of the recorded bodies.
var receivers = api.IntegrationsConfig{Receivers: map[string]api.Receiver{
	"team-a": {
		Channels:   map[string]api.ReceiverChannel{"feishu_app": {Template: "card"}, "email": {Template: "mail"}},
		Recipients: []api.ReceiverRecipient{{Type: "feishu_user_id", Value: "ou_a"}, {Type: "email", Value: "a@example.com"}},
	},
	"On call / 值班": {
		Channels:   map[string]api.ReceiverChannel{"feishu_app": {Template: "card"}},
		Recipients: []api.ReceiverRecipient{{Type: "feishu_user_id", Value: "ou_b"}},
	},
}}

func startIntegrations(t *testing.T) *bench {
	t.Helper()
	return start(t, func(o *api.Options) { o.Integrations = receivers })
}

func alerts(source, body string) request {
	return request{method: "POST", path: "/api/v1/integrations/" + source, app: "sender", body: body}
}

// recorded returns a webhook's body. Alertmanager 0.25 sent its bodies; Grafana's
// follows its documentation.
func recorded(t *testing.T, name string) string {
	t.Helper()
	body, err := os.ReadFile("testdata/alerts/" + name + ".json")
	require.NoError(t, err)
	return string(body)
}

// sendAlerts posts a body and returns the request that the accepter got.
func (b *bench) sendAlerts(t *testing.T, source, body string) accepting.Request {
	t.Helper()
	a := b.call(t, alerts(source, body))
	require.Equal(t, http.StatusAccepted, a.status, a.text)
	return b.accepter.requests[len(b.accepter.requests)-1]
}

func TestAlertmanagerAlertsBecomeANotification(t *testing.T) {
	t.Parallel()
	b := startIntegrations(t)
	sent := b.sendAlerts(t, "alertmanager", recorded(t, "alertmanager-firing"))
	require.Equal(t, "sender", sent.AppID)
	require.Regexp(t, `^alertmanager-[0-9a-f-]{36}$`, sent.IdempotencyKey)
	require.Equal(t, "team-a", sent.Alerts.Receiver)
	require.Equal(t, accepting.To(
		store.Recipient{Type: "feishu_user_id", Value: "ou_a", Configured: true},
		store.Recipient{Type: "email", Value: "a@example.com", Configured: true},
	), sent.Recipients)
	require.Len(t, sent.Channels, 2)
	require.Equal(t, "card", sent.Channels["feishu_app"].Template)
	require.Equal(t, "mail", sent.Channels["email"].Template)
	params, err := json.Marshal(paramsOf(sent))
	require.NoError(t, err)
	require.JSONEq(t, `{
		"status": "firing", "receiver": "team-a", "title": "[FIRING:2] HighLatency eu-1", "message": "", "notification_reason": "",
		"firing": 2, "resolved": 0, "truncatedAlerts": 1,
		"groupLabels": {"alertname": "HighLatency", "cluster": "eu-1"},
		"commonLabels": {"alertname": "HighLatency", "cluster": "eu-1", "severity": "critical"},
		"commonAnnotations": {"runbook_url": "https://wiki.example.com/latency"},
		"routeLabels": {}, "externalURL": "https://alertmanager.example.com",
		"alerts": [{
			"status": "firing", "fingerprint": "be240b8dbc43f118",
			"labels": {"alertname": "HighLatency", "cluster": "eu-1", "instance": "api-0", "severity": "critical"},
			"annotations": {"runbook_url": "https://wiki.example.com/latency", "summary": "p99 of api-0 is 2.1s"},
			"startsAt": "2026-11-24T13:44:39Z", "endsAt": "",
			"silenceURL": "", "dashboardURL": "", "panelURL": "", "imageURL": "", "values": {}, "valueString": "",
			"generatorURL": "https://prometheus.example.com/graph?g0.expr=latency"
		}, {
			"status": "firing", "fingerprint": "8f0b0b361e79028d",
			"labels": {"alertname": "HighLatency", "cluster": "eu-1", "instance": "api-1", "severity": "critical"},
			"annotations": {"runbook_url": "https://wiki.example.com/latency", "summary": "p99 of \"api-1\" is 2.4s"},
			"startsAt": "2026-11-24T13:44:39Z", "endsAt": "",
			"silenceURL": "", "dashboardURL": "", "panelURL": "", "imageURL": "", "values": {}, "valueString": "",
			"generatorURL": "https://prometheus.example.com/graph?g0.expr=latency"
		}]
	}`, string(params))

	resolved := b.sendAlerts(t, "alertmanager", recorded(t, "alertmanager-resolved"))
	require.NotEqual(t, sent.IdempotencyKey, resolved.IdempotencyKey)
	group := paramsOf(resolved)
	require.Equal(t, "[RESOLVED] HighLatency eu-1", group["title"])
	require.Equal(t, json.Number("2"), group["resolved"])
	require.Equal(t, "2026-11-24T13:44:41Z", group["alerts"].([]any)[0].(map[string]any)["endsAt"])
}

func TestGrafanaAlertsBecomeANotification(t *testing.T) {
	t.Parallel()
	b := startIntegrations(t)
	sent := b.sendAlerts(t, "grafana", recorded(t, "grafana-firing"))
	require.Regexp(t, `^grafana-[0-9a-f-]{36}$`, sent.IdempotencyKey)
	require.Equal(t, accepting.To(store.Recipient{Type: "feishu_user_id", Value: "ou_b", Configured: true}), sent.Recipients)
	group := paramsOf(sent)
	require.Equal(t, "[FIRING:1, RESOLVED:1] (Platform blue)", group["title"])
	require.True(t, strings.HasPrefix(group["message"].(string), "**Firing**\n"))
	require.Equal(t, json.Number("1"), group["firing"])
	require.Equal(t, json.Number("1"), group["resolved"])
	require.Empty(t, group["groupLabels"])
	second := group["alerts"].([]any)[1].(map[string]any)
	require.Equal(t, "2026-10-12T09:46:03+02:00", second["startsAt"])
	require.Equal(t, "2026-10-12T09:50:03+02:00", second["endsAt"])
	require.Equal(t, map[string]any{}, second["annotations"])

	first := group["alerts"].([]any)[0].(map[string]any)
	require.Equal(t, map[string]any{"B": json.Number("97.23943737541908"), "C": json.Number("1")}, first["values"])
	require.Contains(t, first["valueString"], "var='B'")
	require.Contains(t, first["silenceURL"], "https://grafana.example.com/alerting/silence/new")
	require.Equal(t, map[string]any{}, second["values"])
	for name, url := range map[string]string{
		"dashboardURL": "https://grafana.example.com/d/ops?orgId=1",
		"panelURL":     "https://grafana.example.com/d/ops?orgId=1&viewPanel=2",
		"imageURL":     "https://grafana.example.com/public/img/attachments/ops.png",
	} {
		require.Equal(t, url, second[name])
		require.Empty(t, first[name])
	}
}

// What Alertmanager sends since 0.33.1 (docs/configuration.md, webhook_config) and 0.34
// (template/template.go, Data), and the labels of a log line with a NUL.
func TestNewerMembersOfAlertmanagerBecomeParams(t *testing.T) {
	t.Parallel()
	b := startIntegrations(t)
	body := strings.Replace(recorded(t, "alertmanager-firing"), `"status": "firing"`,
		`"notification_reason":"repeat interval elapsed","routeLabels":{"tier":"a\u0000b\\u0000"},"status":"firing"`, 1)
	require.NotEqual(t, recorded(t, "alertmanager-firing"), body)
	params := paramsOf(b.sendAlerts(t, "alertmanager", body))
	require.Equal(t, "repeat interval elapsed", params["notification_reason"])
	require.Equal(t, map[string]any{"tier": "a\ufffdb\\u0000"}, params["routeLabels"])
}

// paramsOf returns what templates get of alerts.
func paramsOf(r accepting.Request) map[string]any {
	return r.Alerts.Content.Params(r.Alerts.Content.Items, false)
}

// The state of a group changes when, and only when, a webhook has news.
func TestWhatMakesAlertsNew(t *testing.T) {
	t.Parallel()
	b := startIntegrations(t)
	const (
		first  = `{"status":"firing","labels":{"a":"1"},"startsAt":"2026-01-02T03:04:05.678Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"f1"}`
		second = `{"status":"resolved","startsAt":"2026-01-02T03:04:05Z","endsAt":"2026-01-02T03:05:05Z","fingerprint":"f2"}`
		third  = `{"status":"firing","startsAt":"2026-01-02T03:04:05Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"f3"}`
	)
	group := func(more string, alerts ...string) string {
		return `{"receiver":"team-a","status":"firing","groupKey":"g","alerts":[` + strings.Join(alerts, ",") + `]` + more + `}`
	}
	change := func(body, old, with string) string {
		require.Equal(t, 1, strings.Count(body, old), old)
		return strings.Replace(body, old, with, 1)
	}
	telling := func(source, body string) store.Telling { return b.sendAlerts(t, source, body).Alerts.Telling }
	whole := group("", first, second, third)
	original := telling("alertmanager", whole)
	for name, body := range map[string]string{
		"as it is":           whole,
		"order":              group("", third, second, first),
		"none truncated":     group(`,"truncatedAlerts":0`, first, second, third),
		"values that move":   change(whole, `"labels":{"a":"1"}`, `"labels":{"a":"1"},"annotations":{"summary":"now at 98%"}`),
		"address":            group(`,"externalURL":"https://another-replica"`, first, second, third),
		"zone":               change(whole, "2026-01-02T03:04:05.678Z", "2026-01-02T11:04:05.678+08:00"),
		"end of a resolved":  change(whole, "2026-01-02T03:05:05Z", "2026-01-02T03:05:06Z"),
		"one resolved, gone": group("", first, third),
		"end of one firing":  change(whole, `678Z","endsAt":"0001-01-01T00:00:00Z"`, `678Z","endsAt":"2030-01-01T00:00:00Z"`),
		"reason":             group(`,"notification_reason":"some alerts resolved"`, first, second, third),
	} {
		require.Equal(t, original, telling("alertmanager", body), name)
	}
	for name, body := range map[string]string{
		"fires anew":    change(whole, "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.679Z"),
		"one resolved":  change(whole, `"status":"firing","labels"`, `"status":"resolved","labels"`),
		"fires again":   change(whole, `"status":"resolved"`, `"status":"firing"`),
		"one less":      group("", first, second),
		"one more":      group("", first, second, third, change(first, "f1", "f4")),
		"one truncated": group(`,"truncatedAlerts":1`, first, second, third),
		"all resolved":  change(whole, `"receiver":"team-a","status":"firing"`, `"receiver":"team-a","status":"resolved"`),
	} {
		changed := telling("alertmanager", body)
		require.Equal(t, original.Group, changed.Group, name)
		require.NotEqual(t, original.State, changed.State, name)
	}
	groups := map[string]bool{original.Group: true}
	for name, body := range map[string]string{
		"another group": change(whole, `"groupKey":"g"`, `"groupKey":"h"`),
		"receiver":      change(whole, "team-a", "On call / 值班"),
		"organisation":  group(`,"orgId":2`, first, second, third),
	} {
		g := telling("alertmanager", body).Group
		require.NotContains(t, groups, g, name)
		groups[g] = true
	}
	require.NotContains(t, groups, telling("grafana", whole).Group)
}

// A group is a thread by itself, unless the receiver says otherwise. Nobody is notified of an edit: what may have
// begun to fire is a new message.
func TestThreadsOfAlerts(t *testing.T) {
	t.Parallel()
	named, none := receivers.Receivers["team-a"], receivers.Receivers["team-a"]
	named.Thread, none.Thread = "on call", "none"
	b := start(t, func(o *api.Options) {
		o.Integrations = api.IntegrationsConfig{Receivers: map[string]api.Receiver{"team-a": receivers.Receivers["team-a"], "named": named, "none": none}}
	})
	send := func(receiver, status, reason string) accepting.Request {
		return b.sendAlerts(t, "alertmanager", fmt.Sprintf(`{"receiver":%q,"status":%q,"groupKey":"g","notification_reason":%q,"alerts":[
			{"status":%q,"startsAt":"2026-01-02T03:04:05Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"f"}]}`, receiver, status, reason, status))
	}
	own := send("team-a", "firing", "").Thread
	require.Regexp(t, "^alertmanager/[0-9a-f]{64}$", own)
	for _, c := range []struct {
		receiver, status, reason, thread string
		resolved, anew                   bool
	}{
		{"team-a", "firing", "", own, false, true},
		{"team-a", "firing", "new alerts added", own, false, true},
		{"team-a", "firing", "repeat interval elapsed", own, false, true},
		{"team-a", "firing", "some alerts resolved", own, false, false},
		{"team-a", "resolved", "all alerts resolved", own, true, false},
		{"named", "resolved", "", "on call", true, false},
		{"none", "resolved", "", "", false, false},
	} {
		r := send(c.receiver, c.status, c.reason)
		require.Equal(t, []any{c.thread, c.resolved, c.anew}, []any{r.Thread, r.Resolved, r.Alerts.Anew}, c)
	}
}

// Only a receiver that asks for it is reminded, and then by what repeats: Alertmanager
// says which posts do. A first notification is news unless it follows at once.
func TestWhatIsToldAgain(t *testing.T) {
	t.Parallel()
	reminded := receivers.Receivers["team-a"]
	reminded.RemindAfter = 4 * time.Hour
	b := start(t, func(o *api.Options) {
		o.Integrations = api.IntegrationsConfig{Receivers: map[string]api.Receiver{"team-a": reminded, "quiet": receivers.Receivers["team-a"]}}
	})
	for _, c := range []struct {
		status, reason  string
		reminded, quiet time.Duration
	}{
		{"firing", "", 4 * time.Hour, 0},
		{"firing", "repeat interval elapsed", 4 * time.Hour, 0},
		{"firing", "unknown", 4 * time.Hour, 0},
		{"firing", "first notification", 3 * time.Minute, 3 * time.Minute},
		{"firing", "new alerts added", 0, 0},
		{"firing", "some alerts resolved", 0, 0},
		{"resolved", "all alerts resolved", 0, 0},
		{"resolved", "", 0, 0},
	} {
		for receiver, want := range map[string]time.Duration{"team-a": c.reminded, "quiet": c.quiet} {
			body := `{"receiver":"` + receiver + `","status":"` + c.status + `","groupKey":"g","notification_reason":"` + c.reason + `",
				"alerts":[{"status":"` + c.status + `","startsAt":"2026-01-02T03:04:05Z","endsAt":"2026-01-02T03:04:05Z","fingerprint":"f"}]}`
			require.Equal(t, want, b.sendAlerts(t, "alertmanager", body).Alerts.Telling.Again, "%s: %s", receiver, c.reason)
		}
	}
}

// Templates print the title in a subject.
func TestTitlesAreOneLine(t *testing.T) {
	t.Parallel()
	b := startIntegrations(t)
	grafana := strings.Replace(recorded(t, "grafana-firing"), `[FIRING:1, RESOLVED:1]  `, `[FIRING:1]\r\n\tdisk\u2028is\u0007full `, 1)
	require.Equal(t, "[FIRING:1] disk is full (Platform blue)", paramsOf(b.sendAlerts(t, "grafana", grafana))["title"])
	label := strings.ReplaceAll(recorded(t, "alertmanager-firing"), `"HighLatency"`, `"High\nLatency"`)
	require.Equal(t, "[FIRING:2] High Latency eu-1", paramsOf(b.sendAlerts(t, "alertmanager", label))["title"])
}

// Lists and texts are shortened so that one sees it.
func TestShortenedAlerts(t *testing.T) {
	t.Parallel()
	b := startIntegrations(t)
	long := strings.Repeat("é", 3000)
	alert := `{"status":"firing","labels":{"a":"` + long + `"},"annotations":{"summary":"short"},"startsAt":"2026-01-02T03:04:05Z",` +
		`"endsAt":"0001-01-01T00:00:00Z","fingerprint":"f","generatorURL":"https://` + long + `","values":{"A":1}}`
	body := `{"receiver":"team-a","status":"firing","groupKey":"g","truncatedAlerts":2,"title":"` + long + `","message":"` + long + `",
		"alerts":[` + alert + strings.Repeat(","+strings.ReplaceAll(alert, long, "x"), 600) + `]}`
	content := b.sendAlerts(t, "grafana", body).Alerts.Content
	require.Equal(t, 500, content.Items)
	params := content.Params(content.Items, false)
	require.Len(t, params["alerts"], 500)
	require.Equal(t, json.Number("103"), params["truncatedAlerts"])
	require.Equal(t, json.Number("601"), params["firing"])
	require.Equal(t, long, params["message"])

	params = content.Params(1, true)
	require.Len(t, params["alerts"], 1)
	require.Equal(t, json.Number("602"), params["truncatedAlerts"])
	shown := params["alerts"].([]any)[0].(map[string]any)
	for _, text := range []any{params["title"], params["message"], shown["labels"].(map[string]any)["a"]} {
		require.Equal(t, strings.Repeat("é", 499)+"…", text)
	}
	require.Equal(t, "short", shown["annotations"].(map[string]any)["summary"])
	require.Equal(t, "", shown["generatorURL"], "a part of a URL leads nowhere")
}

func TestReplayedAlertsAnswer200(t *testing.T) {
	t.Parallel()
	b := startIntegrations(t)
	b.accepter.accepted = accepting.Accepted{NotificationID: uuid.Must(uuid.NewV7()), Deliveries: 1, Replayed: true}
	a := b.call(t, alerts("alertmanager", recorded(t, "alertmanager-firing")))
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "true", a.header.Get("Idempotent-Replayed"))
}

func TestUnknownReceiversAreRefused(t *testing.T) {
	t.Parallel()
	b := startIntegrations(t)
	body := strings.Replace(recorded(t, "alertmanager-firing"), `"team-a"`, `"Team-A"`, 1)
	a := b.call(t, alerts("alertmanager", body))
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	code, field := a.problem(t)
	require.Equal(t, "unknown_receiver", code)
	require.Equal(t, "receiver", field)
	require.Contains(t, a.text, `there is no receiver \"Team-A\"`)
	require.Empty(t, b.accepter.requests)

	// The configuration is replaced while serving.
	b.server.SetIntegrations(api.IntegrationsConfig{Receivers: map[string]api.Receiver{"Team-A": receivers.Receivers["team-a"]}})
	require.Equal(t, http.StatusAccepted, b.call(t, alerts("alertmanager", body)).status)
	require.Equal(t, http.StatusUnprocessableEntity, b.call(t, alerts("alertmanager", recorded(t, "alertmanager-firing"))).status)
}

// Alertmanager gives up on a 422, and nobody there could mend the receiver.
func TestABrokenReceiverIsNotTheSendersFault(t *testing.T) {
	t.Parallel()
	b := startIntegrations(t)
	b.accepter.err = &refusal.Error{Code: refusal.NoRecipients, Field: "recipients", Message: "no recipient fits"}
	a := b.call(t, alerts("alertmanager", recorded(t, "alertmanager-firing")))
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	code, field := a.problem(t)
	require.Equal(t, "receiver_broken", code)
	require.Equal(t, "receiver", field)
	require.Equal(t, "receiver: team-a: recipients: no recipient fits", a.json(t)["detail"])
	require.Equal(t, "30", a.header.Get("Retry-After"))

	b.accepter.err = store.ErrUnavailable
	a = b.call(t, alerts("alertmanager", recorded(t, "alertmanager-firing")))
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	code, _ = a.problem(t)
	require.Equal(t, "unavailable", code)
}

// Each problem of a receiver is logged at the start and at each reload, and the metric
// follows what happens to the templates.
func TestBrokenReceiversAreNamed(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := start(t, func(o *api.Options) { o.Integrations, o.Metrics = receivers, registry })
	broken := func() float64 {
		families, err := registry.Gather()
		require.NoError(t, err)
		i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "sealos_notify_broken_receivers" })
		return families[i].GetMetric()[0].GetGauge().GetValue()
	}
	logged := func() []string {
		var problems []string
		for _, line := range b.logs.TakeAll() {
			require.Equal(t, "a receiver of alerts cannot send as it is configured", line.Message)
			problems = append(problems, line.ContextMap()["problem"].(string))
		}
		return problems
	}
	b.server.CheckReceivers()
	require.Empty(t, logged())
	require.Zero(t, broken())

	b.accepter.problems = []*refusal.Error{{Code: refusal.UnknownTemplate, Field: "channels.email.template", Message: `there is no template "mail"`}}
	want := []string{
		`integrations.receivers.On call / 值班.channels.email.template: there is no template "mail"`,
		`integrations.receivers.team-a.channels.email.template: there is no template "mail"`,
	}
	for range 2 {
		b.server.CheckReceivers()
		require.Equal(t, want, logged())
	}
	require.EqualValues(t, 2, broken())
}

func TestMalformedAlerts(t *testing.T) {
	t.Parallel()
	b := startIntegrations(t)
	const body = `{"receiver":"team-a","status":"firing","groupKey":"g","alerts":[` +
		`{"status":"firing","labels":{"a":"1"},"startsAt":"2026-01-02T03:04:05Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"f"}]}`
	require.True(t, apitest.Describes(t, "POST", "/api/v1/integrations/grafana", []byte(body)))
	b.sendAlerts(t, "grafana", body)
	for name, c := range map[string]struct{ old, with, field string }{
		"no receiver":         {`"receiver":"team-a",`, ``, "receiver"},
		"empty receiver":      {`"team-a"`, `""`, "receiver"},
		"endless receiver":    {`"team-a"`, `"` + strings.Repeat("x", 256) + `"`, "receiver"},
		"receiver of numbers": {`"team-a"`, `1`, "receiver"},
		"no status":           {`"status":"firing","groupKey"`, `"groupKey"`, "status"},
		"unknown status":      {`"status":"firing","groupKey"`, `"status":"ok","groupKey"`, "status"},
		"no group key":        {`"groupKey":"g",`, ``, "groupKey"},
		"no alerts":           {`"alerts":[{`, `"alert":[{`, "alerts"},
		"alerts are no list":  {`"alerts":[{`, `"alerts":{},"x":[{`, "alerts"},
		"an alert is a text":  {`"alerts":[`, `"alerts":["x",`, "alerts[0]"},
		"a label of a number": {`"a":"1"`, `"a":1`, "alerts[0].labels.a"},
		"a label of null":     {`"a":"1"`, `"a":null`, "alerts[0].labels.a"},
		"labels in a list":    {`{"a":"1"}`, `["a"]`, "alerts[0].labels"},
		"annotation a list":   {`"fingerprint"`, `"annotations":{"x":[]},"fingerprint"`, "alerts[0].annotations.x"},
		"no start":            {`"startsAt":"2026-01-02T03:04:05Z",`, ``, "alerts[0].startsAt"},
		"start as a number":   {`"2026-01-02T03:04:05Z"`, `1767323045`, "alerts[0].startsAt"},
		"no end":              {`"endsAt":"0001-01-01T00:00:00Z",`, ``, "alerts[0].endsAt"},
		"no fingerprint":      {`,"fingerprint":"f"`, ``, "alerts[0].fingerprint"},
		"alert's status":      {`{"status":"firing","labels"`, `{"status":"","labels"`, "alerts[0].status"},
		"truncated text":      {`"groupKey":"g"`, `"groupKey":"g","truncatedAlerts":"1"`, "truncatedAlerts"},
		"truncated half":      {`"groupKey":"g"`, `"groupKey":"g","truncatedAlerts":0.5`, "truncatedAlerts"},
		"truncated below 0":   {`"groupKey":"g"`, `"groupKey":"g","truncatedAlerts":-1`, "truncatedAlerts"},
		"title of null":       {`"groupKey":"g"`, `"groupKey":"g","title":null`, "title"},
		"too many alerts":     {`"alerts":[`, `"alerts":[` + strings.Repeat(`{},`, 10_000), "alerts"},
	} {
		require.Equal(t, 1, strings.Count(body, c.old), name)
		changed := strings.Replace(body, c.old, c.with, 1)
		a := b.call(t, alerts("grafana", changed))
		require.Equal(t, http.StatusBadRequest, a.status, name)
		code, field := a.problem(t)
		require.Equal(t, "invalid_request", code, name)
		require.Equal(t, c.field, field, name)
		require.False(t, apitest.Describes(t, "POST", "/api/v1/integrations/grafana", []byte(changed)), name)
	}
	for _, wrong := range []string{"2026-01-02T03:04:05", "2026-01-02", "2026-13-02T03:04:05Z", "now", ""} {
		a := b.call(t, alerts("grafana", strings.Replace(body, "2026-01-02T03:04:05Z", wrong, 1)))
		require.Equal(t, http.StatusBadRequest, a.status, wrong)
		_, field := a.problem(t)
		require.Equal(t, "alerts[0].startsAt", field)
	}
	for name, changed := range map[string]string{
		"key twice": strings.Replace(body, `"status"`, `"status":"firing","status"`, 1),
		"deep":      strings.Replace(body, `"1"`, strings.Repeat("[", 40), 1),
		"cut off":   body[:40],
	} {
		a := b.call(t, alerts("grafana", changed))
		require.Equal(t, http.StatusBadRequest, a.status, name)
		code, _ := a.problem(t)
		require.Equal(t, "invalid_json", code, name)
	}
	require.Len(t, b.accepter.requests, 1)
}

func TestRecordedAlertsAreDescribed(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"alertmanager-firing": "alertmanager", "alertmanager-resolved": "alertmanager", "grafana-firing": "grafana",
	} {
		require.True(t, apitest.Describes(t, "POST", "/api/v1/integrations/"+source, []byte(recorded(t, name))), name)
	}
}

// Both programs can send a bearer token, basic authentication, or headers.
func TestAlertsComeWithEachKindOfCredentials(t *testing.T) {
	t.Parallel()
	b := startIntegrations(t)
	basic := func(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }
	small := recorded(t, "grafana-firing")
	large := strings.Replace(small, `"orgId"`, `"padding": "`+strings.Repeat("x", 1<<20)+`", "orgId"`, 1)
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"bearer":      {http.Header{"Authorization": {"Bearer sender:sender-secret"}}, 202},
		"basic":       {http.Header{"Authorization": {basic("sender:sender-secret")}}, 202},
		"headers":     {http.Header{"X-App-Id": {"sender"}, "X-App-Secret": {"sender-secret"}}, 202},
		"basic wrong": {http.Header{"Authorization": {basic("sender:x")}}, 401},
		"basic empty": {http.Header{"Authorization": {basic("sender:")}}, 401},
		"no base64":   {http.Header{"Authorization": {"Basic sender:sender-secret"}}, 401},
		"no role":     {http.Header{"Authorization": {basic("editor:editor-secret")}}, 403},
	} {
		r := alerts("grafana", small)
		r.app, r.header = "", c.header
		require.Equal(t, c.status, b.call(t, r).status, name)
		if c.status == 202 {
			r.body = large
			require.Equal(t, c.status, b.call(t, r).status, "%s, with a large body", name)
		}
	}
	// A browser's credentials for River UI open nothing else.
	for _, path := range []string{"/api/v1/templates", "/api/v1/integrations"} {
		header := http.Header{"Authorization": {basic("root:root-secret")}}
		require.Equal(t, 401, b.callUndescribed(t, request{method: "GET", path: path, header: header}).status)
	}
	// Guesses are limited here, too.
	statuses := map[int]int{}
	for range 15 {
		r := alerts("grafana", small)
		r.app, r.header = "", http.Header{"Authorization": {basic("console:guess")}}
		statuses[b.call(t, r).status]++
	}
	require.Equal(t, map[int]int{401: 10, 429: 5}, statuses)
}

// A browser adds the basic credentials that it has for River UI to what a page of another
// site sends. So these paths check what River UI checks, and that the body is JSON, which a
// page cannot send unasked.
func TestAlertsWithBasicCredentialsAreNotOfAForeignPage(t *testing.T) {
	t.Parallel()
	b := startIntegrations(t)
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"a program":           {http.Header{}, 202},
		"same origin":         {http.Header{"Sec-Fetch-Site": {"same-origin"}}, 202},
		"same origin, by URL": {http.Header{"Origin": {b.url}}, 202},
		"cross site":          {http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"same site":           {http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		"another origin":      {http.Header{"Origin": {"https://evil.example"}}, 403},
		"null origin":         {http.Header{"Origin": {"null"}}, 403},
		"an empty type":       {http.Header{"Content-Type": {""}}, 415},
		"a form":              {http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415},
		"a text":              {http.Header{"Content-Type": {"text/plain"}}, 415},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, source := range []string{"alertmanager", "grafana"} {
				r := alerts(source, recorded(t, "alertmanager-firing"))
				r.app = ""
				r.header = basic("sender", "sender-secret")
				maps.Copy(r.header, c.header)
				a := b.callUndescribed(t, r)
				require.Equal(t, c.status, a.status, a.text)

				// Credentials that no browser adds by itself prove that the page may.
				r.header.Del("Authorization")
				r.app = "sender"
				a = b.callUndescribed(t, r)
				require.NotEqual(t, 403, a.status, a.text)
			}
		})
	}
}
