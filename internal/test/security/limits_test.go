package security

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

const testSecret = "secret-that-reaches-nobody"

// everybody has a recipient for each channel.
var everybody = []map[string]string{
	{"type": "email", "value": mail}, {"type": "phone", "value": phone}, {"type": "user_id", "value": user},
	{"type": "dingtalk_group", "value": "dingtalk-group"}, {"type": "wecom_group", "value": "wecom-group"}, {"type": "webhook", "value": "ticket-system"},
}

// What is sent with a test secret is accepted and delivered, and no vendor hears of it.
func TestATestSecretReachesNobody(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		w.Write("apps.yaml", fmt.Sprintf("apps: [{appId: %s, appSecret: %s, testSecrets: [%s], roles: [admin]}]",
			harness.AppID, harness.AppSecret, testSecret))
		r := w.Start()
		templates(r)
		call := func(secret, method, path string, body any) harness.Answer {
			return r.Call(harness.AppID, secret, method, path, body)
		}
		test := call(testSecret, http.MethodPost, "/api/v1/notifications", notification("k", content, everybody))
		require.Equal(t, http.StatusAccepted, test.Status, test.Raw)
		path := "/api/v1/notifications/" + test.Body["notificationId"].(string)
		var shown map[string]any
		require.Eventually(t, func() bool {
			shown = call(testSecret, http.MethodGet, path, nil).Body
			return shown["status"] == "success"
		}, harness.Patience, harness.Tick)
		require.Equal(t, harness.AppID+":test", shown["senderAppId"])
		require.Len(t, shown["tasks"], len(channels))
		for _, task := range shown["tasks"].([]any) {
			require.Equal(t, "simulated", task.(map[string]any)["provider"])
			require.Equal(t, true, task.(map[string]any)["test"])
		}
		require.Equal(t, true, shown["test"])
		for query, want := range map[string]int{"": len(channels), "?test=true": len(channels), "?test=false": 0} {
			require.Len(t, call(testSecret, http.MethodGet, "/api/v1/deliveries"+query, nil).Body["deliveries"], want, query)
			require.Len(t, call(testSecret, http.MethodGet, "/api/v1/notifications"+query, nil).Body["notifications"], want/len(channels), query)
		}
		require.Zero(t, w.Vendors.Inbox.Total())

		real := call(harness.AppSecret, http.MethodPost, "/api/v1/notifications", notification("k", content, everybody))
		require.Equal(t, http.StatusAccepted, real.Status, "its keys are not the app's: %s", real.Raw)
		tasks := r.Until(real.Body["notificationId"].(string), "success")
		harness.RequireOnceEach(t, w, harness.IDs(tasks))

		// With it nothing of the app itself is read, sent again or cancelled.
		other := "/api/v1/notifications/" + real.Body["notificationId"].(string)
		for _, c := range [][2]string{
			{http.MethodGet, other}, {http.MethodPost, other + "/cancel"},
			{http.MethodGet, "/api/v1/deliveries/" + tasks[0].ID}, {http.MethodPost, "/api/v1/deliveries/" + tasks[0].ID + "/retry"},
		} {
			require.Equal(t, http.StatusNotFound, call(testSecret, c[0], c[1], map[string]any{}).Status, c)
		}
		require.Equal(t, http.StatusForbidden, call(testSecret, http.MethodPost, "/api/v1/deliveries/retry",
			map[string]any{"filter": map[string]any{"app": harness.AppID}}).Status)
		riverUI := call(testSecret, http.MethodGet, "/riverui/", nil)
		require.Equal(t, http.StatusForbidden, riverUI.Status)
	})
}

