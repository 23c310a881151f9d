package smoke

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
)

func TestTemplateVersions(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		const path = "/api/v1/templates/feishu-alert"
		used := func(key string) (version float64, text string) {
			id := r.Send(key, 1)
			r.Until(id, "success")
			shown := r.Do(http.StatusOK, http.MethodGet, "/api/v1/notifications/"+id, nil)
			arrivals := w.Vendors.Feishu.Inbox().Arrivals()
			return shown.Body["tasks"].([]any)[0].(map[string]any)["templateVersion"].(float64), arrivals[len(arrivals)-1].Text
		}
		version, first := used("one")
		require.Equal(t, 1.0, version)
		r.Do(http.StatusOK, http.MethodPut, path, map[string]any{"body": "{{ .incident }}", "msgType": "text"})
		version, second := used("two")
		require.Equal(t, 2.0, version)
		require.NotEqual(t, first, second)

		r.Do(http.StatusOK, http.MethodPost, path+"/restore", map[string]any{"version": 1})
		version, third := used("three")
		require.Equal(t, 3.0, version)
		require.Equal(t, first, third)
		require.Len(t, r.Do(http.StatusOK, http.MethodGet, path+"/versions", nil).Body["versions"], 3)
		require.Equal(t, "{{ .incident }}", r.Do(http.StatusOK, http.MethodGet, path+"/versions/2", nil).Body["body"])
	})
}

// A card that can never be sent is refused when it is saved, with its place. One that some
// params make valid is not.
func TestBadCardIsRefusedWhenSaved(t *testing.T) {
	t.Parallel()
	r := harness.NewSQLite(t).Start()
	save := func(method, path, body string) harness.Answer {
		return r.Call(harness.AppID, harness.AppSecret, method, path, map[string]any{
			"name": "card", "channel": "feishu_app", "msgType": "interactive", "body": body,
		})
	}
	const path = "/api/v1/templates"
	for body, wrong := range map[string]string{
		`{"elements": [{"tag": "markdown", "content": "{{ .text }}"}]`:                            "not valid JSON",
		`{"elements": [{{ range .l }}{"tag": "hr"}{{ end }}], "header": "{{ .h }}", "header": 1}`: "header: is not an object",
		`{"elements": [{"content": "{{ .text }}"}]}`:                                              "elements[0].tag: is missing",
		`{"schema": "2.0", "elements": []}`:                                                       "body.elements",
		`{"a": "` + strings.Repeat("x", 31<<10) + `"}`:                                            "Feishu takes 30720",
	} {
		answer := save(http.MethodPost, path, body)
		require.Equal(t, http.StatusBadRequest, answer.Status, answer.Raw)
		require.Equal(t, "invalid_template", answer.Body["code"], answer.Raw)
		require.Contains(t, answer.Raw, "body")
		require.Contains(t, answer.Raw, wrong)
	}
	const good = `{"elements": [{{ range .l }}{"tag": "hr"}, {{ end }}{"tag": "markdown", "content": "{{ plain .text }}"}]}`
	require.Equal(t, http.StatusCreated, save(http.MethodPost, path, good).Status)
	require.Equal(t, http.StatusBadRequest, r.Call(harness.AppID, harness.AppSecret, http.MethodPut, path+"/card",
		map[string]any{"msgType": "interactive", "body": "{"}).Status)
}

// The commands of docs/templates.md work.
func TestDocumentedTemplateRequests(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()

	answers := curls(t, w, r, shellBlocksOf(t, "docs/templates.md", "## Trying a template")[0])
	require.Len(t, answers, 2)
	require.Equal(t, http.StatusOK, answers[0].Status, answers[0].Raw)
	require.JSONEq(t, `{"msgType":"text","subject":"","body":"【告警】database is down(严重级别:‹severity›)","templateCode":"",
		"params":null,"missing":["severity"],"unused":["host"]}`, answers[0].Raw)
	require.Equal(t, http.StatusAccepted, answers[1].Status, answers[1].Raw)
	id := answers[1].Body["notificationId"].(string)
	r.Until(id, "success")
	require.Equal(t, true, r.Do(http.StatusOK, http.MethodGet, "/api/v1/notifications/"+id, nil).Body["test"])
	require.Equal(t, "ou_alice", w.Vendors.Feishu.Inbox().Arrivals()[0].To)

	answers = curls(t, w, r, shellBlocksOf(t, "docs/templates.md", "## Versions")[0])
	require.Len(t, answers, 3)
	for _, a := range answers {
		require.Equal(t, http.StatusOK, a.Status, a.Raw)
	}
	require.Equal(t, 2.0, answers[2].Body["version"])
}

