package smoke

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// debt returns the template of a debt notice in Chinese, its own language, and English.
func debt(name, channel string, more map[string]any) map[string]any {
	template := map[string]any{
		"name": name, "channel": channel, "locale": "zh", "subject": "欠费", "body": "欠 {{ .amount }}",
		"texts": map[string]any{"en": map[string]any{"subject": "Debt", "body": "You owe {{ .amount }}"}},
	}
	for key, value := range more {
		template[key] = value
	}
	return template
}

// spokenTo returns a recipient with a language; empty for none.
func spokenTo(kind, value, locale string) map[string]any {
	r := address(kind, value)
	if locale != "" {
		r["locale"] = locale
	}
	return r
}

// Each recipient gets the text in their language, over every kind of channel, and the delivery
// says which.
func TestEverybodyInTheirLanguage(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		r := w.Start()
		const templates = "/api/v1/templates"
		for channel, more := range map[string]map[string]any{
			"email": nil, "inapp": nil, "feishu_app": {"msgType": "text"},
			"sms": {"templateCode": "SMS_0001", "texts": map[string]any{"en": map[string]any{"templateCode": "SMS_0002"}}},
		} {
			r.Do(http.StatusCreated, http.MethodPost, templates, debt("debt-"+channel, channel, more))
		}
		channels := map[string]any{}
		for _, channel := range []string{"email", "inapp", "feishu_app", "sms"} {
			channels[channel] = map[string]any{"template": "debt-" + channel, "params": map[string]any{"amount": "5"}}
		}
		body := map[string]any{"idempotencyKey": "debts", "channels": channels, "locale": "en", "recipients": []any{
			spokenTo("feishu_user_id", "ou_zh", "zh-CN"), spokenTo("feishu_user_id", "ou_en", "en-GB"), spokenTo("feishu_user_id", "ou_request", ""),
			spokenTo("feishu_user_id", "ou_fr", "fr"), spokenTo("user_id", "alice", "zh-TW"), spokenTo("user_id", "bob", "en"),
			spokenTo("phone", "+8613800000001", "zh"), spokenTo("phone", "+8613800000002", "en-US"),
		}}
		id := sent(r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body))
		again := r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications", body)
		require.Equal(t, id, sent(again))
		limitedTo := map[string]string{}
		codes := map[string]string{}
		for _, task := range r.Until(id, "success") {
			shown := r.Do(http.StatusOK, http.MethodGet, "/api/v1/deliveries/"+task.ID, nil)
			require.Equal(t, task.Locale, shown.Body["locale"])
			limitedTo[task.Recipient.Value] = task.Locale
			codes[task.Recipient.Value] = shown.Body["message"].(map[string]any)["templateCode"].(string)
		}
		require.Equal(t, map[string]string{
			"ou_zh": "zh", "ou_en": "en", "ou_request": "en", "ou_fr": "zh", "alice": "zh", "bob": "en", "+8613800000001": "zh", "+8613800000002": "en",
		}, limitedTo)
		require.Equal(t, []string{"SMS_0001", "SMS_0002"}, []string{codes["+8613800000001"], codes["+8613800000002"]})
		texts := map[string]string{}
		for _, a := range w.Vendors.Feishu.Inbox().Arrivals() {
			if a.Channel == "feishu_app" {
				texts[a.To] = a.Text
			}
		}
		require.Equal(t, map[string]string{"ou_zh": "欠 5", "ou_en": "You owe 5", "ou_request": "You owe 5", "ou_fr": "欠 5"}, texts)
		for _, user := range []string{"alice", "bob"} {
			require.JSONEq(t, `{"zh": {"title": "欠费", "message": "欠 5", "from": "Sealos"}, "en": {"title": "Debt", "message": "You owe 5", "from": "Sealos"}}`, i18nsOf(t, w, user))
		}

		body["locale"] = "zh"
		require.Equal(t, http.StatusConflict, r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", body).Status)
	})
}

// i18nsOf returns the translations of the only notification of a user, as JSON.
func i18nsOf(t *testing.T, w *harness.World, user string) string {
	t.Helper()
	response, err := limit.Client.Get(fmt.Sprintf("http://%s/apis/notification.sealos.io/v1/namespaces/ns-%s/notifications", w.Vendors.Addresses["inapp"], user))
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var list struct {
		Items []struct {
			Spec struct {
				Title string
				I18ns json.RawMessage
			}
		}
	}
	require.NoError(t, json.Unmarshal(raw, &list), string(raw))
	require.Len(t, list.Items, 1)
	require.Equal(t, "Debt", list.Items[0].Spec.Title, "the desktop shows it to those who read English")
	return string(list.Items[0].Spec.I18ns)
}

