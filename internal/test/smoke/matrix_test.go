package smoke

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// Each type of recipient is delivered over the channels that accept it. The test uses
// channels of a running dev.
func TestRecipientsReachTheirChannels(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := startDev(t, w)
	channels := map[string]any{}
	for channel, template := range map[string]string{
		"inapp": "inapp-alert", "email": "email-alert", "sms": "sms-alert", "voice": "voice-alert",
		"feishu_webhook": "group-alert", "feishu_app": "feishu-alert",
		"dingtalk_group": "dingtalk-alert", "wecom_group": "wecom-alert", "webhook": "webhook-alert",
	} {
		channels[channel] = map[string]any{"template": template, "params": map[string]any{"incident": "disk full", "severity": "P1"}}
	}
	for recipient, c := range map[string]struct {
		value    string
		channels []string
	}{
		"email":          {"alice@example.com", []string{"email", "feishu_app", "feishu_webhook"}},
		"phone":          {"+8613800000000", []string{"sms", "voice"}},
		"user_id":        {"alice", []string{"inapp"}},
		"feishu_user_id": {"ou_alice", []string{"feishu_app", "feishu_webhook"}},
		"feishu_group":   {"feishu-group", []string{"feishu_webhook"}},

		"dingtalk_group":   {"dingtalk-group", []string{"dingtalk_group"}},
		"dingtalk_user_id": {"manager4220", []string{"dingtalk_group"}},
		"wecom_group":      {"wecom-group", []string{"wecom_group"}},
		"wecom_user_id":    {"wangqing", []string{"wecom_group"}},
		"webhook":          {"ticket-system", []string{"webhook"}},
	} {
		a := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", map[string]any{
			"idempotencyKey": recipient, "channels": channels,
			"recipients": []map[string]string{{"type": recipient, "value": c.value}},
		})
		var reached []string
		for _, task := range r.Until(a.Body["notificationId"].(string), "success") {
			reached = append(reached, task.Channel)
		}
		slices.Sort(reached)
		require.Equal(t, c.channels, reached, recipient)
	}
	// A recipient that a channel cannot reach is refused before anything is written.
	for field, body := range map[string]map[string]string{
		"recipients[0].value": {"type": "phone", "value": "+12025550123"}, // not on the country allow-list
	} {
		a := r.Do(http.StatusUnprocessableEntity, http.MethodPost, "/api/v1/notifications", map[string]any{
			"idempotencyKey": "refused", "recipients": []map[string]string{body},
			"channels": map[string]any{"sms": channels["sms"]},
		})
		require.Equal(t, "invalid_recipient", a.Body["code"])
		require.Contains(t, a.Raw, field)
		require.NotContains(t, a.Raw, body["value"])
	}
}

// startDev runs the dev command with the flags until the test ends and returns when it serves.
func startDev(t *testing.T, w *harness.World, flags ...string) *harness.Replica {
	t.Helper()
	cmd := w.Program(append([]string{"dev", "--address", "127.0.0.1:0", "--vendors", "127.0.0.1:0", "--state", w.Path("state")}, flags...)...)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		require.NoError(t, cmd.Wait(), "Ctrl-C ends it with code 0")
	})
	const label = "  API "
	line := limit.Line(t, stdout, "address of the API", func(line string) bool { return strings.Contains(line, label) })
	_, address, _ := strings.Cut(line, label)
	return w.At(strings.Fields(address)[0])
}