// Two replicas count together. What is refused wrote nothing; what was accepted before is
// answered as before.
func TestLimitsOfAnApp(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		w.Write("apps.yaml", fmt.Sprintf(`apps:
- {appId: %s, appSecret: %s, limits: {deliveriesPerDay: {email: 3, voice: 0}, highPriority: false}}
- {appId: %s, appSecret: %s}
`, harness.AppID, harness.AppSecret, harness.OtherID, harness.OtherSecret))
		r := w.Start()
		templates(r)
		mails := func(key string, n int) map[string]any {
			var to []map[string]string
			for i := range n {
				to = append(to, map[string]string{"type": "email", "value": fmt.Sprintf("%d-%s", i, mail)})
			}
			body := notification(key, content, to)
			body["channels"] = map[string]any{"email": body["channels"].(map[string]any)["email"]}
			return body
		}
		post := func(body any) harness.Answer {
			return r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", body)
		}
		first := post(mails("k1", 2))
		require.Equal(t, http.StatusAccepted, first.Status, first.Raw)

		refused := post(mails("k2", 2))
		require.Equal(t, http.StatusTooManyRequests, refused.Status, refused.Raw)
		require.Equal(t, "limit_deliveries_per_day", refused.Body["code"])
		require.Equal(t, "channels.email: this app may send 3 deliveries over email a day, and has sent 2", refused.Body["detail"])
		wait, err := strconv.Atoi(refused.Header.Get("Retry-After"))
		require.NoError(t, err)
		midnight := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
		require.InDelta(t, time.Until(midnight).Seconds(), wait, 120)

		require.Equal(t, http.StatusAccepted, post(mails("k2", 1)).Status, "there is room for one, and the key is free")
		require.Equal(t, http.StatusOK, post(mails("k1", 2)).Status, "a repetition is no use")
		require.Equal(t, http.StatusTooManyRequests, post(mails("k3", 1)).Status)

		larger := post(mails("k4", 4))
		require.Equal(t, http.StatusUnprocessableEntity, larger.Status)
		require.Equal(t, "larger_than_limit", larger.Body["code"])
		voice := notification("k5", content, everybody)
		voice["channels"] = map[string]any{"voice": voice["channels"].(map[string]any)["voice"]}
		require.Equal(t, "larger_than_limit", post(voice).Body["code"], "the app may not call")

		high := notification("k6", content, everybody)
		high["priority"] = "high"
		require.Equal(t, http.StatusForbidden, post(high).Status)
		require.Equal(t, http.StatusAccepted, r.Call(harness.OtherID, harness.OtherSecret, http.MethodPost, "/api/v1/notifications", high).Status)

		if w.DB.Driver != "sqlite" {
			another := w.Start()
			answer := another.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", mails("k7", 1))
			require.Equal(t, http.StatusTooManyRequests, answer.Status, "replicas count together")
		}
		w.Write("apps.yaml", fmt.Sprintf("apps: [{appId: %s, appSecret: %s}]", harness.AppID, harness.AppSecret))
		require.Eventually(t, func() bool { return post(mails("k3", 1)).Status == http.StatusAccepted }, limit.Wait, harness.Tick)
	})
}

