package security

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
)

// channels are the channels with the fields that their templates need.
var channels = map[string]map[string]string{
	"inapp":          {},
	"email":          {"subject": "[{{ .severity }}] {{ .incident }}"},
	"sms":            {"templateCode": "SMS_123456"},
	"voice":          {"templateCode": "TPL_123456"},
	"feishu_webhook": {},
	"feishu_app":     {},
	"dingtalk_group": {"msgType": "markdown"},
	"wecom_group":    {},
	"webhook":        {"msgType": "json", "body": `{"severity": "{{ .severity }}", "incident": "{{ .incident }}"}`},
}

// templates creates a template for each channel, named like the channel.
func templates(r *harness.Replica) {
	for channel, more := range channels {
		template := map[string]string{"name": channel, "channel": channel, "body": "{{ .severity }}: {{ .incident }}"}
		for key, value := range more {
			template[key] = value
		}
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", template)
	}
}

// notification returns the body of a request over all channels.
func notification(key, incident string, recipients []map[string]string) map[string]any {
	all := map[string]any{}
	for channel := range channels {
		all[channel] = map[string]any{"template": channel, "params": map[string]any{"incident": incident, "severity": "P0"}}
	}
	return map[string]any{"idempotencyKey": key, "channels": all, "recipients": recipients}
}

// sendToEnd sends a notification and waits for its end. It returns the last answer
// and the deliveries.
func sendToEnd(t *testing.T, r *harness.Replica, body map[string]any) (answer string, tasks []harness.Task) {
	t.Helper()
	a := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
	id := a.Body["notificationId"].(string)
	require.Eventually(t, func() bool {
		var status string
		status, tasks = r.Show(id)
		return status == "success" || status == "failed"
	}, harness.Patience, harness.Tick)
	return r.Do(http.StatusOK, http.MethodGet, "/api/v1/notifications/"+id, nil).Raw, tasks
}