// The commands of docs/sending.md work.
func TestDocumentedSending(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	answers := curls(t, w, r, shellBlocksOf(t, "docs/sending.md", "## When, how long, how urgent")[0])
	require.Equal(t, http.StatusAccepted, answers[0].Status, answers[0].Raw)
	shown := r.Do(http.StatusOK, http.MethodGet, "/api/v1/notifications/"+answers[0].Body["notificationId"].(string), nil)
	var n struct{ SendAt, ExpiresAt, Priority string }
	require.NoError(t, json.Unmarshal([]byte(shown.Raw), &n))
	require.NotEmpty(t, n.SendAt)
	require.NotEmpty(t, n.ExpiresAt)
	require.Equal(t, "high", n.Priority)

	answers = curls(t, w, r, shellBlocksOf(t, "docs/sending.md", "## Contacts and groups")[0])
	require.Len(t, answers, 3)
	require.Equal(t, http.StatusAccepted, answers[2].Status, answers[2].Raw)
	require.EqualValues(t, 1, answers[2].Body["deliveries"], answers[2].Raw)
	r.Until(answers[2].Body["notificationId"].(string), "success")
	arrival := w.Vendors.Feishu.Inbox().Arrivals()[0]
	require.Equal(t, "ou_alice", arrival.To)
	require.Contains(t, arrival.Text, "P0")

	answers = curls(t, w, r, shellBlocksOf(t, "docs/sending.md", "## Digests")[0])
	require.Len(t, answers, 3)
	require.Equal(t, http.StatusAccepted, answers[2].Status, answers[2].Raw)
	shown = r.Do(http.StatusOK, http.MethodGet, "/api/v1/notifications/"+answers[2].Body["notificationId"].(string), nil)
	require.Contains(t, shown.Raw, `"heldWhy":"digest"`)
}

// What docs/sending.md says of notices to users: each in their language and with their amount, no
// more than the kind allows, not to those who have switched it off, and to all of a region.
func TestDocumentedNoticesToUsers(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	w.UseAllChannels(w.Vendors.Addresses)
	r := w.Start()
	answers := curls(t, w, r, shellBlocksOf(t, "docs/sending.md", "## Notices to users")[0])
	require.Len(t, answers, 7)
	debt, region := answers[4], answers[6]
	require.EqualValues(t, 2, debt.Body["deliveries"], debt.Raw)
	require.EqualValues(t, 1, region.Body["deliveries"], region.Raw)
	r.Until(debt.Body["notificationId"].(string), "success")
	r.Until(region.Body["notificationId"].(string), "success")
	texts := map[string][]string{}
	for _, arrival := range w.Vendors.Mail.Inbox().Arrivals() {
		texts[arrival.To] = append(texts[arrival.To], arrival.Text)
	}
	require.Len(t, texts["li@example.com"], 2)
	require.Len(t, texts["bob@example.com"], 1)
	require.Contains(t, strings.Join(texts["li@example.com"], ""), "您已欠费 12.50 元")
	require.Contains(t, texts["bob@example.com"][0], "You owe 7.00 yuan")

	again := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", map[string]any{
		"idempotencyKey": "debt-2", "kind": "billing", "channels": map[string]any{"email": map[string]any{"template": "debt", "params": map[string]any{"amount": "1"}}},
		"recipients": []map[string]any{{"type": "contact", "value": "li"}, {"type": "contact", "value": "bob"}},
	})
	require.Equal(t, map[string]any{"capped": 1.0, "opted_out": 1.0}, again.Body["withheld"], again.Raw)
}
