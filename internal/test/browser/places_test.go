package browser

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// onCall has a receiver for everybody, one with a hostile name, one for administrators alone, and
// one that cannot send.
const onCall = `{receivers: {
  "team-a / 值班": {channels: {email: {template: alert}}, recipients: [{type: email, value: oncall@example.com}]},
  "<img src=x onerror=alert(1)>": {channels: {email: {template: alert}}, recipients: [{type: email, value: board@example.com}], apps: [notify-console]},
  board: {channels: {email: {template: alert}}, recipients: [{type: email, value: board@example.com}], apps: [operator]},
  broken: {channels: {sms: {template: none}}, recipients: [{type: phone, value: "+8613800000000"}]}}}`

// startPlaces runs the program with receivers, and with an app that may only send.
func startPlaces(t *testing.T, w *harness.World) *harness.Replica {
	t.Helper()
	content, err := os.ReadFile(w.Path("apps.yaml"))
	require.NoError(t, err)
	w.Write("apps.yaml", string(content)+
		"  - {appId: sender, appSecret: sender-secret, roles: [send], testSecrets: [sender-test-secret], limits: {requestsPerMinute: 100, deliveriesPerDay: {email: 1}}}\n")
	w.Configure(map[string]string{"integrations": onCall})
	r := start(t, w)
	r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
		"name": "alert", "channel": "email", "msgType": "text", "subject": "{{ .title }}",
		"body": "{{ range .alerts }}{{ .labels.alertname }}: {{ .annotations.summary }}{{ end }}",
	})
	return r
}

// A test alert goes to the people of a receiver, and its page leads to what became of it.
func TestTestAlert(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startPlaces(t, w)
		b := open(t, r.Base, settings{})
		b.signIn("sender", "sender-secret")
		require.Eventually(t, func() bool { // one look at the receivers serves for a second
			b.visit("/console/receivers")
			return strings.Contains(b.text(), "A receiver cannot send as it is configured.")
		}, limit.Wait, 100*time.Millisecond)
		text := b.text()
		require.Contains(t, text, "team-a / 值班")
		require.NotContains(t, text, "board", "it takes no alerts of this app")
		require.NotContains(t, text, "oncall@example.com")
		b.picture(w.DB.Driver + "-receivers-send")
		for _, path := range []string{"/console/providers", "/console/apps", "/console/audit", "/console/queues"} {
			b.visit(path)
			require.Contains(t, b.text(), "Not for your roles", path)
		}
		b.visit("/console/receivers")
		b.follow("broken")
		require.Contains(t, b.text(), "channels.sms")
		b.visit("/console/receivers")
		b.follow("team-a")
		require.Contains(t, b.text(), "No alert came yet")
		b.press("form[action$='/receivers/test'] button")
		require.Contains(t, b.text(), "The test alert was accepted.")
		require.Contains(t, b.text(), "[FIRING:1] TestAlert")
		b.await("Arrived")
		b.press("#live table a")
		require.Contains(t, b.text(), "TestAlert: A test: nothing is wrong.")
		require.Contains(t, b.text(), "What was sent")

		b.visit("/console/receivers/one?name=team-a%20%2F%20%E5%80%BC%E7%8F%AD")
		for _, want := range []string{"[FIRING:1] TestAlert", "Firing", "Arrived"} {
			require.Contains(t, b.text(), want)
		}
		b.press("form[action$='/receivers/test'] button")
		require.Contains(t, b.text(), "limit", "the app may send one mail a day")

		admin := open(t, r.Base, settings{language: "zh-CN"})
		admin.signIn(harness.AdminID, harness.AdminSecret)
		admin.visit("/console/receivers")
		for _, want := range []string{"接收方", "oncall@example.com", "board", "无法发送", "可以发送"} {
			require.Contains(t, admin.text(), want)
		}
		admin.isTame()
		admin.picture(w.DB.Driver + "-receivers-zh")
		admin.follow("<img")
		admin.isTame()
		admin.visit("/console/apps")
		for _, want := range []string{"sender", "每日投递数", "1 / 1", "已用完"} {
			require.Contains(t, admin.text(), want)
		}
		admin.picture(w.DB.Driver + "-apps-zh")
		admin.visit("/console/audit?action=receiver.test")
		require.Contains(t, admin.text(), "发送测试告警")
		require.Contains(t, admin.text(), "127.0.0.1")
	})
}

// An administrator sees a provider as it is configured, without its secrets, and probes it.
func TestProbe(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startPlaces(t, w)
		b := open(t, r.Base, settings{})
		b.signIn(harness.AdminID, harness.AdminSecret)
		b.visit("/console/providers")
		b.do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(d => d.open = true)`))
		text := b.text()
		for _, want := range []string{"smtp-default", "In use", "notify@example.com", "accessKeySecret", "webhookUrl", "***", "no limit"} {
			require.Contains(t, text, want)
		}
		require.NotContains(t, text, harness.VendorSecret)
		require.NotContains(t, text, "/hook/")
		b.picture(w.DB.Driver + "-providers")

		const form = "form[action$='/smtp-default/probe']"
		b.do(chromedp.Click(chromedp.CSS(form + " button")))
		b.await("It would take a message.")
		b.do(chromedp.Click(chromedp.CSS(form + " button")))
		b.await("was probed just now")

		providers := w.Vendors.Providers(w.Vendors.Addresses, w.Path("kubeconfig.yaml"), "rateLimit: {perSecond: 0, perMinute: 7}")
		w.Configure(map[string]string{"providers": strings.ReplaceAll(providers, "accessKeyId: \""+harness.VendorID, "accessKeyId: \"wrong")})
		r.Await("configuration reloaded")
		b.visit("/console/providers")
		require.Contains(t, b.text(), "Calls a minute at most", "what is in force, after a reload")
		b.do(chromedp.Click(chromedp.CSS("form[action$='/aliyun-sms/probe'] button")))
		b.await("Our side")
		b.picture(w.DB.Driver + "-probe-fails")

		b.visit("/console/audit")
		b.do(chromedp.SetValue(chromedp.CSS("#object"), "smtp-default"))
		b.press("form[role=search] button.primary")
		require.Contains(t, b.path(), "object=smtp-default")
		require.Contains(t, b.text(), "Provider probed")
		require.NotContains(t, b.text(), "aliyun-sms")
		b.picture(w.DB.Driver + "-audit")
		b.visit("/console/audit?action=config.reload")
		require.Contains(t, b.text(), "Configuration reloaded")
		b.visit("/console/audit?action=template.delete")
		require.Contains(t, b.text(), "Nothing matches")
	})
}

// River UI is shown in the console's frame without signing in again, in its theme.
func TestQueues(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := startPlaces(t, w)
		send(r, "email", "mail", "email", "a@example.com", "news")
		b := open(t, r.Base, settings{})
		b.signIn(harness.AdminID, harness.AdminSecret)
		b.visit("/console/queues")
		const inside = `(document.querySelector("iframe.river").contentDocument?.body?.innerText ?? "")`
		require.Eventually(t, func() bool { return strings.Contains(eval[string](b, inside), "Jobs") }, limit.Wait, 50*time.Millisecond)
		b.picture(w.DB.Driver + "-queues")
		b.press("button[name=theme]") // dark
		const dark = `document.querySelector("iframe.river").contentDocument?.documentElement?.classList.contains("dark") ?? false`
		require.Eventually(t, func() bool { return eval[bool](b, dark) }, limit.Wait, 50*time.Millisecond)
		b.picture(w.DB.Driver + "-queues-dark")
		require.Contains(t, b.text(), "Queues", "the navigation is kept")
	})
}
