package api_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

func TestNotificationsAreListedByPage(t *testing.T) {
	t.Parallel()
	b := start(t)
	var want []string
	for range 5 {
		want = append([]string{b.notificationOf("sender", 1).ID.String()}, want...)
	}
	b.notificationOf("console", 1) // another's, which must not show
	list := func(app, query string) (ids []string, next any) {
		a := b.call(t, request{method: "GET", path: "/api/v1/notifications" + query, app: app})
		require.Equal(t, 200, a.status, a.text)
		v := a.json(t)
		for _, n := range v["notifications"].([]any) {
			require.NotContains(t, n, "tasks")
			ids = append(ids, n.(map[string]any)["id"].(string))
		}
		return ids, v["next"]
	}
	all, next := list("sender", "")
	require.Equal(t, want, all)
	require.Nil(t, next)
	require.Len(t, first(list("root", "")), 6, "an administrator sees everyone's")
	require.Len(t, first(list("root", "?app=sender")), 5)
	require.Equal(t, want, first(list("sender", "?app=sender")))

	var paged []string
	query := "?limit=2"
	for {
		ids, next := list("sender", query)
		paged = append(paged, ids...)
		require.NotEmpty(t, ids, "a page after the last one")
		require.LessOrEqual(t, len(paged), len(want), "pages repeat")
		if next == nil {
			break
		}
		query = fmt.Sprintf("?limit=2&after=%s", next)
	}
	require.Equal(t, want, paged)
}

func first[T any](ids []string, _ T) []string { return ids }

func TestFiltersReachTheStore(t *testing.T) {
	t.Parallel()
	b := start(t)
	since, until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), time.Date(2026, 2, 2, 3, 4, 5, 600_000_000, time.UTC)
	n := uuid.New()
	values := url.Values{
		"status": {"failed"}, "channel": {"email"}, "app": {"x"}, "recipient": {"+8613800000000"}, "template": {"t"},
		"since": {"2026-01-02T11:04:05+08:00"}, "until": {"2026-02-02T03:04:05.6Z"}, "key": {"k 1"}, "thread": {"t 1"},
	}
	require.Equal(t, 200, b.call(t, request{method: "GET", path: "/api/v1/notifications?" + values.Encode(), app: "root"}).status)
	require.WithinDuration(t, since, b.store.notificationFilter.Since, 0)
	require.WithinDuration(t, until, b.store.notificationFilter.Until, 0)
	b.store.notificationFilter.Since, b.store.notificationFilter.Until = time.Time{}, time.Time{}
	require.Equal(t, store.NotificationFilter{
		AppID: "x", IdempotencyKey: "k 1", Status: store.NotificationFailed, Channel: "email",
		Recipient: "+8613800000000", Template: "t", Thread: "t 1",
	}, b.store.notificationFilter)

	values.Del("key")
	values.Del("thread")
	for name, value := range map[string]string{"status": "processing", "provider": "p", "code": "c", "notification": n.String()} {
		values.Set(name, value)
	}
	require.Equal(t, 200, b.call(t, request{method: "GET", path: "/api/v1/deliveries?" + values.Encode(), app: "root"}).status)
	require.WithinDuration(t, since, b.store.deliveryFilter.Since, 0)
	b.store.deliveryFilter.Since, b.store.deliveryFilter.Until = time.Time{}, time.Time{}
	require.Equal(t, store.DeliveryFilter{
		NotificationID: n, AppID: "x", Status: store.DeliveryProcessing, Channel: "email", Provider: "p", Code: "c",
		Recipient: "+8613800000000", Template: "t",
	}, b.store.deliveryFilter)
}

