package smoke

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

func TestSendAndDeliver(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{"providers": w.FeishuProvider(", urgentType: app")})
		r := w.Start()
		r.Template()
		body := harness.Notification("k", 1)
		body["recipients"] = []map[string]string{
			{"type": "feishu_user_id", "value": "ou_alice"},
			{"type": "email", "value": "bob@example.com"},
			{"type": "phone", "value": "+8613800000000"},
		}
		a := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
		require.Equal(t, "accepted", a.Body["status"])
		require.EqualValues(t, 2, a.Body["deliveries"])
		require.Equal(t, []any{map[string]any{"type": "phone", "value": "+8613800000000"}}, a.Body["unmatched"])

		tasks := r.Until(a.Body["notificationId"].(string), "success")
		require.Len(t, tasks, 2)
		for _, task := range tasks {
			require.NotEmpty(t, task.Details["message_id"])
			require.Equal(t, "app", task.Details["urgent_type"])
			require.Zero(t, task.RetryCount)
			require.Equal(t, 3, task.MaxRetry)
		}
		arrivals := w.Vendors.Feishu.Inbox().Arrivals()
		require.Len(t, arrivals, 2)
		for _, arrival := range arrivals {
			require.Contains(t, arrival.Text, "【告警】DB 主节点不可用(严重级别:P0)")
			require.Contains(t, map[string]string{"ou_alice": "open_id", "bob@example.com": "email"}, arrival.To)
			require.Equal(t, map[string]string{"ou_alice": "open_id", "bob@example.com": "email"}[arrival.To], arrival.ToType,
				"the id's type follows the recipient's")
		}
		harness.RequireOnceEach(t, w, harness.IDs(tasks))
	})
}

func TestSameKeyTwice(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		id := r.Send("k", 2)
		again := r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications", harness.Notification("k", 2))
		require.Equal(t, id, again.Body["notificationId"])
		require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
		other := r.Do(http.StatusConflict, http.MethodPost, "/api/v1/notifications", harness.Notification("k", 3))
		require.Equal(t, "idempotency_conflict", other.Body["code"])
		harness.RequireOnceEach(t, w, harness.IDs(r.Until(id, "success")))
		require.Equal(t, 2, w.Vendors.Feishu.Inbox().Total())
	})
}

func TestSameKeyAtOnce(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		answers := make([]harness.Answer, 200)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				var err error
				answers[i], err = r.Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", harness.Notification("k", 1))
				if err != nil {
					t.Error(err)
				}
			})
		}
		limit.Group(t, &wg, "callers")
		accepted := 0
		for _, a := range answers {
			require.Contains(t, []int{http.StatusOK, http.StatusAccepted}, a.Status, a.Raw)
			require.Equal(t, answers[0].Body["notificationId"], a.Body["notificationId"])
			if a.Status == http.StatusAccepted {
				accepted++
			}
		}
		require.Equal(t, 1, accepted)
		r.Until(answers[0].Body["notificationId"].(string), "success")
		require.Equal(t, 1, w.Vendors.Feishu.Inbox().Total())
	})
}

func TestAppsAreApart(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		id := r.Send("k", 1)
		for _, path := range []string{"/api/v1/notifications/" + id, "/api/v1/notifications/" + id + "/deliveries"} {
			foreign := r.Call(harness.OtherID, harness.OtherSecret, http.MethodGet, path, nil)
			unknown := r.Call(harness.OtherID, harness.OtherSecret, http.MethodGet, "/api/v1/notifications/01a20d17-3551-7788-95be-f7cd62c9f4b4"+path[len("/api/v1/notifications/"+id):], nil)
			require.Equal(t, http.StatusNotFound, foreign.Status)
			require.Equal(t, http.StatusNotFound, unknown.Status)
			require.Equal(t, unknown.Body["code"], foreign.Body["code"])
			require.Equal(t, unknown.Body["detail"], foreign.Body["detail"])
			require.Equal(t, http.StatusOK, r.Call(harness.AdminID, harness.AdminSecret, http.MethodGet, path, nil).Status)
		}
		// The same key is another notification for another app.
		a := r.Call(harness.OtherID, harness.OtherSecret, http.MethodPost, "/api/v1/notifications", harness.Notification("k", 1))
		require.Equal(t, http.StatusAccepted, a.Status, a.Raw)
		require.NotEqual(t, id, a.Body["notificationId"])
		require.Equal(t, harness.OtherID, r.Call(harness.AdminID, harness.AdminSecret, http.MethodGet, "/api/v1/notifications/"+a.Body["notificationId"].(string), nil).Body["senderAppId"])
	})
}