// Texts are kept with a template, its versions and what was restored; each is checked and shown
// by a preview, and a test is sent in one of them.
func TestTextsOfATemplate(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		r := w.Start()
		const path = "/api/v1/templates"
		written := debt("debt", "email", nil)
		created := r.Do(http.StatusCreated, http.MethodPost, path, written)
		for _, a := range []harness.Answer{created, r.Do(http.StatusOK, http.MethodGet, path+"/debt", nil), r.Do(http.StatusOK, http.MethodGet, path+"/debt/versions/1", nil)} {
			require.Equal(t, "zh", a.Body["locale"])
			require.Equal(t, map[string]any{"en": map[string]any{"subject": "Debt", "body": "You owe {{ .amount }}"}}, a.Body["texts"])
		}
		preview := r.Do(http.StatusOK, http.MethodPost, path+"/debt/preview", map[string]any{"params": map[string]any{}})
		require.JSONEq(t, `{"locale": "zh", "msgType": "text", "subject": "欠费", "body": "欠 ‹amount›", "templateCode": "", "params": null, "missing": ["amount"], "unused": [],
			"texts": {"en": {"locale": "en", "msgType": "text", "subject": "Debt", "body": "You owe ‹amount›", "templateCode": "", "params": null, "missing": ["amount"], "unused": []}}}`, preview.Raw)
		tested := r.Do(http.StatusAccepted, http.MethodPost, path+"/debt/test", map[string]any{
			"params": map[string]any{"amount": "5"}, "recipient": address("email", "a@example.com"), "locale": "en",
		})
		require.Equal(t, "en", r.Until(sent(tested), "success")[0].Locale)

		for field, texts := range map[string]any{
			"texts.en.body":    map[string]any{"en": map[string]any{"body": "a\nb\n{{ .x "}},
			"texts.en.subject": map[string]any{"en": map[string]any{"body": "x", "subject": "{{ nope }}"}},
			"texts.ja.body":    map[string]any{"en": map[string]any{"body": "x"}, "ja": map[string]any{"subject": "x"}},
			"texts.zh":         map[string]any{"zh": map[string]any{"body": "x"}},
			"texts.EN":         map[string]any{"EN": map[string]any{"body": "x"}},
		} {
			written["texts"] = texts
			a := r.Call(harness.AppID, harness.AppSecret, http.MethodPut, path+"/debt", written)
			require.Equal(t, http.StatusBadRequest, a.Status, a.Raw)
			require.Equal(t, field, a.Body["errors"].([]any)[0].(map[string]any)["field"], a.Raw)
			if field == "texts.en.body" {
				require.Contains(t, a.Raw, "line 3")
			}
		}
		delete(written, "texts")
		require.NotContains(t, r.Do(http.StatusOK, http.MethodPut, path+"/debt", written).Body, "texts")
		restored := r.Do(http.StatusOK, http.MethodPost, path+"/debt/restore", map[string]any{"version": 1})
		require.Equal(t, created.Body["texts"], restored.Body["texts"])

		refusedField(t, r.Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", map[string]any{
			"idempotencyKey": "bad", "channels": map[string]any{"email": map[string]any{"template": "debt", "params": map[string]any{"amount": "5"}}},
			"recipients": []any{spokenTo("email", "a@example.com", "en"), spokenTo("email", "b@example.com", "not a language")},
		}), http.StatusBadRequest, "invalid_locale", "recipients[1].locale")
	})
}

// A required language is asked of every template that is saved, from the next reload on.
func TestRequiredLocales(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		r := w.Start()
		const path = "/api/v1/templates"
		save := func(method, path string, template map[string]any) harness.Answer {
			return r.Call(harness.AppID, harness.AppSecret, method, path, template)
		}
		plain := map[string]any{"name": "plain", "channel": "email", "body": "x"}
		require.Equal(t, http.StatusCreated, save(http.MethodPost, path, plain).Status)

		w.Configure(map[string]string{"templates": `{requiredLocales: [zh, en]}`})
		r.Await("configuration reloaded")
		a := save(http.MethodPut, path+"/plain", plain)
		refusedField(t, a, http.StatusUnprocessableEntity, "missing_locale", "texts")
		require.Contains(t, a.Raw, "zh, en")
		chinese := debt("chinese", "email", map[string]any{"texts": map[string]any{"ja": map[string]any{"body": "x"}}})
		a = save(http.MethodPost, path, chinese)
		refusedField(t, a, http.StatusUnprocessableEntity, "missing_locale", "texts")
		require.Contains(t, a.Raw, ": en (")
		require.Equal(t, http.StatusUnprocessableEntity, save(http.MethodPost, path+"/check", chinese).Status)
		require.Equal(t, http.StatusUnprocessableEntity, save(http.MethodPost, path+"/plain/restore", map[string]any{"version": 1}).Status)
		require.Equal(t, http.StatusCreated, save(http.MethodPost, path, debt("both", "email", nil)).Status)

		w.Configure(map[string]string{"templates": `{requiredLocales: [zh_CN]}`})
		refused := r.Await("configuration not reloaded: the running one stays")
		require.Contains(t, fmt.Sprint(refused["problems"]), "templates.requiredLocales[0]: must be written as zh-CN")
		require.Equal(t, http.StatusUnprocessableEntity, save(http.MethodPost, path, chinese).Status)
	})
}

