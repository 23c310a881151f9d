package api

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
)

// FuzzNotificationBody checks that a body is either a notification whose texts can
// be stored, or a problem of bounded size.
func FuzzNotificationBody(f *testing.F) {
	for _, seed := range []string{
		`{"idempotencyKey":"k","channels":{"email":{"template":"t","params":{"a":[1,{"b":null}]}}},"recipients":[{"type":"email","value":"a@b.c"}]}`,
		`{"idempotencyKey":"\ud83d\ude00","channels":{"a.b[0]":{"template":"t","params":null}},"recipients":[{"type":"phone","value":"1"}]}`,
		`{"idempotencyKey":"k","channels":{"feishu_webhook":{"template":"t","recipients":[{"type":"feishu_group","value":"team-a"}],"mention":[{"type":"feishu_user_id","value":"ou_1"}]}}}`,
		`{"idempotencyKey":"k","channels":{"email":{"template":"t","recipients":null,"mention":[]}}}`,
		`{"a":"\u0000"}`, `{"a":"\ud83d"}`, `{"a":1,"a":2}`, `{} {}`, `[1,]`, `{"a":1e999999}`, "\xff", `"`, ``,
		strings.Repeat(`[`, 100), strings.Repeat(`{"a":`, 40),
	} {
		f.Add([]byte(seed))
	}
	schema := schemaOf[notificationRequest]()
	f.Fuzz(func(t *testing.T, body []byte) {
		var decoded notificationRequest
		if err := schema.decode(body, &decoded, noWeight); err != nil {
			requireBadRequest(t, err)
			return
		}
		require.True(t, json.Valid(body))
		r := decoded.request()
		require.NotEmpty(t, r.IdempotencyKey)
		require.NotEmpty(t, r.Channels)
		for name, c := range r.Channels {
			if decoded.checkRecipients() == nil {
				require.NotEmpty(t, append(c.Recipients, r.Recipients...), name)
			}
			require.LessOrEqual(t, len(c.Mention), 50)
		}
		encoded, err := json.Marshal(r)
		require.NoError(t, err)
		require.True(t, utf8.Valid(encoded))
		require.NotContains(t, string(encoded), `\u0000`)
	})
}

// noWeight lets every body be decoded.
func noWeight(int) error { return nil }

func schemaOf[T any]() bodySchema {
	registry := newHuma(fiber.New()).OpenAPI().Components.Schemas
	return bodySchema{registry, registry.Schema(reflect.TypeFor[T](), true, "")}
}

func requireBadRequest(t *testing.T, err error) {
	t.Helper()
	var problem *Problem
	require.ErrorAs(t, err, &problem)
	require.Equal(t, 400, problem.Status)
	require.NotEqual(t, undecodable, problem.Detail, "the checker names what is wrong")
	text, err := json.Marshal(problem)
	require.NoError(t, err)
	require.Less(t, len(text), 64<<10)
}

// FuzzAlertGroupBody checks the same for a webhook's body.
func FuzzAlertGroupBody(f *testing.F) {
	for _, name := range []string{"alertmanager-firing", "alertmanager-resolved", "grafana-firing"} {
		body, err := os.ReadFile("testdata/alerts/" + name + ".json")
		require.NoError(f, err)
		f.Add(body)
	}
	f.Add([]byte(`{"receiver":"r","status":"firing","groupKey":"g","truncatedAlerts":-0,"alerts":[{"labels":null},null,[]]}`))
	schema := schemaOf[alertGroupRequest]()
	f.Fuzz(func(t *testing.T, body []byte) {
		var group alertGroupRequest
		if err := schema.decode(body, &group, noWeight); err != nil {
			requireBadRequest(t, err)
			return
		}
		require.NotEmpty(t, group.Receiver)
		require.Len(t, group.group("grafana"), 64)
		require.NotEmpty(t, group.state())
		params := group.params(min(len(group.Alerts), maxShownAlerts), true)
		require.NotEmpty(t, params["alerts"])
		encoded, err := json.Marshal(params)
		require.NoError(t, err)
		require.True(t, utf8.Valid(encoded))
	})
}

func BenchmarkNotificationBody(b *testing.B) {
	body := []byte(`{"idempotencyKey":"incident-001","channels":{"feishu_app":{"template":"feishu-alert",` +
		`"params":{"incident":"database down","severity":"P0","count":3}}},` +
		`"recipients":[{"type":"feishu_user_id","value":"ou_xxxxxxxx"},{"type":"email","value":"alice@example.com"}]}`)
	schema := schemaOf[notificationRequest]()
	b.ReportAllocs()
	for b.Loop() {
		var r notificationRequest
		if err := schema.decode(body, &r, noWeight); err != nil {
			b.Fatal(err)
		}
		if r.request().IdempotencyKey == "" {
			b.Fatal("no key")
		}
	}
}
