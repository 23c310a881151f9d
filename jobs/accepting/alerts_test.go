package accepting_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// alertsOf returns the request of a group with n alerts, each with a summary.
func alertsOf(template, state string, n int, summary string) accepting.Request {
	req := jobstest.Request("alertmanager-"+state+fmt.Sprint(n), 1)
	req.Channels = map[string]accepting.ChannelRequest{"test": {Template: template}}
	req.Alerts = &accepting.Alerts{
		Receiver: "team-a", Telling: store.Telling{Group: "g", State: state},
		Content: rendering.Content{Items: n, Params: func(shown int, clipped bool) map[string]any {
			text := summary
			if clipped {
				text = rendering.Shorten(text, 500)
			}
			alerts := make([]any, shown)
			for i := range alerts {
				alerts[i] = map[string]any{
					"status": "firing", "labels": map[string]any{"alertname": fmt.Sprintf("Alert%03d", i)},
					"annotations": map[string]any{"summary": text}, "startsAt": "2026-01-02T03:04:05Z", "endsAt": "",
				}
			}
			return map[string]any{
				"title": "[FIRING] disk", "firing": json.Number(fmt.Sprint(n)), "resolved": json.Number("0"), "message": "",
				"truncatedAlerts": json.Number(fmt.Sprint(n - shown)), "alerts": alerts, "externalURL": "https://am.example.com",
				"commonAnnotations": map[string]any{"summary": text}, "commonLabels": map[string]any{},
			}
		}},
	}
	return req
}

// fallbacks returns how many alerts a channel did not send as configured.
func fallbacks(t *testing.T, b *jobstest.Bundle, channel, sent string) float64 {
	t.Helper()
	families, err := b.Metrics.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			l := m.GetLabel()
			if family.GetName() == "sealos_notify_alert_fallbacks_total" && l[0].GetValue() == channel && l[1].GetValue() == sent {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// acceptAlerts accepts a request, which must be news, and returns its message.
func acceptAlerts(t *testing.T, b *jobstest.Bundle, req accepting.Request) store.Message {
	t.Helper()
	a, err := b.Jobs.Accepter.Accept(t.Context(), req)
	require.NoError(t, err)
	require.False(t, a.Replayed)
	m, err := b.Store.Message(t.Context(), b.Deliveries(a.NotificationID)[0].MessageID)
	require.NoError(t, err)
	return m
}

// An alert that is resolved by timeout fires again with the same start.
func TestTheSameAlertsFireAgain(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("alert", "text", "{{ .title }}")
		var last accepting.Accepted
		for i, c := range []struct {
			state string
			news  bool
		}{{"x", true}, {"x", false}, {"resolved", true}, {"x", true}, {"x", false}} {
			req := alertsOf("alert", c.state, i+1, "")
			a, err := b.Jobs.Accepter.Accept(t.Context(), req)
			require.NoError(t, err)
			require.Equal(t, !c.news, a.Replayed, i)
			require.Equal(t, 1, a.Deliveries)
			require.Equal(t, !c.news, last.NotificationID == a.NotificationID, i)
			last = a
		}
	})
}

// A template that cannot be used, for a reason that no sender of alerts can mend, is
// replaced by plain text that says why.
func TestAlertsGoOutWhenTheTemplateDoesNotWork(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		for name, body := range map[string]string{
			"param":   "{{ .incident }}",
			"label":   "{{ .commonLabels.team }}",
			"type":    "{{ range .title }}{{ end }}",
			"endless": strings.Repeat("{{.title}}", 6000),
			"nul":     `{{ printf "%c" 0 }}`,
		} {
			b.Template(name, "text", body)
		}
		b.Template("nojson", "card", `{"text": {{ if .title }}no JSON{{ else }}1{{ end }}}`)
		_, err := b.Store.CreateTemplate(t.Context(), store.Template{Name: "others", Channel: "other"}, "", jobstest.By("app", store.AuditTemplateCreate, "others"))
		require.NoError(t, err)
		for template, why := range map[string]string{
			"missing": `there is no template "missing"`,
			"others":  `template "others" belongs to channel other`,
			"param":   `template "param" needs the param "incident"`,
			"label":   `template "label" needs the param "commonLabels.team"`,
			"type":    `the body of template "type"`,
			"endless": `the body of template "endless": the rendered body is larger than 65536 bytes`,
			"nul":     `the body of template "nul"`,
			"nojson":  `the rendered body is not valid JSON`,
		} {
			m := acceptAlerts(t, b, alertsOf(template, template, 2, "97% full"))
			require.Equal(t, "text", m.MsgType, template)
			require.Equal(t, "[FIRING] disk", m.Subject)
			for _, part := range []string{
				"[FIRING] disk\n2 firing, 0 resolved\n", "🔥 Alert000\n97% full\n", "Alert001", "since 2026-01-02T03:04:05Z",
				"https://am.example.com", "This is plain text, because ", why,
			} {
				require.Contains(t, strings.ReplaceAll(m.Body, "\u200b", ""), part, template) // no markup
			}
		}
		require.Equal(t, 8.0, fallbacks(t, b, "test", "plain"))
	})
}

