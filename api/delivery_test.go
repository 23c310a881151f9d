package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

func TestDeliveryIsShownAsItIs(t *testing.T) {
	t.Parallel()
	b := start(t)
	n := b.notificationOf("sender", 1)
	d := &b.store.deliveries[0]
	retry := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	d.Status, d.Attempts, d.NextRetryAt = store.DeliveryFailed, 3, &retry
	d.LastCode, d.LastError, d.Details = "feishu_230001", "bad parameter", []byte(`{"message_id":"om_1","n":12345678901234567890}`)

	a := b.call(t, request{method: "GET", path: "/api/v1/notifications/" + n.ID.String() + "/deliveries", app: "sender"})
	require.Equal(t, 200, a.status)
	require.JSONEq(t, fmt.Sprintf(`{"deliveries":[{
		"id": %[2]q, "notificationId": %[1]q, "channel": "email", "provider": "mail", "templateName": "t", "templateVersion": 3, "test": false,
		"recipient": {"type":"email","value":"a@b.c"}, "status": "failed", "retryCount": 2, "maxRetry": 3,
		"nextRetryAt": "2026-01-02T00:00:00Z", "kind": "", "lastCode": "feishu_230001", "lastError": "bad parameter",
		"details": {"message_id":"om_1","n":12345678901234567890},
		"createdAt": "2026-01-01T19:04:05.678901Z", "updatedAt": "2026-01-01T19:04:05.678901Z"}]
	}`, n.ID, d.ID), a.text)
}

func TestDeliveriesAreListedWholeOrByPage(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.notificationOf("sender", 3) // another's, which must not show
	const total = 2503            // more than two pages of the store
	n := b.notificationOf("sender", total)
	path := "/api/v1/notifications/" + n.ID.String() + "/deliveries"
	list := func(query string) (ids []string, next any) {
		a := b.call(t, request{method: "GET", path: path + query, app: "sender"})
		require.Equal(t, 200, a.status, a.text)
		v := a.json(t)
		for _, d := range v["deliveries"].([]any) {
			ids = append(ids, d.(map[string]any)["id"].(string))
		}
		return ids, v["next"]
	}

	all, next := list("")
	require.Len(t, all, total)
	require.Nil(t, next)

	var paged []string
	query := "?limit=500"
	for {
		ids, next := list(query)
		paged = append(paged, ids...)
		require.LessOrEqual(t, len(paged), total, "pages repeat")
		if next == nil {
			require.Len(t, ids, total%500)
			break
		}
		require.Len(t, ids, 500)
		query = fmt.Sprintf("?limit=500&after=%s", next)
	}
	require.Equal(t, all, paged)

	rest, next := list("?after=" + all[total-2])
	require.Equal(t, all[total-1:], rest)
	require.Nil(t, next)
	last, next := list("?limit=1&after=" + all[total-2])
	require.Equal(t, rest, last)
	require.Nil(t, next, "a page that ends with the last delivery has no next")
	none, _ := list("?after=" + uuid.Max.String())
	require.Empty(t, none)

	whole := b.call(t, request{method: "GET", path: "/api/v1/notifications/" + n.ID.String(), app: "sender"})
	require.Len(t, whole.json(t)["tasks"], total)
}

func TestListParametersAreChecked(t *testing.T) {
	t.Parallel()
	b := start(t)
	n := b.notificationOf("console", 1)
	deliveries := "/api/v1/notifications/" + n.ID.String() + "/deliveries"
	for path, field := range map[string]string{
		deliveries + "?limit=0":             "query.limit",
		deliveries + "?limit=-1":            "query.limit",
		deliveries + "?limit=501":           "query.limit",
		deliveries + "?limit=many":          "query.limit",
		deliveries + "?after=x":             "query.after",
		"/api/v1/templates?limit=0":         "query.limit",
		"/api/v1/templates?limit=501":       "query.limit",
		"/api/v1/templates?limit=1.5":       "query.limit",
		"/api/v1/templates?limit=99999e999": "query.limit",
	} {
		a := b.call(t, request{method: "GET", path: path, app: "console"})
		require.Equal(t, 400, a.status, path)
		code, at := a.problem(t)
		require.Equal(t, "invalid_request", code)
		require.Equal(t, field, at)
	}
}