func TestRefusedRequestsWriteNothing(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()
		params := func(v any) map[string]any {
			body := harness.Notification("k", 1)
			body["channels"] = map[string]any{"feishu_app": map[string]any{"template": "feishu-alert", "params": v}}
			return body
		}
		change := func(key string, value any) map[string]any {
			body := harness.Notification("k", 1)
			body[key] = value
			return body
		}
		for name, c := range map[string]struct {
			body   any
			status int
			code   string
			field  string
		}{
			"missing param":   {params(map[string]any{"incident": "x"}), 422, "missing_param", "channels.feishu_app.params.severity"},
			"null param":      {params(map[string]any{"incident": "x", "severity": nil}), 422, "missing_param", "channels.feishu_app.params.severity"},
			"NUL in a param":  {params(map[string]any{"incident": "x\x00", "severity": "P0"}), 400, "", "channels.feishu_app.params.incident"},
			"unknown channel": {change("channels", map[string]any{"fax": map[string]any{"template": "feishu-alert"}}), 422, "unknown_channel", "channels.fax"},
			"nobody fits":     {change("recipients", []map[string]string{{"type": "phone", "value": "+8613800000000"}}), 422, "no_matching_recipient", "recipients"},
			"unknown field":   {change("recipient", "x"), 400, "", "recipient"},
			"no key":          {change("idempotencyKey", ""), 400, "", "idempotencyKey"},
		} {
			a := r.Do(c.status, http.MethodPost, "/api/v1/notifications", c.body)
			require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), name)
			require.Contains(t, a.Raw, `"`+c.field+`"`, name)
			if c.code != "" {
				require.Equal(t, c.code, a.Body["code"], name)
			}
		}
		// The key is still free.
		r.Until(r.Send("k", 1), "success")
		require.Equal(t, 1, w.Vendors.Feishu.Inbox().Total())
	})
}

func TestParamsAreAnyJSON(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
			"name": "card", "channel": "feishu_app", "msgType": "interactive",
			"body": `{"elements":[{"tag":"markdown","content":"{{ .text }} {{ .count }} {{ range .hosts }}[{{ .name }}]{{ end }}"}],"extra":{{ json .extra }}}`,
		})
		body := harness.Notification("k", 1)
		body["channels"] = map[string]any{"feishu_app": map[string]any{"template": "card", "params": map[string]any{
			"text": `say "hi"` + "\n\\ </at>", "count": 12345678901, "hosts": []any{map[string]any{"name": "a"}, map[string]any{"name": "b"}},
			"extra": map[string]any{"ok": true, "n": 1.5},
		}}}
		a := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
		r.Until(a.Body["notificationId"].(string), "success")
		text := w.Vendors.Feishu.Inbox().Arrivals()[0].Text
		require.JSONEq(t, `{"elements":[{"tag":"markdown","content":"say \"hi\"\n\\ </at> 12345678901 [a][b]"}],"extra":{"ok":true,"n":1.5}}`, text)
	})
}

func TestFailureClasses(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		r := w.Start()
		r.Template()

		w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, HTTPStatus: 400, Code: "230001"})
		tasks := r.Until(r.Send("permanent", 1), "failed")
		require.Equal(t, "dead", tasks[0].Status)
		require.Equal(t, "feishu_230001", tasks[0].LastCode)
		require.Zero(t, tasks[0].RetryCount)
		require.Nil(t, tasks[0].NextRetryAt)
		require.Equal(t, 1, w.Vendors.Feishu.Requests(feishu.Messages), "one call")

		fault := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 500, Code: "1500"})
		tasks = r.Until(r.Send("transient", 1), "failed")
		require.Equal(t, 3, tasks[0].RetryCount)
		require.Equal(t, 1+4, w.Vendors.Feishu.Requests(feishu.Messages), "1 + maxRetry calls")
		fault.Lift()

		w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 6, HTTPStatus: 429, Code: "99991400",
			Header: http.Header{"X-Ogw-Ratelimit-Reset": {"1"}}})
		tasks = r.Until(r.Send("throttled", 1), "success")
		require.Zero(t, tasks[0].RetryCount, "throttling spends no attempt")
		require.Equal(t, 1+4+7, w.Vendors.Feishu.Requests(feishu.Messages))

		w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, After: true, Reset: true})
		tasks = r.Until(r.Send("lost-answer", 1), "success")
		require.Equal(t, 2, w.Vendors.Feishu.Inbox().Mark(tasks[0].ID).Requests, "sent again with the same uuid")
		harness.RequireOnceEach(t, w, harness.IDs(tasks))
	})
}

func TestUrgentFailureDoesNotFailTheMessage(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Configure(map[string]string{"providers": w.FeishuProvider(", urgentType: phone")})
		r := w.Start()
		r.Template()
		w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Urgent, HTTPStatus: 400, Code: "230001", Message: "no quota"})
		tasks := r.Until(r.Send("k", 1), "success")
		require.NotEmpty(t, tasks[0].Details["message_id"])
		require.Contains(t, tasks[0].Details["urgent_error"], "230001")
		harness.RequireOnceEach(t, w, harness.IDs(tasks))
	})
}
