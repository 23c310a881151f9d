package smoke

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/alertmanager"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
)

// diskAlert returns an alert that has fired for a minute.
func diskAlert(instance string, started time.Time) alertmanager.Alert {
	return alertmanager.Alert{
		Labels:      map[string]string{"alertname": "DiskFull", "cluster": "eu-1", "instance": instance},
		Annotations: map[string]string{"summary": "disk of " + instance + " is full"}, StartsAt: started,
	}
}

// cardTitle matches the title of a card.
var cardTitle = regexp.MustCompile(`"content": ?"(\[[^"]*)"`)

// titles waits for n messages and edits, of which each of the receiver's two people gets one of each
// kind, and returns the titles that the first of them has seen, in order.
func titles(t *testing.T, w *harness.World, n int) []string {
	t.Helper()
	var got []string
	awaitChanges(t, w, 2*n)
	for _, arrival := range w.Vendors.Inbox.Arrivals() {
		if arrival.To != "ou_xxxxxxxx" {
			continue
		}
		for _, text := range append(arrival.Was, arrival.Text) {
			title := cardTitle.FindStringSubmatch(text)
			require.NotEmpty(t, title, text)
			got = append(got, title[1])
		}
	}
	require.Equal(t, 2*n, w.Vendors.Inbox.Changes())
	return got
}

// Prometheus stops sending and Alertmanager resolves the alert by timeout; then it sends
// again, with the same start (prometheus#5277, alertmanager#952). Each change is told.
func TestAlertmanagerResolvesByTimeoutAndFiresAgain(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startIntegrated(t, w)
		link := newLink(t, r.Base)
		config := alertmanagerConfig(t, w, link.url) + "\nglobal: {resolve_timeout: 1s}\n"
		am := alertmanager.Start(t, config)

		alert := diskAlert("db-0", time.Now().Add(-time.Minute))
		for i := range 2 {
			am.Post(alert)
			link.await(http.StatusAccepted) // fires
			awaitChanges(t, w, 4*i+2)
			link.await(http.StatusAccepted) // a second later it is resolved
			awaitChanges(t, w, 4*i+4)
		}
		require.Equal(t, []string{
			"[FIRING:1] DiskFull eu-1", "[RESOLVED] DiskFull eu-1", "[FIRING:1] DiskFull eu-1", "[RESOLVED] DiskFull eu-1",
		}, titles(t, w, 4))
		require.Equal(t, 4, w.Vendors.Inbox.Total(), "what fires and what is resolved is one message")
	})
}

// One of two alerts comes and goes, with the same start each time.
func TestAlertmanagerOneOfTwoAlertsFlaps(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startIntegrated(t, w)
		link := newLink(t, r.Base)
		am := alertmanager.Start(t, alertmanagerConfig(t, w, link.url))

		started := time.Now().Add(-time.Minute)
		stays, flaps := diskAlert("db-0", started), diskAlert("db-1", started)
		for i, alert := range []alertmanager.Alert{stays, flaps} { // one by one: it tells the first at once
			am.Post(alert)
			link.await(http.StatusAccepted)
			awaitChanges(t, w, 2*i+2)
		}
		for i := range 2 {
			ended := flaps
			ended.EndsAt = time.Now()
			am.Post(ended)
			link.await(http.StatusAccepted)
			awaitChanges(t, w, 4*i+6)
			am.Post(flaps)
			link.await(http.StatusAccepted)
			awaitChanges(t, w, 4*i+8)
		}
		require.Equal(t, []string{
			"[FIRING:1] DiskFull eu-1", "[FIRING:2] DiskFull eu-1",
			"[FIRING:1] DiskFull eu-1", "[FIRING:2] DiskFull eu-1", "[FIRING:1] DiskFull eu-1", "[FIRING:2] DiskFull eu-1",
		}, titles(t, w, 6))
	})
}

