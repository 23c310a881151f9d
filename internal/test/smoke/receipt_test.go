package smoke

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors/aliyun"
	"github.com/labring/sealos-notify/internal/vendors/volcengine"
)

// What the vendor says became of a text is its receipt. A call whose answer is lost is held, and becomes a success when the
// vendor has it.
func TestReceiptsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	w.UseAllChannels(w.Vendors.Addresses)
	db := w.Pool()
	r := w.Start()
	c := openTerminal(t, w, r)
	for _, channel := range []string{"sms", "voice"} {
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{"name": channel, "channel": channel, "templateCode": "T_1"})
	}
	w.Vendors.SMS.Report("13800000000", aliyun.Failed, "MK:0001")
	w.Vendors.Voice.Fail(volcengine.Fault{Where: volcengine.SingleBatchAppend, Times: 1, After: true, Reset: true})
	send := func(channel, status string) client.Delivery {
		id := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", map[string]any{
			"idempotencyKey": channel, "channels": map[string]any{channel: map[string]any{"template": channel}},
			"recipients": []map[string]string{{"type": "phone", "value": "+8613800000000"}},
		}).Body["notificationId"].(string)
		return runJSON[client.Delivery](c, 0, "deliveries", "show", r.Until(id, status)[0].ID)
	}
	text, call := send("sms", "success"), send("voice", "failed")
	require.Empty(t, text.Receipt)
	require.Equal(t, "uncertain_outcome", call.LastCode)
	become := func(d client.Delivery, receipt string) client.Delivery {
		require.Eventually(t, func() bool {
			// The first question is due in half a minute.
			_, err := db.Exec(t.Context(), `UPDATE river_job SET scheduled_at = now() WHERE kind = 'ask' AND state = 'scheduled'`)
			require.NoError(t, err)
			d = runJSON[client.Delivery](c, 0, "deliveries", "show", d.ID)
			return d.Receipt == receipt
		}, harness.Patience, harness.Tick, "the receipt %s", receipt)
		return d
	}
	text, call = become(text, "failed"), become(call, "answered")
	require.Equal(t, []any{"success", "aliyun_MK:0001"}, []any{text.Status, text.ReceiptCode})
	require.Equal(t, []any{"success", 2}, []any{call.Status, len(call.Attempts)})
	require.JSONEq(t, `{"found": true}`, string(call.Details))
	require.NotNil(t, call.ReceiptAt)

	list := runJSON[client.DeliveryList](c, 0, "deliveries", "list", "--receipt", "failed")
	require.Len(t, list.Deliveries, 1)
	require.Equal(t, text.ID, list.Deliveries[0].ID)
	out, _ := c.run(0, "deliveries", "show", text.ID)
	require.Contains(t, out, "aliyun_MK:0001")
	require.Equal(t, 2, w.Vendors.Inbox.Total(), "neither was sent twice")
	answer := r.Call(harness.AppID, harness.AppSecret, http.MethodGet, "/api/v1/deliveries?receipt=lost", nil)
	require.Equal(t, http.StatusBadRequest, answer.Status)
	require.Contains(t, answer.Raw, "query.receipt")
}
