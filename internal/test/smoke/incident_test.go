package smoke

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// A step is sent although the program was killed after it had answered, and once. What follows is not sent when
// somebody acknowledges from the command line.
func TestEscalationFromTheCommandLine(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		r := w.Start()
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
			"name": "page", "channel": "feishu_app", "msgType": "text", "body": "{{ .what }} is down",
		})
		step := func(after, to string) map[string]any {
			return map[string]any{
				"after": after, "channels": map[string]any{"feishu_app": map[string]any{"template": "page"}},
				"recipients": []map[string]string{{"type": "feishu_user_id", "value": to}},
			}
		}
		body := map[string]any{
			"idempotencyKey": "k", "recipients": []map[string]string{{"type": "feishu_user_id", "value": "ou_alice"}},
			"channels":   map[string]any{"feishu_app": map[string]any{"template": "page", "params": map[string]any{"what": "db"}}},
			"escalation": []any{step("3s", "ou_bob"), step("1h", "ou_boss")},
		}
		id := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body).Body["notificationId"].(string)
		r.Until(id, "success")
		r.Kill() // the step waits, or is being sent
		r = w.Start()
		r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications", body)
		require.Eventually(t, func() bool { return w.Vendors.Inbox.Total() == 2 }, harness.Patience, harness.Tick, "the first step")

		c := openTerminal(t, w, r)
		open := runJSON[client.IncidentList](c, 0, "incidents", "list", "--status", "open").Incidents
		require.Len(t, open, 1)
		require.Equal(t, id, open[0].ID)
		last := open[0].Next.NotificationID
		done := runJSON[client.Acknowledged](c, 0, "ack", id, "--by", "alice", "--note", "on it")
		require.True(t, done.Changed)
		tasks := r.Until(last, "cancelled")
		require.Len(t, tasks, 1)
		said, _ := c.run(0, "ack", last, "--by", "bob")
		require.Contains(t, said, "Nothing was changed.")
		require.Contains(t, said, "acknowledged by alice over api")
		shown, _ := c.run(0, "notifications", "show", id)
		require.Contains(t, shown, "acknowledged by alice over api")
		require.Equal(t, 2, w.Vendors.Inbox.Total())
	})
}

// A ladder of urgent steps is one message: each step urges it, although the program was killed in between. When it
// was deleted, the step sends its own.
func TestUrgentLadder(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{
			"channels": `{feishu_app: {enabled: true, provider: feishu}}`, "providers": w.FeishuProvider(""),
		})
		r := w.Start()
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{"name": "page", "channel": "feishu_app", "body": "db is down"})
		var steps []any
		for _, kind := range []string{"app", "sms", "phone"} {
			steps = append(steps, map[string]any{
				"after": fmt.Sprintf("%ds", 2*len(steps)+2), "urgent": kind, "channels": map[string]any{"feishu_app": map[string]any{"template": "page"}},
			})
		}
		id := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", map[string]any{
			"idempotencyKey": "k", "recipients": []map[string]string{{"type": "feishu_user_id", "value": "ou_alice"}},
			"channels": map[string]any{"feishu_app": map[string]any{"template": "page"}}, "escalation": steps,
		}).Body["notificationId"].(string)
		r.Until(id, "success")
		notes := func() []string { return w.Vendors.Inbox.Arrivals()[0].Notes }
		require.Eventually(t, func() bool { return len(notes()) == 1 }, harness.Patience, harness.Tick, "the first step")
		last := r.Do(http.StatusOK, http.MethodGet, "/api/v1/notifications/"+id, nil).Body["incident"].(map[string]any)
		require.Equal(t, "open", last["status"])
		r.Kill()
		r = w.Start()
		require.Eventually(t, func() bool { return len(notes()) >= 3 }, harness.Patience, harness.Tick, "the other steps")
		require.Equal(t, []string{"urgent app to ou_alice", "urgent sms to ou_alice", "urgent phone to ou_alice"}, notes())
		require.Equal(t, 1, w.Vendors.Inbox.Total())

		steps[0].(map[string]any)["after"] = "3s"
		id = r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", map[string]any{
			"idempotencyKey": "deleted", "recipients": []map[string]string{{"type": "feishu_user_id", "value": "ou_bob"}},
			"channels": map[string]any{"feishu_app": map[string]any{"template": "page"}}, "escalation": steps[:1],
		}).Body["notificationId"].(string)
		r.Until(id, "success")
		w.Vendors.Feishu.Delete(w.Vendors.Inbox.Arrivals()[1].ID)
		require.Eventually(t, func() bool {
			arrivals := w.Vendors.Inbox.Arrivals()
			return len(arrivals) == 3 && len(arrivals[2].Notes) == 1
		}, harness.Patience, harness.Tick, "a message of the step's own")
	})
}