// The process is killed between the post and the answer. Alertmanager's retry is answered by
// the next process, and tells nobody again.
func TestAlertmanagerRetriesAfterAKill(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startIntegrated(t, w)
		link := newLink(t, r.Base)
		killed := make(chan struct{})
		link.beforeAnswer(func() {
			r.Kill()
			close(killed)
		})
		am := alertmanager.Start(t, alertmanagerConfig(t, w, link.url))
		am.Post(diskAlert("db-0", time.Now().Add(-time.Minute)))
		link.await(http.StatusAccepted)
		limit.Receive(t, killed, "the kill")
		w.EndLeases()
		link.use(w.Start().Base)
		link.await(http.StatusOK)
		require.Equal(t, []string{"[FIRING:1] DiskFull eu-1"}, titles(t, w, 1))
		for mark, counted := range w.Vendors.Inbox.Marks() {
			require.Equal(t, 1, counted.Arrivals, mark)
		}
	})
}

// An alert that is beyond a limit of the posting app is kept by Alertmanager, which would give
// up after a 429 until the group's next interval.
func TestAlertmanagerKeepsWhatIsBeyondALimit(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startIntegrated(t, w)
		w.Write("apps.yaml", fmt.Sprintf("apps: [{appId: %s, appSecret: %s, limits: {deliveriesPerDay: {feishu_app: 2}}}]", harness.AppID, harness.AppSecret))
		r.Await("configuration reloaded")
		link := newLink(t, r.Base)
		config := strings.Replace(alertmanagerConfig(t, w, link.url), "group_interval: 300ms", "group_interval: 1h", 1)
		am := alertmanager.Start(t, config)
		am.Post(diskAlert("db-0", time.Now().Add(-time.Minute)))
		link.await(http.StatusAccepted)
		other := diskAlert("db-0", time.Now().Add(-time.Minute))
		other.Labels["alertname"] = "Other"
		am.Post(other)
		link.await(http.StatusServiceUnavailable)
		w.Write("apps.yaml", fmt.Sprintf("apps: [{appId: %s, appSecret: %s}]", harness.AppID, harness.AppSecret))
		for status := 0; status != http.StatusAccepted; {
			status = limit.Receive(t, link.answers, "an answer")
		}
		require.Equal(t, []string{"[FIRING:1] DiskFull eu-1", "[FIRING:1] Other eu-1"}, titles(t, w, 2))
	})
}

// The two halves of a pair that do not hear of each other both post everything, to two
// replicas. Each state is told once.
func TestBothHalvesOfAnAlertmanagerPair(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	w.UseAllChannels(w.Vendors.Addresses)
	first, second := w.Start(), w.Start()
	integrate(t, w, first)
	second.Await("configuration reloaded")
	links := []*link{newLink(t, first.Base), newLink(t, second.Base)}
	var halves []*alertmanager.Server
	for _, l := range links {
		// Nothing repeats while a half has not heard yet what the other has posted.
		config := strings.Replace(alertmanagerConfig(t, w, l.url), "repeat_interval: 300ms", "repeat_interval: 12h", 1)
		halves = append(halves, alertmanager.Start(t, config))
	}
	alert := diskAlert("db-0", time.Now().Add(-time.Minute))
	for i := range 3 {
		alert.EndsAt = time.Time{}
		if i == 1 {
			alert.EndsAt = time.Now()
		}
		for _, half := range halves {
			half.Post(alert)
		}
		answers := map[int]int{}
		for _, l := range links {
			answers[limit.Receive(t, l.answers, "an answer")]++
		}
		require.Equal(t, map[int]int{http.StatusAccepted: 1, http.StatusOK: 1}, answers, i)
		awaitChanges(t, w, 2*i+2)
	}
	require.Equal(t, []string{
		"[FIRING:1] DiskFull eu-1", "[RESOLVED] DiskFull eu-1", "[FIRING:1] DiskFull eu-1",
	}, titles(t, w, 3))
}

// A receiver that asks for reminders is reminded of what still fires by the repetitions of
// Alertmanager, at most once in its time.
func TestAlertmanagerReminds(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startIntegrated(t, w)
		w.Configure(map[string]string{"integrations": `{receivers: {team-a: {remindAfter: 2s, channels: {feishu_app: {template: alert-card}},
			recipients: [{type: feishu_user_id, value: ou_xxxxxxxx}, {type: feishu_user_id, value: ou_yyyyyyyy}]}}}`})
		r.Await("configuration reloaded")
		link := newLink(t, r.Base)
		am := alertmanager.Start(t, alertmanagerConfig(t, w, link.url)) // repeats after 300 ms
		am.Post(diskAlert("db-0", time.Now().Add(-time.Minute)))
		start := time.Now()
		link.await(http.StatusAccepted)
		link.await(http.StatusOK)
		link.await(http.StatusAccepted)
		require.Greater(t, time.Since(start), 2*time.Second)
		require.Equal(t, []string{"[FIRING:1] DiskFull eu-1", "[FIRING:1] DiskFull eu-1"}, titles(t, w, 2))
	})
}

