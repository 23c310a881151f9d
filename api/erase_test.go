package api_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/apitest"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

func TestErase(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.control.erased = steering.Erased{Deliveries: 3, Cancelled: 1, Messages: 2, SharedMessages: 1, Unmatched: 4, Mentions: 6, Contacts: 7, Sending: 5, More: true}
	id := uuid.Must(uuid.NewV7())
	for body, want := range map[string]steering.EraseRequest{
		`{"recipient":{"type":"email","value":"alice@example.com"}}`: {Recipient: store.Recipient{Type: "email", Value: "alice@example.com"}},
		`{"notification":"` + id.String() + `","dryRun":true}`:       {NotificationID: id, DryRun: true},
	} {
		a := b.call(t, request{method: "POST", path: "/api/v1/erase", app: "root", body: body})
		require.Equal(t, 200, a.status, a.text)
		require.JSONEq(t, `{"deliveries":3,"cancelled":1,"messages":2,"sharedMessages":1,"unmatched":4,"mentions":6,"contacts":7,"sending":5,"more":true,"dryRun":`+
			map[bool]string{true: "true", false: "false"}[want.DryRun]+`}`, a.text)
		require.Contains(t, b.control.erasures, want)
	}
	a := b.call(t, request{method: "POST", path: "/api/v1/erase", app: "console", body: `{"notification":"` + id.String() + `"}`})
	require.Equal(t, 403, a.status)
	b.control.err = store.ErrNotFound
	a = b.call(t, request{method: "POST", path: "/api/v1/erase", app: "root", body: `{"notification":"` + id.String() + `"}`})
	require.Equal(t, 404, a.status)
}

func TestEraseBodiesAreChecked(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, c := range []struct {
		body, field string
		status      int
		described   bool // the schema does not say what is wrong
	}{
		{`{}`, "recipient", 400, true},
		{`{"dryRun":true}`, "recipient", 400, true},
		{`{"recipient":null}`, "recipient", 400, false},
		{`{"recipient":{}}`, "recipient.type", 400, false},
		{`{"recipient":{"type":"email"}}`, "recipient.value", 400, false},
		{`{"recipient":{"type":"email","value":""}}`, "recipient.value", 400, false},
		{`{"recipient":{"type":"pigeon","value":"x"}}`, "recipient.type", 400, false},
		{`{"notification":"x"}`, "notification", 400, false},
		{`{"notification":"00000000-0000-0000-0000-000000000000"}`, "notification", 400, true},
		{`{"recipient":{"type":"user_id","value":"x"},"notification":"01890000-0000-7000-8000-000000000000"}`, "recipient", 400, true},
		{`{"recipients":[]}`, "recipients", 400, false},
	} {
		a := b.call(t, request{method: "POST", path: "/api/v1/erase", app: "root", body: c.body})
		require.Equal(t, c.status, a.status, c.body)
		_, field := a.problem(t)
		require.Equal(t, c.field, field, c.body)
		require.Equal(t, c.described, apitest.Describes(t, "POST", "/api/v1/erase", []byte(c.body)), c.body)
	}
	require.Empty(t, b.control.erasures)
}
