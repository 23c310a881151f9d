package api

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
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

// FuzzContactsBody checks that what a body of contacts becomes can be stored, and that a refusal has
// bounded size and repeats no address.
func FuzzContactsBody(f *testing.F) {
	for _, seed := range []string{
		`{"contacts":[{"name":"alice","addresses":[{"type":"email","value":"canary@example.com"}],"locale":"zh-hans-CN","timeZone":"Asia/Shanghai","labels":{"a":"b"}}]}`,
		`{"contacts":[{"name":"a"},{"name":"a"}],"dryRun":true}`, `{"contacts":[{"name":"a","labels":{"a.b":"c\nd"}}]}`,
		`{"contacts":[{"name":"a","locale":"x-y","timeZone":"../UTC"}]}`, `{"contacts":[{"name":"a","addresses":[{"type":"phone","value":"canary"}]}]}`,
		`{"contacts":[{"name":"a","labels":{"":""}}]}`, `{"contacts":null}`,
	} {
		f.Add([]byte(seed))
	}
	s := &Server{accepter: addresses{}}
	schema := schemaOf[contactsRequest]()
	f.Fuzz(func(t *testing.T, body []byte) {
		var decoded contactsRequest
		if err := schema.decode(body, &decoded, noWeight); err != nil {
			requireBadRequest(t, err)
			return
		}
		contacts, err := s.contactsOf("app", decoded.Contacts)
		if err != nil {
			require.Less(t, len(err.Error()), 4<<10)
			require.NotContains(t, err.Error(), "canary")
			return
		}
		for _, c := range contacts {
			require.LessOrEqual(t, len(c.Addresses), 16)
			require.LessOrEqual(t, len(c.Labels), maxLabels)
			require.NotContains(t, c.String()[len("app/"):], "/")
			_, err := time.LoadLocation(c.TimeZone)
			require.NoError(t, err)
			encoded, err := json.Marshal(c)
			require.NoError(t, err)
			require.True(t, utf8.Valid(encoded))
			require.NotContains(t, string(encoded), `\u0000`)
		}
	})
}

// addresses is an Accepter that only checks addresses.
type addresses struct{ Accepter }

func (addresses) CheckAddress(r store.Recipient) error {
	return accepting.CheckRecipient(channels.RecipientTypesOf(builtin.Types()...), r)
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