// A retry of a test reaches nobody, also by an administrator and through another provider.
func TestARetryOfATestReachesNobody(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		w.Write("apps.yaml", fmt.Sprintf("apps: [{appId: %s, appSecret: %s, testSecrets: [%s]}, {appId: %s, appSecret: %s, roles: [admin]}]",
			harness.AppID, harness.AppSecret, testSecret, harness.AdminID, harness.AdminSecret))
		r := w.Start()
		templates(r)
		as := map[string]string{harness.AppID: testSecret, harness.AdminID: harness.AdminSecret}
		for retrier, secret := range as {
			body := notification(retrier, content, everybody)
			due := time.Now().Add(time.Second)
			body["sendAt"] = due.Format(time.RFC3339Nano)
			test := r.Call(harness.AppID, testSecret, http.MethodPost, "/api/v1/notifications", body)
			require.Equal(t, http.StatusAccepted, test.Status, test.Raw)
			path := "/api/v1/notifications/" + test.Body["notificationId"].(string)
			require.Equal(t, http.StatusOK, r.Call(retrier, secret, http.MethodPost, path+"/cancel", nil).Status)
			time.Sleep(time.Until(due)) // otherwise they would be sent when they are due only
			tasks := r.Call(retrier, secret, http.MethodGet, path, nil).Body["tasks"].([]any)
			require.Len(t, tasks, len(channels))
			for i, task := range tasks {
				task := task.(map[string]any)
				require.Equal(t, "cancelled", task["status"])
				how := map[string]any{}
				if i%2 == 0 || task["channel"] == "feishu_app" {
					how["provider"] = providers[task["channel"].(string)]
				}
				again := r.Call(retrier, secret, http.MethodPost, "/api/v1/deliveries/"+task["id"].(string)+"/retry", how)
				require.Equal(t, http.StatusAccepted, again.Status, again.Raw)
				require.Equal(t, true, again.Body["test"])
			}
			require.Eventually(t, func() bool {
				return r.Call(retrier, secret, http.MethodGet, path, nil).Body["status"] == "success"
			}, harness.Patience, harness.Tick)
		}
		require.Zero(t, w.Vendors.Inbox.Total())
	})
}

// providers of the world, by channel.
var providers = map[string]string{
	"inapp": "sealos-inapp", "email": "smtp-default", "sms": "aliyun-sms", "voice": "volcengine-vms",
	"feishu_webhook": "feishu-group", "feishu_app": "feishu-app-urgent",
	"dingtalk_group": "dingtalk-group", "wecom_group": "wecom-group", "webhook": "ticket-system",
}

// Alertmanager posts again after a 5xx only. A test of a receiver neither counts for its
// groups nor reaches anybody.
func TestAlertsBeyondALimitAreAskedForAgain(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		w.Write("apps.yaml", fmt.Sprintf("apps: [{appId: %s, appSecret: %s, testSecrets: [%s], limits: {deliveriesPerDay: {email: 1}}}]",
			harness.AppID, harness.AppSecret, testSecret))
		w.Configure(map[string]string{"integrations": fmt.Sprintf(
			`{receivers: {team-a: {apps: [%s], channels: {email: {template: email}}, recipients: [{type: email, value: %q}]}}}`, harness.AppID, mail)})
		r := w.Start()
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]string{
			"name": "email", "channel": "email", "subject": "{{ .title }}", "body": "{{ .title }}"})
		post := func(secret, group string) harness.Answer {
			return r.Call(harness.AppID, secret, http.MethodPost, "/api/v1/integrations/alertmanager", map[string]any{
				"receiver": "team-a", "status": "firing", "groupKey": group, "alerts": []any{map[string]any{
					"status": "firing", "labels": map[string]any{"alertname": "A"}, "startsAt": "2026-10-12T09:51:03Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "0",
				}}})
		}
		test := post(testSecret, "one")
		require.Equal(t, http.StatusAccepted, test.Status, test.Raw)
		require.Equal(t, http.StatusAccepted, post(harness.AppSecret, "one").Status, "the test told nobody")
		require.Equal(t, http.StatusOK, post(harness.AppSecret, "one").Status)
		for range 2 {
			refused := post(harness.AppSecret, "two")
			require.Equal(t, http.StatusServiceUnavailable, refused.Status, refused.Raw)
			require.Equal(t, "limit_deliveries_per_day", refused.Body["code"])
			require.NotEmpty(t, refused.Header.Get("Retry-After"))
		}
		w.Write("apps.yaml", fmt.Sprintf("apps: [{appId: %s, appSecret: %s}]", harness.AppID, harness.AppSecret))
		require.Eventually(t, func() bool { return post(harness.AppSecret, "two").Status == http.StatusAccepted }, limit.Wait, harness.Tick)
		require.Eventually(t, func() bool { return w.Vendors.Inbox.Total() == 2 }, limit.Wait, harness.Tick)
	})
}