func TestDeliveriesAreFoundByPage(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.notificationOf("sender", 2)
	b.notificationOf("console", 3)
	page := func(app, query string) (int, any) {
		a := b.call(t, request{method: "GET", path: "/api/v1/deliveries" + query, app: app})
		require.Equal(t, 200, a.status, a.text)
		for _, d := range a.json(t)["deliveries"].([]any) {
			require.NotContains(t, d, "message")
			require.NotContains(t, d, "attempts")
		}
		return len(a.json(t)["deliveries"].([]any)), a.json(t)["next"]
	}
	n, next := page("console", "?limit=2")
	require.Equal(t, 2, n)
	require.Equal(t, b.store.deliveries[3].ID.String(), next, "the newest first")
	n, next = page("console", fmt.Sprintf("?limit=2&after=%s", next))
	require.Equal(t, 1, n)
	require.Nil(t, next)
	n, _ = page("root", "")
	require.Equal(t, 5, n)
}

func TestOthersThingsAreForAdministrators(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, path := range []string{"/api/v1/notifications?app=sender", "/api/v1/deliveries?app=sender"} {
		a := b.call(t, request{method: "GET", path: path, app: "console"})
		require.Equal(t, 403, a.status, path)
		code, _ := a.problem(t)
		require.Equal(t, "forbidden", code)
	}
	a := b.call(t, request{method: "POST", path: "/api/v1/deliveries/retry", app: "console", body: `{"filter":{"app":"sender"}}`})
	require.Equal(t, 403, a.status)
	require.Empty(t, b.control.requests)
}

func TestFilterParametersAreChecked(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, path := range []string{"/api/v1/notifications", "/api/v1/deliveries"} {
		for query, field := range map[string]string{
			"stauts=dead":                        "query.stauts",
			"status=lost":                        "query.status",
			"limit=0":                            "query.limit",
			"limit=501":                          "query.limit",
			"after=x":                            "query.after",
			"since=yesterday":                    "query.since",
			"since=2026-01-02T03:04:05":          "query.since",
			"until=2026-01-02":                   "query.until",
			"recipient=a%00b":                    "query.recipient",
			"template=%ff":                       "query.template",
			"channel=" + fmt.Sprintf("%065d", 0): "query.channel",
			"status=%00&since=yesterday&":        "query.status",
		} {
			a := b.call(t, request{method: "GET", path: path + "?" + query, app: "root"})
			require.Equal(t, 400, a.status, query)
			code, at := a.problem(t)
			require.Equal(t, "invalid_request", code)
			require.Equal(t, field, at, query)
		}
	}
	a := b.call(t, request{method: "GET", path: "/api/v1/templates?after=%00", app: "root"})
	require.Equal(t, 400, a.status, "any other list too")
}

// A filter that is empty, blank or there twice is refused by its name, because it would
// match everything.
func TestFiltersThatSayNothingAreRefused(t *testing.T) {
	t.Parallel()
	b := start(t)
	refused := func(path, query, field string) {
		a := b.call(t, request{method: "GET", path: path + "?" + query, app: "root"})
		require.Equal(t, 400, a.status, path+query)
		code, at := a.problem(t)
		require.Equal(t, "invalid_request", code)
		require.Equal(t, "query."+field, at, query)
	}
	filters := map[string][]string{
		"/api/v1/notifications":        {"status", "channel", "app", "key", "recipient", "template", "since", "until", "limit", "after"},
		"/api/v1/deliveries":           {"status", "channel", "provider", "code", "recipient", "template", "notification", "app", "since", "until", "limit", "after"},
		"/api/v1/templates":            {"channel", "limit", "after"},
		"/api/v1/templates/x/versions": {"limit", "after"},
	}
	for path, names := range filters {
		for _, name := range names {
			for _, blank := range []string{"", "=", "=%20", "=+%09", "=%E3%80%80"} {
				refused(path, name+blank, name)
				refused(path, "limit=5&"+name+blank, name)
			}
			refused(path, name+"=dead&"+name+"=dead", name)
		}
	}
	refused("/api/v1/deliveries", "recipient=a&recipient=b", "recipient")
	refused("/api/v1/deliveries", "recipient=a&recipient=", "recipient")
	refused("/api/v1/deliveries", "notification=00000000-0000-0000-0000-000000000000", "notification")
	refused("/api/v1/deliveries", "until=0001-01-01T00:00:00Z", "until")
	refused("/api/v1/deliveries", "until=0001-01-01T01:00:00%2B01:00", "until")
	require.Equal(t, 200, b.call(t, request{method: "GET", path: "/api/v1/deliveries?", app: "root"}).status)

	for filter, field := range map[string]string{
		`{"recipient":""}`: "filter.recipient", `{"channel":""}`: "filter.channel", `{"app":""}`: "filter.app",
		`{"notification":"00000000-0000-0000-0000-000000000000"}`: "filter.notification",
		`{"recipient":"a","recipient":"b"}`:                       "filter.recipient",
	} {
		a := b.call(t, request{method: "POST", path: "/api/v1/deliveries/retry", app: "root", body: `{"filter":` + filter + `}`})
		require.Equal(t, 400, a.status, filter)
		_, at := a.problem(t)
		require.Equal(t, field, at, filter)
	}
	require.Empty(t, b.control.requests)
}