// A receiver's alerts are in its language.
func TestAlertsInTheLanguageOfTheirReceiver(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.UseAllChannels(w.Vendors.Addresses)
		w.Configure(map[string]string{"integrations": `{receivers: {
			own: {channels: {feishu_app: {template: alert}}, recipients: [{type: feishu_user_id, value: ou_a}]},
			english: {locale: en, channels: {feishu_app: {template: alert}}, recipients: [{type: feishu_user_id, value: ou_a}]}}}`})
		r := w.Start()
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
			"name": "alert", "channel": "feishu_app", "msgType": "text", "locale": "zh", "body": "告警 {{ .title }}",
			"texts": map[string]any{"en": map[string]any{"body": "Alert {{ .title }}"}},
		})
		var post map[string]any
		require.NoError(t, json.Unmarshal([]byte(readFile(t, "api/testdata/alerts/alertmanager-firing.json")), &post))
		for receiver, want := range map[string][2]string{"own": {"zh", "告警 "}, "english": {"en", "Alert "}} {
			post["receiver"] = receiver
			id := sent(r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/integrations/alertmanager", post))
			task := r.Until(id, "success")[0]
			require.Equal(t, want[0], task.Locale)
			shown := r.Do(http.StatusOK, http.MethodGet, "/api/v1/deliveries/"+task.ID, nil)
			require.Contains(t, shown.Body["message"].(map[string]any)["body"], want[1])
		}
	})
}

// A folder keeps the texts of a template, and the commands show them.
func TestTextsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	c := openTerminal(t, w, w.Start())
	const file = `name: debt
channel: feishu_app
msgType: text
locale: zh
body: 欠 {{ .amount }}
texts:
  en:
    body: You owe {{ .amount }} by {{ .due }}
sampleParams: {amount: 5}
`
	folder := w.Path("templates")
	require.NoError(t, os.Mkdir(folder, 0o700))
	write := func(content string) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "debt.yaml"), []byte(content), 0o600))
	}
	write(file)
	out, said := c.run(2, "template", "check", folder)
	require.Contains(t, out, "sampleParams lack en: due")
	require.Contains(t, said, "params are missing in 1 template")
	c.run(0, "template", "push", folder)
	out, _ = c.run(0, "template", "diff", folder)
	require.Empty(t, out)
	out, _ = c.run(0, "template", "get", "debt")
	require.Contains(t, file, out)
	out, said = c.run(2, "template", "preview", "debt", "-p", "amount=5")
	require.Regexp(t, `(?s)Language +zh\n.*\n欠 5\n\nLanguage +en\n.*\nYou owe 5 by ‹due›\n`, out)
	require.Contains(t, said, "params are missing: en: due")

	write(strings.Replace(file, "You owe", "You still owe", 1))
	out, _ = c.run(2, "template", "diff", folder)
	require.Contains(t, out, "-    body: You owe {{ .amount }} by {{ .due }}\n+    body: You still owe")
	write(strings.Replace(file, "{{ .due }}", "{{ .due", 1))
	_, said = c.run(1, "template", "push", folder)
	require.Contains(t, said, "texts.en.body: line 1")

	w.Write("people.json", `[{"type": "feishu_user_id", "value": "ou_zh", "locale": "zh-CN"}, {"type": "feishu_user_id", "value": "ou_any"}]`)
	accepted := runJSON[client.Accepted](c, 0, "send", "-t", "feishu_app=debt", "-p", "amount=5", "-p", "due=May", "--to-file", w.Path("people.json"), "--locale", "en")
	n := runJSON[client.Notification](c, 0, "notifications", "show", accepted.NotificationID)
	require.Equal(t, []string{"zh", "en"}, []string{n.Tasks[0].Locale, n.Tasks[1].Locale})
	out, _ = c.run(0, "notifications", "show", accepted.NotificationID)
	require.Regexp(t, `ou_any +en `, out)
	out, _ = c.run(0, "deliveries", "show", n.Tasks[1].ID)
	require.Regexp(t, `Language +en\n`, out)
	tested := runJSON[client.Accepted](c, 0, "template", "test", "debt", "-p", "amount=5", "-p", "due=May", "--to", "feishu_user_id:ou_me", "--locale", "en-GB")
	require.Equal(t, "en", runJSON[client.Notification](c, 0, "notifications", "show", tested.NotificationID).Tasks[0].Locale)
}
