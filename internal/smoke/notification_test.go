package smoke

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

func TestSendAndDeliver(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.configure(map[string]string{"providers": w.provider(", urgentType: app")})
		r := w.start()
		r.template()
		body := notification("k", 1)
		body["recipients"] = []map[string]string{
			{"type": "feishu_user_id", "value": "ou_alice"},
			{"type": "email", "value": "bob@example.com"},
			{"type": "phone", "value": "+8613800000000"},
		}
		a := r.do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
		require.Equal(t, "accepted", a.body["status"])
		require.EqualValues(t, 2, a.body["deliveries"])
		require.Equal(t, []any{map[string]any{"type": "phone", "value": "+8613800000000"}}, a.body["unmatched"])

		tasks := r.until(a.body["notificationId"].(string), "success")
		require.Len(t, tasks, 2)
		for _, task := range tasks {
			require.NotEmpty(t, task.Details["message_id"])
			require.Equal(t, "app", task.Details["urgent_type"])
			require.Zero(t, task.RetryCount)
			require.Equal(t, 3, task.MaxRetry)
		}
		arrivals := w.feishu.Inbox().Arrivals()
		require.Len(t, arrivals, 2)
		for _, arrival := range arrivals {
			require.Contains(t, arrival.Text, "【告警】DB 主节点不可用(严重级别:P0)")
			require.Contains(t, map[string]string{"ou_alice": "open_id", "bob@example.com": "email"}, arrival.To)
			require.Equal(t, map[string]string{"ou_alice": "open_id", "bob@example.com": "email"}[arrival.To], arrival.ToType,
				"the id's type follows the recipient's")
		}
		requireOnceEach(t, w, ids(tasks))
	})
}

func TestSameKeyTwice(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		r := w.start()
		r.template()
		id := r.send("k", 2)
		again := r.do(http.StatusOK, http.MethodPost, "/api/v1/notifications", notification("k", 2))
		require.Equal(t, id, again.body["notificationId"])
		require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
		other := r.do(http.StatusConflict, http.MethodPost, "/api/v1/notifications", notification("k", 3))
		require.Equal(t, "idempotency_conflict", other.body["code"])
		requireOnceEach(t, w, ids(r.until(id, "success")))
		require.Equal(t, 2, w.feishu.Inbox().Total())
	})
}

func TestSameKeyAtOnce(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		r := w.start()
		r.template()
		answers := make([]answer, 200)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() {
				var err error
				answers[i], err = r.try(appID, appSecret, http.MethodPost, "/api/v1/notifications", notification("k", 1))
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		accepted := 0
		for _, a := range answers {
			require.Contains(t, []int{http.StatusOK, http.StatusAccepted}, a.status, a.raw)
			require.Equal(t, answers[0].body["notificationId"], a.body["notificationId"])
			if a.status == http.StatusAccepted {
				accepted++
			}
		}
		require.Equal(t, 1, accepted)
		r.until(answers[0].body["notificationId"].(string), "success")
		require.Equal(t, 1, w.feishu.Inbox().Total())
	})
}

func TestAppsAreApart(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		r := w.start()
		r.template()
		id := r.send("k", 1)
		for _, path := range []string{"/api/v1/notifications/" + id, "/api/v1/notifications/" + id + "/deliveries"} {
			foreign := r.call(otherID, otherSecret, http.MethodGet, path, nil)
			unknown := r.call(otherID, otherSecret, http.MethodGet, "/api/v1/notifications/01a20d17-3551-7788-95be-f7cd62c9f4b4"+path[len("/api/v1/notifications/"+id):], nil)
			require.Equal(t, http.StatusNotFound, foreign.status)
			require.Equal(t, http.StatusNotFound, unknown.status)
			require.Equal(t, unknown.body["code"], foreign.body["code"])
			require.Equal(t, unknown.body["detail"], foreign.body["detail"])
			require.Equal(t, http.StatusOK, r.call(adminID, adminSecret, http.MethodGet, path, nil).status)
		}
		// The same key is another notification for another app.
		a := r.call(otherID, otherSecret, http.MethodPost, "/api/v1/notifications", notification("k", 1))
		require.Equal(t, http.StatusAccepted, a.status, a.raw)
		require.NotEqual(t, id, a.body["notificationId"])
		require.Equal(t, otherID, r.call(adminID, adminSecret, http.MethodGet, "/api/v1/notifications/"+a.body["notificationId"].(string), nil).body["senderAppId"])
	})
}

func TestRefusedRequestsWriteNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		r := w.start()
		r.template()
		params := func(v any) map[string]any {
			body := notification("k", 1)
			body["channels"] = map[string]any{"feishu_app": map[string]any{"template": "feishu-alert", "params": v}}
			return body
		}
		change := func(key string, value any) map[string]any {
			body := notification("k", 1)
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
			a := r.do(c.status, http.MethodPost, "/api/v1/notifications", c.body)
			require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), name)
			require.Contains(t, a.raw, `"`+c.field+`"`, name)
			if c.code != "" {
				require.Equal(t, c.code, a.body["code"], name)
			}
		}
		// The key is still free.
		r.until(r.send("k", 1), "success")
		require.Equal(t, 1, w.feishu.Inbox().Total())
	})
}

func TestParamsAreAnyJSON(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		r := w.start()
		r.do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
			"name": "card", "channel": "feishu_app", "msgType": "interactive",
			"body": `{"elements":[{"tag":"markdown","content":"{{ .text }} {{ .count }} {{ range .hosts }}[{{ .name }}]{{ end }}"}],"extra":{{ json .extra }}}`,
		})
		body := notification("k", 1)
		body["channels"] = map[string]any{"feishu_app": map[string]any{"template": "card", "params": map[string]any{
			"text": `say "hi"` + "\n\\ </at>", "count": 12345678901, "hosts": []any{map[string]any{"name": "a"}, map[string]any{"name": "b"}},
			"extra": map[string]any{"ok": true, "n": 1.5},
		}}}
		a := r.do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
		r.until(a.body["notificationId"].(string), "success")
		text := w.feishu.Inbox().Arrivals()[0].Text
		require.JSONEq(t, `{"elements":[{"tag":"markdown","content":"say \"hi\"\n\\ </at> 12345678901 [a][b]"}],"extra":{"ok":true,"n":1.5}}`, text)
	})
}

func TestFailureClasses(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		r := w.start()
		r.template()

		w.feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, HTTPStatus: 400, Code: "230001"})
		tasks := r.until(r.send("permanent", 1), "failed")
		require.Equal(t, "dead", tasks[0].Status)
		require.Equal(t, "feishu_230001", tasks[0].LastCode)
		require.Zero(t, tasks[0].RetryCount)
		require.Nil(t, tasks[0].NextRetryAt)
		require.Equal(t, 1, w.feishu.Requests(feishu.Messages), "one call")

		fault := w.feishu.Fail(feishu.Fault{Where: feishu.Messages, HTTPStatus: 500, Code: "1500"})
		tasks = r.until(r.send("transient", 1), "failed")
		require.Equal(t, 3, tasks[0].RetryCount)
		require.Equal(t, 1+4, w.feishu.Requests(feishu.Messages), "1 + maxRetry calls")
		fault.Lift()

		w.feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 6, HTTPStatus: 429, Code: "99991400",
			Header: http.Header{"X-Ogw-Ratelimit-Reset": {"1"}}})
		tasks = r.until(r.send("throttled", 1), "success")
		require.Zero(t, tasks[0].RetryCount, "throttling spends no attempt")
		require.Equal(t, 1+4+7, w.feishu.Requests(feishu.Messages))

		w.feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, After: true, Reset: true})
		tasks = r.until(r.send("lost-answer", 1), "success")
		require.Equal(t, 2, w.feishu.Inbox().Mark(tasks[0].ID).Requests, "sent again with the same uuid")
		requireOnceEach(t, w, ids(tasks))
	})
}

func TestUrgentFailureDoesNotFailTheMessage(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.configure(map[string]string{"providers": w.provider(", urgentType: phone")})
		r := w.start()
		r.template()
		w.feishu.Fail(feishu.Fault{Where: feishu.Urgent, HTTPStatus: 400, Code: "230001", Message: "no quota"})
		tasks := r.until(r.send("k", 1), "success")
		require.NotEmpty(t, tasks[0].Details["message_id"])
		require.Contains(t, tasks[0].Details["urgent_error"], "230001")
		requireOnceEach(t, w, ids(tasks))
	})
}