func TestSearchThatFindsTooLittle(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.store.fail(fmt.Errorf("list: %w", store.ErrTooBroad))
	for _, path := range []string{"/api/v1/notifications", "/api/v1/deliveries"} {
		a := b.call(t, request{method: "GET", path: path, app: "root"})
		require.Equal(t, 422, a.status)
		code, _ := a.problem(t)
		require.Equal(t, "too_broad", code)
		require.Contains(t, a.text, "since")
	}
}

func TestGetDelivery(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.notificationOf("sender", 1)
	d := b.store.deliveries[0]
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("CST", 8*3600))
	b.store.message = store.Message{TemplateVersion: 2, MsgType: "text", Subject: "s", Body: "b <1>", TemplateCode: "SMS_1", Params: []byte(`{"n":12345678901234567890}`)}
	b.store.attempts = []store.Attempt{
		{Attempt: 1, Provider: "mail", Class: "transient", Code: "timeout", Error: "no answer", StartedAt: at, FinishedAt: at.Add(1500 * time.Millisecond)},
		{Attempt: 1, Provider: "spare", Details: []byte(`{"id":"x"}`), StartedAt: at.Add(time.Minute), FinishedAt: at.Add(time.Minute + time.Millisecond)},
	}
	a := b.call(t, request{method: "GET", path: "/api/v1/deliveries/" + d.ID.String(), app: "sender"})
	require.Equal(t, 200, a.status, a.text)
	require.JSONEq(t, fmt.Sprintf(`{
		"id": %[2]q, "notificationId": %[1]q, "channel": "email", "provider": "mail", "templateName": "t", "templateVersion": 3, "test": false,
		"recipient": {"type":"email","value":"a@b.c"}, "status": "pending", "retryCount": 0, "maxRetry": 3,
		"nextRetryAt": null, "kind": "", "lastCode": "", "lastError": "", "details": null,
		"createdAt": "2026-01-01T19:04:05.678901Z", "updatedAt": "2026-01-01T19:04:05.678901Z",
		"message": {"templateVersion":2,"msgType":"text","subject":"s","body":"b <1>","templateCode":"SMS_1","params":{"n":12345678901234567890}},
		"attempts": [
			{"attempt":1,"provider":"mail","startedAt":"2026-01-01T19:04:05Z","finishedAt":"2026-01-01T19:04:06.5Z","durationMs":1500,
				"class":"transient","code":"timeout","error":"no answer","details":null},
			{"attempt":1,"provider":"spare","startedAt":"2026-01-01T19:05:05Z","finishedAt":"2026-01-01T19:05:05.001Z","durationMs":1,
				"class":"","code":"","error":"","details":{"id":"x"}}
		]}`, d.NotificationID, d.ID), a.text)

	b.store.attempts = nil
	a = b.call(t, request{method: "GET", path: "/api/v1/deliveries/" + d.ID.String(), app: "sender"})
	require.Equal(t, []any{}, a.json(t)["attempts"])
	for _, id := range []string{uuid.NewString(), uuid.Nil.String(), "not-a-uuid"} {
		require.Equal(t, 404, b.call(t, request{method: "GET", path: "/api/v1/deliveries/" + id, app: "root"}).status, id)
	}
}
