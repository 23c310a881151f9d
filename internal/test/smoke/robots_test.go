package smoke

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/dingtalk"
	"github.com/labring/sealos-notify/internal/vendors/webhook"
	"github.com/labring/sealos-notify/internal/vendors/wecom"
)

// configureRobots turns on DingTalk's and WeCom's robots of two groups each, and webhooks to two
// receivers, one of which is for the other app.
func configureRobots(w *harness.World) {
	w.Vendors.DingTalk.AddGroup("a", tokenA)
	w.Vendors.WeCom.AddGroup("a", tokenA)
	provider := func(channel, keys string) string {
		address := w.Vendors.Addresses[channel]
		return fmt.Sprintf(`{type: %s, allowedHosts: [%q], allowPrivateNetworks: true%s, %s}`,
			channel, address, unlimited, strings.ReplaceAll(keys, "HOST", "http://"+address))
	}
	dingTalk := func(token string) string {
		return provider("dingtalk_group", fmt.Sprintf(`webhookUrl: "HOST%s", secret: %q`, dingtalk.Path(token), harness.VendorSecret))
	}
	weCom := func(token string) string {
		return provider("wecom_group", fmt.Sprintf(`webhookUrl: "HOST%s"`, wecom.Path(token)))
	}
	w.Write("token", "Bearer "+harness.VendorSecret+"\n")
	receiver := provider("webhook", fmt.Sprintf(`url: "HOST%s", authorizationFile: %q, secret: %q, msgType: json, success: {path: $.ok, value: "true"}`,
		webhook.Path, w.Path("token"), webhook.Secret(harness.VendorSecret)))
	w.Configure(map[string]string{
		"channels": `{dingtalk_group: {enabled: true, provider: ding}, wecom_group: {enabled: true, provider: wecom}, webhook: {enabled: true, provider: tickets}}`,
		"providers": fmt.Sprintf("{ding: %s, ding-a: %s, wecom: %s, wecom-a: %s, tickets: %s, others: %s}", dingTalk(harness.VendorID), dingTalk(tokenA),
			weCom(harness.VendorID), weCom(tokenA), receiver, strings.Replace(receiver, "{type", "{apps: [other-app], type", 1)),
	})
}

func robotTemplates(r *harness.Replica) {
	for _, template := range []map[string]string{
		{"name": "ding", "channel": "dingtalk_group", "msgType": "markdown", "body": "### {{ .text }}"},
		{"name": "wecom", "channel": "wecom_group", "msgType": "text", "body": "{{ .text }}"},
		{"name": "wecom-markdown", "channel": "wecom_group", "msgType": "markdown", "body": "# {{ .text }}"},
		{"name": "ticket", "channel": "webhook", "body": `{"title": "{{ .text }}"}`},
	} {
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", template)
	}
}

// robotMessage returns a request to groups of both vendors and to a receiver. Members are added to
// channels by name.
func robotMessage(key, text string, members map[string]map[string]any) map[string]any {
	channels := map[string]any{}
	for channel, c := range map[string]struct {
		template string
		to       []any
	}{
		"dingtalk_group": {"ding", []any{address("dingtalk_group", "ding"), address("dingtalk_group", "ding-a")}},
		"wecom_group":    {"wecom", []any{address("wecom_group", "wecom-a")}},
		"webhook":        {"ticket", []any{address("webhook", "tickets")}},
	} {
		message := map[string]any{"template": c.template, "params": map[string]any{"text": text}, "recipients": c.to}
		for name, member := range members[channel] {
			message[name] = member
		}
		channels[channel] = message
	}
	return map[string]any{"idempotencyKey": key, "channels": channels}
}

