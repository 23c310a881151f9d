package api_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/apitest"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

func TestRetryDelivery(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.notificationOf("sender", 1)
	id := b.store.deliveries[0].ID
	path := "/api/v1/deliveries/" + id.String() + "/retry"
	for _, body := range []string{`{}`, `{"provider":"spare"}`} {
		a := b.call(t, request{method: "POST", path: path, app: "sender", body: body})
		require.Equal(t, 202, a.status, a.text)
		require.Equal(t, id.String(), a.json(t)["id"])
	}
	require.Equal(t, []string{"", "spare"}, b.control.providers)
	require.Equal(t, id, b.control.retried[0].ID)

	for code, status := range map[string]int{
		refusal.DeliveryOpen: 409, refusal.DeliveryArrived: 409, refusal.UnknownProvider: 422, refusal.ChannelOff: 422,
	} {
		b.control.err = &refusal.Error{Code: code, Message: "no"}
		a := b.call(t, request{method: "POST", path: path, app: "sender", body: `{}`})
		require.Equal(t, status, a.status, code)
		got, _ := a.problem(t)
		require.Equal(t, code, got)
	}
}

func TestRetryBodiesAreChecked(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.notificationOf("console", 1)
	one := "/api/v1/deliveries/" + b.store.deliveries[0].ID.String() + "/retry"
	const many = "/api/v1/deliveries/retry"
	for _, c := range []struct{ path, body, field string }{
		{one, `{"provider":""}`, "provider"},
		{one, `{"provider":1}`, "provider"},
		{one, `{"providr":"x"}`, "providr"},
		{many, `{}`, "filter"},
		{many, `{"filter":{}}`, "filter"},
		{many, `{"filter":[]}`, "filter"},
		{many, `{"filter":{"code":""}}`, "filter.code"},
		{many, `{"filter":{"cod":"x"}}`, "filter.cod"},
		{many, `{"filter":{"status":"success"}}`, "filter.status"},
		{many, `{"filter":{"notification":"x"}}`, "filter.notification"},
		{many, `{"filter":{"notification":"00000000-0000-0000-0000-000000000000"}}`, "filter.notification"},
		{many, `{"filter":{"since":"today"}}`, "filter.since"},
		{many, `{"filter":{"until":5}}`, "filter.until"},
		{many, `{"filter":{"code":"x"},"dryRun":"yes"}`, "dryRun"},
		{many, `{"filter":{"code":"x"},"limit":0}`, "limit"},
		{many, `{"filter":{"code":"x"},"limit":10001}`, "limit"},
		{many, `{"filter":{"code":"x"},"limit":1.5}`, "limit"},
		{many, `{"filter":{"code":"x"},"limit":"1"}`, "limit"},
		{many, `{"filter":{"code":"x"},"provider":""}`, "provider"},
	} {
		a := b.call(t, request{method: "POST", path: c.path, app: "console", body: c.body})
		require.Equal(t, 400, a.status, c.body)
		_, field := a.problem(t)
		require.Equal(t, c.field, field, c.body)
		if c.field != "filter.notification" && c.field != "filter.since" { // formats are no more than a hint in a schema
			require.False(t, apitest.Describes(t, "POST", c.path, []byte(c.body)), "%s is refused, and described as right", c.body)
		}
	}
	require.Empty(t, b.control.requests)
	require.Empty(t, b.control.retried)
}

func TestRetryDeliveries(t *testing.T) {
	t.Parallel()
	b := start(t)
	n, last := uuid.New(), uuid.New()
	b.control.done = steering.Requeued{Matched: 3, Requeued: 2, More: true, Last: last}
	body := `{"filter":{"status":"dead","channel":"email","provider":"mail","code":"c","recipient":"a@b.c","template":"t",
		"notification":"` + n.String() + `","app":"sender"},"provider":"spare","dryRun":true,"limit":7,"after":"` + last.String() + `"}`
	require.True(t, apitest.Describes(t, "POST", "/api/v1/deliveries/retry", []byte(body)))
	a := b.call(t, request{method: "POST", path: "/api/v1/deliveries/retry", app: "root", body: body})
	require.Equal(t, 202, a.status, a.text)
	require.JSONEq(t, `{"matched":3,"retried":2,"dryRun":true,"more":true,"next":"`+last.String()+`"}`, a.text)

	b.control.done.More = false
	a = b.call(t, request{method: "POST", path: "/api/v1/deliveries/retry", app: "console", body: `{"filter":{"since":"2026-01-02T03:04:05Z"}}`})
	require.Equal(t, 202, a.status, a.text)
	require.Equal(t, steering.RequeueRequest{
		Filter: store.DeliveryFilter{
			NotificationID: n, Status: store.DeliveryDead, AppID: "sender", Channel: "email", Provider: "mail", Code: "c", Recipient: "a@b.c", Template: "t",
		},
		Provider: "spare", DryRun: true, Limit: 7, After: last, By: actorOf("root"),
	}, b.control.requests[0])
	a = b.call(t, request{method: "POST", path: "/api/v1/deliveries/retry", app: "console", body: `{"filter":{"status":"failed"}}`})
	require.Equal(t, 202, a.status, a.text)
	require.Nil(t, a.json(t)["next"])
	require.Equal(t, store.DeliveryFailed, b.control.requests[2].Filter.Status)
	require.Equal(t, "console", b.control.requests[1].Filter.AppID, "its own only")
	require.Equal(t, steering.MaxRequeued, b.control.requests[1].Limit)
	require.False(t, b.control.requests[1].DryRun)
}

func TestCancelNotification(t *testing.T) {
	t.Parallel()
	b := start(t)
	n := b.notificationOf("sender", 2)
	a := b.call(t, request{method: "POST", path: "/api/v1/notifications/" + n.ID.String() + "/cancel", app: "sender"})
	require.Equal(t, 200, a.status, a.text)
	require.Equal(t, n.ID.String(), a.json(t)["id"])
	require.NotContains(t, a.json(t), "tasks")
	require.Equal(t, []uuid.UUID{n.ID}, b.control.cancelled)
	require.Equal(t, []store.Actor{actorOf("sender")}, b.control.by)
}