// The button of a card acknowledges, without an address that the vendor can reach. What escalates is not sent then, the
// card says who it was, and so does what comes later in the thread.
func TestAcknowledgementByACard(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{
			"channels": `{feishu_app: {enabled: true, provider: feishu}}`, "providers": w.FeishuProvider(", events: true"),
		})
		r := w.Start()
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
			"name": "card", "channel": "feishu_app", "msgType": "interactive", "body": `{"elements": [{"tag": "markdown", "content": "{{ .state }}"}]}`,
		})
		send := func(state string, more map[string]any) string {
			body := map[string]any{
				"idempotencyKey": state, "thread": "db-7", "recipients": []map[string]string{{"type": "feishu_user_id", "value": "ou_alice"}},
				"channels": map[string]any{"feishu_app": map[string]any{"template": "card", "params": map[string]any{"state": state}}},
			}
			maps.Copy(body, more)
			id := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body).Body["notificationId"].(string)
			r.Until(id, "success")
			return id
		}
		id := send("down", map[string]any{"escalation": []any{map[string]any{
			"after": "1h", "channels": map[string]any{"feishu_app": map[string]any{"template": "card"}},
		}}})
		card := w.Vendors.Inbox.Arrivals()[0]
		buttons := feishu.Buttons(card.Text)
		require.Len(t, buttons, 1)
		require.NoError(t, w.Vendors.Feishu.WaitConnections(t.Context(), 1))
		toast, err := w.Vendors.Feishu.Press(t.Context(), "ou_alice", card.ID, buttons[0].Value)
		require.NoError(t, err)
		require.Equal(t, "success", toast.Type, toast.Content)

		c := openTerminal(t, w, r)
		incidents := runJSON[client.IncidentList](c, 0, "incidents", "list").Incidents
		require.Len(t, incidents, 1)
		require.Equal(t, []any{id, "acknowledged", "feishu_card"}, []any{incidents[0].ID, incidents[0].Status, incidents[0].Over})
		require.Nil(t, incidents[0].Next)

		send("up", map[string]any{"resolved": true})
		arrivals := w.Vendors.Inbox.Arrivals()
		require.Len(t, arrivals, 1, "it is one card")
		shown := append(arrivals[0].Was, arrivals[0].Text)
		require.GreaterOrEqual(t, len(shown), 3)
		for _, text := range shown[1:] {
			require.Contains(t, text, "Acknowledged by "+feishu.UserName("ou_alice"))
			require.Empty(t, feishu.Buttons(text))
		}
		require.Contains(t, shown[len(shown)-1], `"up"`)
	})
}

// When somebody acknowledges, all cards say so, although the program was killed right after its answer.
func TestCardsLoseTheirButton(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{
			"channels": `{feishu_app: {enabled: true, provider: feishu}}`, "providers": w.FeishuProvider(", events: true"),
		})
		r := w.Start()
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
			"name": "card", "channel": "feishu_app", "msgType": "interactive", "body": `{"elements": [{"tag": "markdown", "content": "db is down"}]}`,
		})
		id := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", map[string]any{
			"idempotencyKey": "k", "acknowledge": true, "channels": map[string]any{"feishu_app": map[string]any{"template": "card"}},
			"recipients": []map[string]string{{"type": "feishu_user_id", "value": "ou_alice"}, {"type": "feishu_chat_id", "value": "oc_team"}},
		}).Body["notificationId"].(string)
		r.Until(id, "success")
		for _, card := range w.Vendors.Inbox.Arrivals() {
			require.Len(t, feishu.Buttons(card.Text), 1)
		}
		r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications/"+id+"/ack", map[string]any{"by": "alice"})
		r.Kill()
		w.EndLeases()
		w.Start()
		require.Eventually(t, func() bool {
			noted := 0
			for _, card := range w.Vendors.Inbox.Arrivals() {
				if len(feishu.Buttons(card.Text)) == 0 && strings.Contains(card.Text, "Acknowledged by alice") {
					noted++
				}
			}
			return noted == 2
		}, harness.Patience, harness.Tick, "the notes")
		require.Equal(t, 2, w.Vendors.Inbox.Total())
	})
}