// One installation posts into many groups of DingTalk and WeCom, and to many receivers.
func TestRobotsAndWebhooks(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		configureRobots(w)
		r := w.Start()
		robotTemplates(r)
		const path = "/api/v1/notifications"
		post := func(body map[string]any) harness.Answer {
			return r.Call(harness.AppID, harness.AppSecret, http.MethodPost, path, body)
		}
		mention := func(people ...any) map[string]any { return map[string]any{"mention": people} }
		accepted := post(robotMessage("all", "disk full", map[string]map[string]any{
			"dingtalk_group": mention(address("phone", "+8613800138000"), address("dingtalk_user_id", "manager4220")),
			"wecom_group":    mention(address("wecom_user_id", "wangqing"), address("phone", "+8613800138000")),
		}))
		require.Equal(t, http.StatusAccepted, accepted.Status, accepted.Raw)
		providers := []string{}
		for _, task := range r.Until(sent(accepted), "success") {
			providers = append(providers, task.Provider)
		}
		require.ElementsMatch(t, []string{"ding", "ding-a", "wecom-a", "tickets"}, providers)
		got := map[string]vendors.Arrival{}
		for _, a := range awaitArrivals(t, w, 4) {
			got[a.Channel+" "+a.Group] = a
		}
		for _, group := range []string{"group", "a"} {
			a := got["dingtalk_group "+group]
			require.Equal(t, "@13800138000 @manager4220 \n\n### disk full", a.Text)
			require.Equal(t, []string{"13800138000", "manager4220"}, a.Mentions)
		}
		require.Equal(t, "disk full", got["wecom_group a"].Text)
		require.Equal(t, []string{"13800138000", "wangqing"}, got["wecom_group a"].Mentions)
		require.Equal(t, `{"title": "disk full"}`, got["webhook "].Text)

		to := func(kind, value string) map[string]any {
			return map[string]any{"recipients": []any{address(kind, value)}}
		}
		for _, c := range []struct {
			members     map[string]map[string]any
			text        string
			status      int
			code, field string
		}{
			{map[string]map[string]any{"dingtalk_group": to("dingtalk_group", "wecom-a")}, "x", 422, "unknown_group", "channels.dingtalk_group.recipients[0].value"},
			{map[string]map[string]any{"webhook": to("webhook", "others")}, "x", 403, "group_forbidden", "channels.webhook.recipients[0].value"},
			{map[string]map[string]any{"webhook": mention(address("phone", "+8613800138000"))}, "x", 422, "invalid_mention", "channels.webhook.mention[0].value"},
			{map[string]map[string]any{"dingtalk_group": mention(address("phone", "+12025550123"))}, "x", 422, "invalid_mention", "channels.dingtalk_group.mention[0].value"},
			{map[string]map[string]any{"wecom_group": {"template": "wecom-markdown", "mention": []any{address("phone", "+8613800138000")}}}, "x", 422, "invalid_mention", "channels.wecom_group.mention"},
			{nil, strings.Repeat("\n", 2049), 422, "render_failed", "channels.wecom_group.params"},
		} {
			refusedField(t, post(robotMessage("refused", c.text, c.members)), c.status, c.code, c.field)
		}
		r.Until(sent(post(robotMessage("long", strings.Repeat("\n", 2047)+"x", nil))), "success")

		// Rotating the receiver's token needs no restart.
		w.Write("token", "Bearer old")
		r.Await("configuration reloaded")
		dead := r.Until(sent(post(robotMessage("rotated", "x", nil))), "failed")
		for _, task := range dead {
			require.Equal(t, task.Channel == "webhook", task.Status != "success", task.LastError)
		}
	})
}

// Alerts reach the groups and the receiver, however long they are and whatever template is missing.
func TestAlertsThroughRobotsAndWebhooks(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		configureRobots(w)
		w.Configure(map[string]string{"integrations": `{receivers: {team-a: {channels: {
			dingtalk_group: {template: alert-dingtalk_group, recipients: [{type: dingtalk_group, value: ding-a}], mention: [{type: dingtalk_user_id, value: manager4220}]},
			wecom_group: {template: alert-wecom_group, recipients: [{type: wecom_group, value: wecom-a}], mention: [{type: phone, value: "+8613800138000"}]},
			webhook: {template: missing, recipients: [{type: webhook, value: others}]}}}}}`})
		r := w.Start()
		const body = "{{ .title }}\n{{ range .alerts }}{{ index .annotations \"summary\" }}\n{{ end }}"
		for _, channel := range []string{"dingtalk_group", "wecom_group"} {
			r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]string{"name": "alert-" + channel, "channel": channel, "msgType": "markdown", "body": body})
		}
		var alerts []any
		for i := range 50 {
			alerts = append(alerts, map[string]any{
				"status": "firing", "labels": map[string]any{"alertname": "Disk"}, "annotations": map[string]any{"summary": strings.Repeat("满", 400)},
				"startsAt": "2026-10-12T09:51:03Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": fmt.Sprint(i),
			})
		}
		accepted := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/integrations/alertmanager", map[string]any{
			"receiver": "team-a", "status": "firing", "groupKey": "g", "alerts": alerts,
		})
		r.Until(sent(accepted), "success")
		for _, a := range awaitArrivals(t, w, 3) {
			switch a.Channel {
			case "dingtalk_group":
				require.Contains(t, a.Text, "满")
				require.Equal(t, []string{"manager4220"}, a.Mentions)
			case "wecom_group": // its markdown cannot mention a mobile number, so it is a plain text
				require.Equal(t, "text", a.Kind)
				require.Equal(t, []string{"13800138000"}, a.Mentions)
			case "webhook":
				var posted map[string]string
				require.NoError(t, json.Unmarshal([]byte(a.Text), &posted))
				require.Contains(t, posted["text"], "This is plain text, because")
			}
		}
	})
}

// `config check --probe` reaches every robot and receiver, and shows no secret of theirs.
func TestProbeReachesRobotsAndWebhooks(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	configureRobots(w)
	out, err := w.Program("config", "check", "--probe").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, name := range []string{"ding", "ding-a", "wecom", "wecom-a", "tickets", "others"} {
		require.Contains(t, string(out), "provider "+name+": ok")
	}
	for _, secret := range []string{harness.VendorSecret, tokenA, webhook.Secret(harness.VendorSecret)} {
		require.NotContains(t, string(out), secret)
	}
}
