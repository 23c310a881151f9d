package smoke

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// With every fault, no secret and no address reaches the log or River's tables, and
// no secret reaches an answer or another table.
func TestNothingLeaks(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{
			"providers": w.FeishuProvider(", urgentType: sms"), "logging": `{level: debug}`,
			"defaults": `{maxRetry: 1, retryBackoffSeconds: [0], timeoutSeconds: 1}`,
		})
		r := w.Start()
		r.Template()
		const user, mail = "ou_canaryuser", "canary.mail@example.com"
		answers := ""
		for i, fault := range []feishu.Fault{
			{}, // none
			{Where: feishu.Token, HTTPStatus: 400, Code: "10014", Message: "bad " + harness.VendorSecret},
			{Where: feishu.Messages, HTTPStatus: 400, Code: "230001", Message: "no such user " + user + " " + mail},
			{Where: feishu.Messages, HTTPStatus: 502, Body: "<html>" + user + mail + "</html>"},
			{Where: feishu.Messages, Reset: true},
			{Where: feishu.Messages, Hang: true},
			{Where: feishu.Urgent, HTTPStatus: 400, Code: "230001", Message: "quota of " + user},
			{Where: feishu.Users, HTTPStatus: 500, Body: "oops"},
		} {
			injected := w.Vendors.Feishu.Fail(fault)
			if i == 0 {
				injected.Lift()
			}
			body := harness.Notification(string(rune('a'+i)), 0)
			body["recipients"] = []map[string]string{{"type": "feishu_user_id", "value": user}, {"type": "email", "value": mail}}
			a := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
			id := a.Body["notificationId"].(string)
			require.Eventually(t, func() bool {
				status, _ := r.Show(id)
				return status == "success" || status == "failed"
			}, harness.Patience, harness.Tick)
			injected.Lift()
			r.Until(r.Send(fmt.Sprintf("between-%d", i), 1), "success") // so that no breaker opens
			answers += r.Do(http.StatusOK, http.MethodGet, "/api/v1/notifications/"+id, nil).Raw
		}
		r.Call(harness.AppID, "wrong-"+harness.AppSecret, http.MethodGet, "/api/v1/templates", nil)
		require.Zero(t, r.Terminate())

		secrets := []string{harness.VendorSecret, harness.AppSecret, harness.AdminSecret, "tenant_access_token", "Bearer"}
		for _, secret := range secrets {
			require.NotContains(t, answers, secret)
			require.NotContains(t, r.Log.String(), secret)
		}
		for _, address := range []string{user, mail} {
			require.NotContains(t, r.Log.String(), address)
		}
		for table, content := range w.Dump() {
			for _, secret := range secrets {
				require.NotContains(t, content, secret, table)
			}
			if table == "river_job" {
				require.Contains(t, content, "deliver")
				require.NotContains(t, content, user)
				require.NotContains(t, content, mail)
			}
		}
	})
}