// What would be refused is folded or cut so that one sees it.
func TestAlertsAreShortenedVisibly(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		create := func(name, msgType, subject, body string) {
			_, err := b.Store.CreateTemplate(t.Context(), store.Template{Name: name, Channel: "test", MsgType: msgType, Subject: subject, Body: body}, "",
				jobstest.By("app", store.AuditTemplateCreate, name))
			require.NoError(t, err)
		}
		const list = `{{ range .alerts }}{{ .labels.alertname }}: {{ .annotations.summary }};{{ end }}`
		create("list", "text", "{{ .commonAnnotations.summary }}", list+`{{ with .truncatedAlerts }}… and {{ . }} more{{ end }}`)
		create("common", "text", "", `{{ .commonAnnotations.summary }}`)

		m := acceptAlerts(t, b, alertsOf("list", "subject", 1, "disk\r\n\tis \x07full\u2028now"))
		require.Equal(t, "disk is full now", m.Subject)

		summary := strings.Repeat("s", 1999)
		m = acceptAlerts(t, b, alertsOf("list", "list", 50, summary))
		require.Equal(t, strings.Repeat("s", 249)+"…", m.Subject)
		shown := strings.Count(m.Body, summary)
		require.Equal(t, 32, shown, "as many as fit into 64 KiB")
		require.True(t, strings.HasSuffix(m.Body, "… and 18 more"), m.Body[len(m.Body)-30:])

		m = acceptAlerts(t, b, alertsOf("common", "one", 3, strings.Repeat("s", 70_000)))
		require.Equal(t, strings.Repeat("s", 499)+"…", m.Body, "no list to cut")

		// The plain text is cut, too.
		m = acceptAlerts(t, b, alertsOf("missing", "plain", 50, summary))
		require.Contains(t, m.Body, fmt.Sprintf("\n… and %d more\n", 50-strings.Count(m.Body, summary)))
		require.LessOrEqual(t, len(m.Body), 64<<10)
	})
}

// A channel that can send nothing is left out, and the others send.
func TestAChannelThatCanSendNothingIsLeftOut(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("alert", "text", "{{ .title }}")
		req := alertsOf("alert", "x", 1, "")
		req.Channels["other"] = accepting.ChannelRequest{Template: "alert"} // off
		require.Equal(t, "[FIRING] disk", acceptAlerts(t, b, req).Body)
		require.Equal(t, 1.0, fallbacks(t, b, "other", "nothing"))

		req = alertsOf("alert", "y", 1, "")
		req.Channels = map[string]accepting.ChannelRequest{"other": {Template: "alert"}}
		for range 2 {
			_, err := b.Jobs.Accepter.Accept(t.Context(), req)
			jobstest.RequireRefusal(t, err, refusal.ChannelOff, "channels.other")
		}
		require.Equal(t, 3.0, fallbacks(t, b, "other", "nothing"))
		req.Channels = map[string]accepting.ChannelRequest{"test": {Template: "alert"}}
		acceptAlerts(t, b, req) // it was not told before
	})
}

func TestCheckAlerts(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		for name, body := range map[string]string{
			"good":  `{{ .title }}{{ range .alerts }}{{ .labels.alertname }}{{ .labels.team }}{{ end }}{{ .commonLabels.team }}`,
			"param": "{{ .incident }}",
			"alert": "{{ range .alerts }}{{ .name }}{{ end }}",
			"type":  "{{ .title.first }}",
		} {
			b.Template(name, "text", body)
		}
		for template, problem := range map[string]string{
			"good":    "",
			"missing": `unknown_template: channels.test.template: there is no template "missing"`,
			"param":   `missing_param: channels.test.params.incident: template "param" needs the param "incident", which alerts do not have`,
			"alert":   `missing_param: channels.test.params.name: template "alert" needs the param "name", which alerts do not have`,
			"type":    `render_failed: channels.test.params: the body of template "type": line 1, column 10: title.first: a string has no fields`,
		} {
			found, err := b.Jobs.Accepter.CheckAlerts(t.Context(), alertsOf(template, "x", 1, ""))
			require.NoError(t, err)
			if problem == "" {
				require.Empty(t, found, template)
				continue
			}
			require.Len(t, found, 1, template)
			require.Equal(t, problem, found[0].Error())
		}
		req := alertsOf("good", "x", 1, "")
		req.Channels["other"] = accepting.ChannelRequest{Template: "good"}
		found, err := b.Jobs.Accepter.CheckAlerts(t.Context(), req)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, refusal.ChannelOff, found[0].Code)
		require.Equal(t, "0", b.QueryText("SELECT CAST(count(*) AS text) FROM notifications"))
	})
}