// Alertmanager from 0.33.1 on says why it posts. The bodies are those of its
// docs/configuration.md (webhook_config), the reasons those of its notify/notify.go. Only
// "repeat interval elapsed" reminds, and the other half of a pair does not remind again.
func TestRemindersByNotificationReason(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startIntegrated(t, w)
		w.Configure(map[string]string{"integrations": `{receivers: {team-a: {remindAfter: 1s, channels: {feishu_app: {template: alert-card}},
			recipients: [{type: feishu_user_id, value: ou_xxxxxxxx}]}}}`})
		r.Await("configuration reloaded")
		post := func(reason string) int {
			t.Helper()
			return r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/integrations/alertmanager", map[string]any{
				"version": "4", "groupKey": `{}:{alertname="DiskFull"}`, "truncatedAlerts": 0, "status": "firing", "receiver": "team-a",
				"groupLabels": map[string]any{"alertname": "DiskFull"}, "commonLabels": map[string]any{}, "commonAnnotations": map[string]any{},
				"externalURL": "http://alertmanager", "notification_reason": reason,
				"alerts": []any{map[string]any{
					"status": "firing", "labels": map[string]any{"alertname": "DiskFull"}, "annotations": map[string]any{},
					"startsAt": "2026-11-24T13:44:39.822Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "f1",
				}},
			}).Status
		}
		before := time.Now()
		require.Equal(t, http.StatusAccepted, post("first notification"))
		require.Eventually(t, func() bool {
			for _, reason := range []string{"new alerts added", "some alerts resolved", "first notification"} {
				require.Equal(t, http.StatusOK, post(reason))
			}
			return post("repeat interval elapsed") == http.StatusAccepted
		}, limit.Wait, 20*time.Millisecond)
		require.Greater(t, time.Since(before), time.Second)
		require.Equal(t, http.StatusOK, post("repeat interval elapsed"), "the other half")
		awaitArrivals(t, w, 2)
	})
}

// On Grafana's path the same states are told: a group that is resolved and fires again, and
// one of two alerts that comes and goes.
func TestGrafanaAlertsFireAgain(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startIntegrated(t, w)
		post := func(status int, states ...string) {
			t.Helper()
			body := map[string]any{"receiver": "team-a", "status": "resolved", "orgId": 1, "groupKey": "{}/{}:{}", "title": "[" + strings.Join(states, " ") + "]"}
			var alerts []any
			for i, state := range states {
				if state == "firing" {
					body["status"] = "firing"
				}
				alerts = append(alerts, map[string]any{
					"status": state, "labels": map[string]any{"alertname": "A"}, "startsAt": "2026-10-12T09:51:03.157076+02:00",
					"endsAt": "2026-10-12T09:52:03+02:00", "fingerprint": fmt.Sprint(i),
				})
			}
			body["alerts"] = alerts
			r.Until(r.Do(status, http.MethodPost, "/api/v1/integrations/grafana", body).Body["notificationId"].(string), "success")
		}
		for _, states := range [][]string{
			{"firing", "firing"}, {"firing", "resolved"}, {"firing", "firing"}, {"resolved", "resolved"}, {"firing", "firing"},
		} {
			post(http.StatusAccepted, states...)
			post(http.StatusOK, states...)
		}
		require.Equal(t, []string{
			"[firing firing]", "[firing resolved]", "[firing firing]", "[resolved resolved]", "[firing firing]",
		}, titles(t, w, 5))
	})
}

// largeGroup returns a group of 50 alerts with long summaries.
func largeGroup() map[string]any {
	var alerts []any
	for i := range 50 {
		alerts = append(alerts, map[string]any{
			"status": "firing", "labels": map[string]any{"alertname": fmt.Sprintf("Alert%02d", i), "severity": "critical"},
			"annotations": map[string]any{"summary": strings.Repeat("long <b> ", 133)}, "startsAt": "2026-11-24T13:44:39Z",
			"endsAt": "0001-01-01T00:00:00Z", "fingerprint": fmt.Sprint(i),
		})
	}
	return map[string]any{
		"receiver": "team-a", "status": "firing", "groupKey": "large", "groupLabels": map[string]any{"job": "a\nb"}, "alerts": alerts,
	}
}

