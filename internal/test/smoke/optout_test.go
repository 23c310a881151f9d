package smoke

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
)

// mailWorld turns mail on and makes a template and a kind that people may switch off.
func mailWorld(t *testing.T, w *harness.World) *harness.Replica {
	t.Helper()
	w.UseAllChannels(w.Vendors.Addresses)
	w.Configure(map[string]string{"server": `{address: "127.0.0.1:0", publicUrl: "https://notify.example.com/sub/"}`})
	r := w.Start()
	r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
		"name": "mail", "channel": "email", "subject": "News", "body": "canary-text",
	})
	for name, kind := range map[string]map[string]any{
		"news":     {"description": "产品新闻", "optional": true},
		"security": {"critical": true},
	} {
		a := r.Call(harness.AdminID, harness.AdminSecret, http.MethodPut, "/api/v1/kinds/"+name, kind)
		require.Equal(t, http.StatusOK, a.Status, a.Raw)
	}
	return r
}

const canary = "alice.canary@example.com"

// mailTo sends a mail and returns its delivery when it has ended.
func mailTo(r *harness.Replica, key, status, address string, more map[string]any) harness.Task {
	body := map[string]any{
		"idempotencyKey": key, "channels": map[string]any{"email": map[string]any{"template": "mail"}},
		"recipients": []map[string]string{{"type": "email", "value": address}},
	}
	for name, value := range more {
		body[name] = value
	}
	id := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body).Body["notificationId"].(string)
	return r.Until(id, status)[0]
}

// A mail server says that there is no such mailbox: nothing more is sent there, by any replica, but
// what is critical or urgent. It is seen, removed, and ended by a mail that arrives.
func TestSuppression(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := mailWorld(t, w)
		list := func() []any {
			a := r.Call(harness.AdminID, harness.AdminSecret, http.MethodGet, "/api/v1/suppressions?recipient="+canary, nil)
			require.Equal(t, http.StatusOK, a.Status, a.Raw)
			return a.Body["suppressions"].([]any)
		}
		refuse := func(key string) {
			w.Vendors.Mail.Fail(smtp.Fault{Where: smtp.Rcpt, Times: 1, Code: "550", Message: "5.1.1 <" + canary + ">: User unknown"})
			require.Equal(t, "smtp_5.1.1", mailTo(r, key, "failed", canary, nil).LastCode)
		}
		refuse("refused")
		found := list()
		require.Len(t, found, 1)
		require.NotContains(t, found[0].(map[string]any)["error"], "canary")

		d := mailTo(r, "suppressed", "cancelled", canary, nil)
		require.Equal(t, []string{"cancelled", "suppressed"}, []string{d.Status, d.LastCode})
		require.Contains(t, d.LastError, "smtp_5.1.1")
		require.Equal(t, "success", mailTo(r, "another", "success", "bob@example.com", nil).Status)
		id := found[0].(map[string]any)["id"].(string)
		require.Equal(t, http.StatusNoContent, r.Call(harness.AdminID, harness.AdminSecret, http.MethodDelete, "/api/v1/suppressions/"+id, nil).Status)
		require.Empty(t, list())
		mailTo(r, "sent again", "success", canary, nil)

		refuse("refused again")
		mailTo(r, "critical", "success", canary, map[string]any{"kind": "security"})
		require.Empty(t, list(), "what arrives ends it")
		refuse("refused once more")
		mailTo(r, "urgent", "success", canary, map[string]any{"priority": "high"})

		refuse("for the retry")
		d = mailTo(r, "by hand", "cancelled", canary, nil)
		r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/deliveries/"+d.ID+"/retry", map[string]any{})
		require.Eventually(t, func() bool { return len(list()) == 0 }, limit.Wait, harness.Tick)

		refuse("for the erasure")
		a := r.Call(harness.AdminID, harness.AdminSecret, http.MethodPost, "/api/v1/erase", map[string]any{"recipient": map[string]any{"type": "email", "value": canary}})
		require.Equal(t, http.StatusOK, a.Status, a.Raw)
		require.EqualValues(t, 1, a.Body["forgotten"])
		require.NotContains(t, all(w), canary)
		require.NotContains(t, r.Log.String(), "canary@")
	})
}

// What a person switches off by the link of a mail is not sent any more, and can be switched on again.
func TestUnsubscribe(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := mailWorld(t, w)
		news := map[string]any{"kind": "news"}
		mailTo(r, "first", "success", canary, news)
		mailTo(r, "plain", "success", canary, nil)
		mailTo(r, "critical", "success", canary, map[string]any{"kind": "security"})
		raw := w.Vendors.Mail.Raw()
		require.Len(t, raw, 3)
		links := 0
		for _, mail := range raw {
			links += bytes.Count(mail, []byte("\nList-Unsubscribe"))
		}
		require.Equal(t, 2, links, "only a kind that may be switched off has the two fields")
		m, err := smtp.Parse(raw[0])
		require.NoError(t, err)
		require.Equal(t, "List-Unsubscribe=One-Click", m.Header.Get("List-Unsubscribe-Post"))
		link, isLink := strings.CutPrefix(strings.Trim(m.Header.Get("List-Unsubscribe"), "<>"), "https://notify.example.com/sub")
		require.True(t, isLink)
		require.NotContains(t, link, "alice")

		door := func(method, body string) string {
			req, err := http.NewRequest(method, r.Base+link, strings.NewReader(body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			resp, err := limit.Client.Do(req)
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, resp.StatusCode, string(text))
			return string(text)
		}
		require.Contains(t, door(http.MethodGet, ""), "产品新闻")
		mailTo(r, "after a look", "success", canary, news)
		require.Contains(t, door(http.MethodPost, "List-Unsubscribe=One-Click"), "已退订")
		d := mailTo(r, "off", "cancelled", canary, news)
		require.Equal(t, "opted_out", d.LastCode)
		mailTo(r, "another kind", "success", canary, map[string]any{"kind": "security"})
		mailTo(r, "urgent", "success", canary, map[string]any{"kind": "news", "priority": "high"})

		off := r.Do(http.StatusOK, http.MethodGet, "/api/v1/preferences?type=email&value="+canary, nil).Body["off"].([]any)
		require.Len(t, off, 1)
		require.Equal(t, "link", off[0].(map[string]any)["source"])
		door(http.MethodPost, "do=on")
		mailTo(r, "on", "success", canary, news)

		r.Do(http.StatusOK, http.MethodPut, "/api/v1/preferences", map[string]any{
			"recipient": map[string]any{"type": "email", "value": canary}, "off": []any{map[string]any{"channel": "email"}},
		})
		require.Equal(t, "opted_out", mailTo(r, "channel off", "cancelled", canary, news).LastCode)

		// A key that was given up opens nothing.
		require.Equal(t, http.StatusNoContent, r.Call(harness.AdminID, harness.AdminSecret, http.MethodPost, "/api/v1/link-keys", map[string]any{"forget": true}).Status)
		resp, err := limit.Client.Get(r.Base + link)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusNotFound, resp.StatusCode)
		require.NotContains(t, r.Log.String(), strings.TrimPrefix(link, "/unsubscribe/"))
		require.NotContains(t, r.Log.String(), "canary@")
	})
}