// A group that is too long for a mail or a card is cut so that one sees it.
func TestAlertsBeyondTheSizeOfAChannelAreShortened(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startIntegrated(t, w)
		card := r.Do(http.StatusOK, http.MethodGet, "/api/v1/templates/alert-card", nil).Body["body"]
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates",
			map[string]any{"name": "group-card", "channel": "feishu_webhook", "msgType": "interactive", "body": card})
		w.Configure(map[string]string{"integrations": `{receivers: {team-a: {
			channels: {feishu_app: {template: alert-card}, feishu_webhook: {template: group-card}, email: {template: alert-mail}},
			recipients: [{type: feishu_user_id, value: ou_xxxxxxxx}, {type: email, value: oncall@example.com}]}}}`})
		r.Await("configuration reloaded")

		id := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/integrations/alertmanager", largeGroup()).Body["notificationId"].(string)
		r.Until(id, "success")
		kinds := map[string]int{}
		for _, arrival := range w.Vendors.Inbox.Arrivals() {
			kinds[arrival.Channel]++
			shown := len(regexp.MustCompile(`(firing |\*\*)Alert\d\d`).FindAllString(arrival.Text, -1))
			require.Contains(t, arrival.Text, fmt.Sprintf("… and %d more", 50-shown), arrival.Channel)
			require.Greater(t, shown, 5, arrival.Channel)
			require.Contains(t, arrival.Subject+arrival.Text, "[FIRING:50] a b")
		}
		require.Len(t, kinds, 3)
	})
}

// A receiver whose templates are missing is named, shows in the metrics, and sends plain
// text that says why.
func TestABrokenReceiverIsNamedAndSendsPlainText(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		receivers := map[string]string{"integrations": `{receivers: {team-a: {
			channels: {feishu_app: {template: alert-card}, feishu_webhook: {template: alert-card}, email: {template: alert-mail},
				inapp: {template: alert-notice}, sms: {template: alert-sms}},
			recipients: [{type: feishu_user_id, value: ou_xxxxxxxx}, {type: email, value: oncall@example.com},
				{type: user_id, value: alice}, {type: phone, value: "+8613800000000"}]}}}`}
		w.Configure(receivers)
		r := w.Start()
		problem := r.Await("a receiver of alerts cannot send as it is configured")
		require.Equal(t, `integrations.receivers.team-a.channels.email.template: there is no template "alert-mail"`, problem["problem"])
		broken := func() float64 {
			return scrape(t, r)["sealos_notify_broken_receivers"].GetMetric()[0].GetGauge().GetValue()
		}
		require.Equal(t, 1.0, broken())

		group := largeGroup()
		group["externalURL"] = `http://am/<at user_id="all"></at>`
		id := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/integrations/alertmanager", group).Body["notificationId"].(string)
		r.Until(id, "success")
		kinds := map[string]vendors.Arrival{}
		for _, arrival := range w.Vendors.Inbox.Arrivals() {
			kinds[arrival.Channel] = arrival
			require.Contains(t, arrival.Text, "there is no template", arrival.Channel)
			require.Contains(t, arrival.Text, "Alert00", arrival.Channel)
		}
		require.Len(t, kinds, 4, "SMS has no text of its own")
		require.Equal(t, "[FIRING:50] a b", kinds["email"].Subject)
		for _, channel := range []string{"feishu_app", "feishu_webhook"} {
			require.Contains(t, kinds[channel].Text, `at user_id="all"`)
			require.NotContains(t, kinds[channel].Text, `<at user_id="all"`, "it would mention everybody")
		}
		sent := map[string]float64{}
		for _, m := range scrape(t, r)["sealos_notify_alert_fallbacks_total"].GetMetric() {
			sent[m.GetLabel()[0].GetValue()+" "+m.GetLabel()[1].GetValue()] = m.GetCounter().GetValue()
		}
		require.Equal(t, 1.0, sent["email plain"])
		require.Equal(t, 1.0, sent["sms nothing"])

		integrate(t, w, r) // with the documented templates
		require.Zero(t, broken())
	})
}
