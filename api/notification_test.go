package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/apitest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

const goodNotification = `{"idempotencyKey":"k","channels":{"email":{"template":"t","params":{"a":1}}},` +
	`"recipients":[{"type":"email","value":"alice@example.com"}]}`

func post(app, body string) request {
	return request{method: "POST", path: "/api/v1/notifications", app: app, body: body}
}

func TestSendNotificationIsAccepted(t *testing.T) {
	t.Parallel()
	b := start(t)
	id := uuid.Must(uuid.NewV7())
	b.accepter.accepted = accepting.Accepted{
		NotificationID: id, Deliveries: 2, Unmatched: []store.Recipient{{Type: "phone", Value: "+8613800000000"}},
	}
	a := b.call(t, post("sender", `{
		"idempotencyKey": "键-1",
		"channels": {"feishu_app": {"template": "alert", "params": {
			"big": 12345678901234567890.123456789, "null": null, "yes": true, "list": [1, "二", {"x": "\u0041\ud83d\ude00"}]}},
			"inapp": {"template": "plain", "params": null}, "email": {"template": "plain"}},
		"recipients": [{"type": "email", "value": "alice@example.com"}, {"type": "user_id", "value": "u1"}]}`))
	require.Equal(t, http.StatusAccepted, a.status)
	require.JSONEq(t, fmt.Sprintf(
		`{"notificationId":%q,"status":"accepted","deliveries":2,"unmatched":[{"type":"phone","value":"+8613800000000"}]}`, id), a.text)
	require.Empty(t, a.header.Get("Idempotent-Replayed"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))

	require.Equal(t, []accepting.Request{{
		AppID: "sender", IdempotencyKey: "键-1",
		Channels: map[string]accepting.ChannelRequest{
			"feishu_app": {Template: "alert", Params: map[string]any{
				"big": json.Number("12345678901234567890.123456789"), "null": nil, "yes": true,
				"list": []any{json.Number("1"), "二", map[string]any{"x": "A😀"}},
			}},
			"inapp": {Template: "plain"}, "email": {Template: "plain"},
		},
		Recipients: accepting.To(store.Recipient{Type: "email", Value: "alice@example.com"}, store.Recipient{Type: "user_id", Value: "u1"}),
	}}, b.accepter.requests)
}

func TestScheduleOfANotification(t *testing.T) {
	t.Parallel()
	b := start(t)
	body := with("sendAt", `"2026-01-02T11:04:05.1234567+08:00"`)
	body = strings.TrimSuffix(body, "}") + `,"expiresAt":"2026-01-02T03:05:00Z","priority":"high"}`
	require.Equal(t, http.StatusAccepted, b.call(t, post("sender", body)).status)
	got := b.accepter.requests[0]
	require.Equal(t, time.Date(2026, 1, 2, 3, 4, 5, 123_456_000, time.UTC), *got.SendAt, "in UTC, to a microsecond")
	require.Equal(t, time.Date(2026, 1, 2, 3, 5, 0, 0, time.UTC), *got.ExpiresAt)
	require.Equal(t, store.PriorityHigh, got.Priority)
	require.False(t, got.Test)
}

func TestThreadOfANotification(t *testing.T) {
	t.Parallel()
	b := start(t)
	body := strings.TrimSuffix(goodNotification, "}") + `,"thread":"incident 7","resolved":true}`
	require.Equal(t, http.StatusAccepted, b.call(t, post("sender", body)).status)
	got := b.accepter.requests[0]
	require.Equal(t, []any{"incident 7", true}, []any{got.Thread, got.Resolved})
	long := strings.Replace(body, "incident 7", strings.Repeat("x", 256), 1)
	a := b.call(t, post("sender", long))
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.text, "thread")
}

func TestReplayedNotificationAnswers200WithTheSameID(t *testing.T) {
	t.Parallel()
	b := start(t)
	id := uuid.Must(uuid.NewV7())
	b.accepter.accepted = accepting.Accepted{NotificationID: id, Deliveries: 1, Replayed: true}
	a := b.call(t, post("console", goodNotification))
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "true", a.header.Get("Idempotent-Replayed"))
	require.JSONEq(t, fmt.Sprintf(`{"notificationId":%q,"status":"accepted","deliveries":1,"unmatched":[]}`, id), a.text)
}

func TestRefusalsAndFailuresOfAccept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
		field  string
	}{
		"conflict":      {&refusal.Error{Code: refusal.IdempotencyConflict, Field: "idempotencyKey", Message: "m"}, 409, refusal.IdempotencyConflict, "idempotencyKey"},
		"missing param": {&refusal.Error{Code: refusal.MissingParam, Field: "channels.email.params.x", Message: "m"}, 422, refusal.MissingParam, "channels.email.params.x"},
		"wrapped":       {fmt.Errorf("w: %w", &refusal.Error{Code: refusal.NoRecipients, Field: "recipients", Message: "m"}), 422, refusal.NoRecipients, "recipients"},
		"without field": {&refusal.Error{Code: refusal.NoRecipients, Message: "m"}, 422, refusal.NoRecipients, ""},
		"endless field": {&refusal.Error{Code: refusal.UnknownChannel, Field: strings.Repeat("x", 300), Message: "m"}, 422, refusal.UnknownChannel, strings.Repeat("x", 256) + "…"},
		"unavailable":   {fmt.Errorf("accept: %w", store.ErrUnavailable), 503, "unavailable", ""},
		"too slow":      {fmt.Errorf("accept: %w", context.DeadlineExceeded), 503, "unavailable", ""},
		"unexpected":    {errBroken, 500, "internal", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			b.accepter.err = c.err
			a := b.call(t, post("console", goodNotification))
			require.Equal(t, c.status, a.status)
			code, field := a.problem(t)
			require.Equal(t, c.code, code)
			require.Equal(t, c.field, field)
			require.NotContains(t, a.text, "secret inside")
			if c.status >= 500 {
				require.NotEmpty(t, b.logs.FilterFieldKey("error").All(), "our own faults are logged")
			}
			require.Equal(t, c.status == 503, a.header.Get("Retry-After") == "1")
		})
	}
}

func TestAPanicIsAnInternalError(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.accepter.panics = true
	a := b.call(t, post("console", goodNotification))
	require.Equal(t, 500, a.status)
	code, _ := a.problem(t)
	require.Equal(t, "internal", code)
	require.NotContains(t, a.text, "boom")
	panics := b.logs.FilterMessage("panic in a handler").All()
	require.Len(t, panics, 1)
	require.NotContains(t, fmt.Sprint(panics[0].ContextMap()), "boom", "it may hold an address")
	require.Equal(t, http.StatusOK, b.call(t, request{method: "GET", path: "/livez"}).status)
}

// with returns a good notification with one member replaced, or removed when value is
// empty.
func with(member, value string) string {
	members := map[string]string{
		"idempotencyKey": `"k"`, "channels": `{"email":{"template":"t"}}`, "recipients": `[{"type":"email","value":"a@b.c"}]`,
	}
	if members[member] = value; value == "" {
		delete(members, member)
	}
	var parts []string
	for name, v := range members {
		parts = append(parts, fmt.Sprintf("%q:%s", name, v))
	}
	slices.Sort(parts)
	return "{" + strings.Join(parts, ",") + "}"
}

func TestMalformedNotifications(t *testing.T) {
	t.Parallel()
	const (
		badJSON  = "invalid_json"    // no reading of the body agrees with the description
		badShape = "invalid_request" // openapi.yaml refuses it too
	)
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	params := func(p string) string { return with("channels", `{"email":{"template":"t","params":`+p+`}}`) }
	recipient := func(r string) string { return with("recipients", `[{"type":"email","value":"a@b.c"},`+r+`]`) }

	b := start(t)
	for name, c := range map[string]struct{ body, code, field string }{
		"empty":                     {"", badJSON, ""},
		"blank":                     {"  \n", badJSON, ""},
		"not JSON":                  {"hello", badJSON, ""},
		"XML":                       {"<a/>", badJSON, ""},
		"byte order mark":           {"\xef\xbb\xbf" + goodNotification, badJSON, ""},
		"UTF-16":                    {"{\x00}\x00", badJSON, ""},
		"null":                      {"null", badJSON, ""},
		"array":                     {"[]", badJSON, ""},
		"string":                    {`"x"`, badJSON, ""},
		"number":                    {"1", badJSON, ""},
		"cut off":                   {goodNotification[:40], badJSON, "channels"},
		"cut off in a string":       {`{"idempotencyKey":"k`, badJSON, "idempotencyKey"},
		"trailing comma":            {`{"idempotencyKey":"k",}`, badJSON, ""},
		"trailing comma in array":   {`{"recipients":[1,]}`, badJSON, "recipients"},
		"missing colon":             {`{"idempotencyKey" "k"}`, badJSON, "idempotencyKey"},
		"missing comma":             {`{"idempotencyKey":"k" "channels":{}}`, badJSON, ""},
		"mismatched brackets":       {`{"recipients":[}`, badJSON, "recipients[0]"},
		"single quotes":             {`{'idempotencyKey':'k'}`, badJSON, ""},
		"comment":                   {`{/* */"idempotencyKey":"k"}`, badJSON, ""},
		"NaN":                       {params(`{"n":NaN}`), badJSON, "channels.email.params.n"},
		"leading zero":              {params(`{"n":01}`), badJSON, "channels.email.params"},
		"raw line feed in a string": {params("{\"n\":\"a\nb\"}"), badJSON, "channels.email.params.n"},
		"bad escape":                {params(`{"n":"\x41"}`), badJSON, "channels.email.params.n"},
		"two documents":             {goodNotification + "{}", badJSON, ""},
		"trailing garbage":          {goodNotification + "x", badJSON, ""},
		"trailing bracket":          {goodNotification + "}", badJSON, ""},
		"key twice":                 {`{"idempotencyKey":"a","idempotencyKey":"b"}`, badJSON, "idempotencyKey"},
		"param twice":               {params(`{"a":{"b":1,"b":1}}`), badJSON, "channels.email.params.a.b"},
		"channel twice":             {with("channels", `{"email":{"template":"t"},"email":{"template":"t"}}`), badJSON, "channels.email"},
		"NUL in a param":            {params(`{"incident":"a\u0000b"}`), badJSON, "channels.email.params.incident"},
		"NUL deep in a param":       {params(`{"a":[0,{"b":"\u0000"}]}`), badJSON, "channels.email.params.a[1].b"},
		"NUL in a name":             {params(`{"a\u0000":1}`), badJSON, "channels.email.params.a\x00"},
		"NUL in the key":            {with("idempotencyKey", `"\u0000"`), badJSON, "idempotencyKey"},
		"NUL in a recipient":        {recipient(`{"type":"email","value":"\u0000"}`), badJSON, "recipients[1].value"},
		"NUL byte":                  {with("idempotencyKey", "\"a\x00\""), badJSON, "idempotencyKey"},
		"invalid UTF-8":             {params("{\"incident\":\"\xff\"}"), badJSON, "channels.email.params.incident"},
		"invalid UTF-8 in a name":   {params("{\"\xc3\x28\":1}"), badJSON, "channels.email.params"},
		"overlong UTF-8":            {with("idempotencyKey", "\"\xc0\x80\""), badJSON, "idempotencyKey"},
		"encoded surrogate":         {with("idempotencyKey", "\"\xed\xa0\x80\""), badJSON, "idempotencyKey"},
		"half a surrogate pair":     {params(`{"a":"\ud83d"}`), badJSON, "channels.email.params.a"},
		"reversed surrogate pair":   {params(`{"a":"\ude00\ud83d \ufffd"}`), badJSON, "channels.email.params.a"},
		"too deep":                  {params(`{"a":` + nested(30) + `}`), badJSON, "channels.email.params.a" + strings.Repeat("[0]", 28)},
		"bottomless":                {strings.Repeat(`[`, 100_000), badJSON, strings.Repeat("[0]", 32)},
		"bottomless objects":        {strings.Repeat(`{"a":`, 100_000), badJSON, strings.Repeat("a.", 31) + "a"},

		"empty object":             {"{}", badShape, "idempotencyKey"},
		"no key":                   {with("idempotencyKey", ""), badShape, "idempotencyKey"},
		"empty key":                {with("idempotencyKey", `""`), badShape, "idempotencyKey"},
		"null key":                 {with("idempotencyKey", `null`), badShape, "idempotencyKey"},
		"number as key":            {with("idempotencyKey", `7`), badShape, "idempotencyKey"},
		"long key":                 {with("idempotencyKey", `"`+strings.Repeat("键", 256)+`"`), badShape, "idempotencyKey"},
		"unknown field":            {with("urgency", `1`), badShape, "urgency"},
		"priority as number":       {with("priority", `1`), badShape, "priority"},
		"unknown priority":         {with("priority", `"urgent"`), badShape, "priority"},
		"null priority":            {with("priority", `null`), badShape, "priority"},
		"null time":                {with("sendAt", `null`), badShape, "sendAt"},
		"time as number":           {with("sendAt", `1767323045`), badShape, "sendAt"},
		"time in words":            {with("sendAt", `"tomorrow"`), badShape, "sendAt"},
		"time without zone":        {with("sendAt", `"2026-01-02T03:04:05"`), badShape, "sendAt"},
		"time without seconds":     {with("expiresAt", `"2026-01-02T03:04Z"`), badShape, "expiresAt"},
		"date":                     {with("expiresAt", `"2026-01-02"`), badShape, "expiresAt"},
		"day that is none":         {with("expiresAt", `"2026-02-30T00:00:00Z"`), badShape, "expiresAt"},
		"zone that is none":        {with("expiresAt", `"2026-01-02T03:04:05+25:00"`), badShape, "expiresAt"},
		"other case":               {with("IdempotencyKey", `"k"`), badShape, "IdempotencyKey"},
		"no channels":              {with("channels", ""), badShape, "channels"},
		"empty channels":           {with("channels", `{}`), badShape, "channels"},
		"null channels":            {with("channels", `null`), badShape, "channels"},
		"channels as array":        {with("channels", `["email"]`), badShape, "channels"},
		"channel as string":        {with("channels", `{"email":"t"}`), badShape, "channels.email"},
		"channel null":             {with("channels", `{"email":null}`), badShape, "channels.email"},
		"no template":              {with("channels", `{"email":{"params":{}}}`), badShape, "channels.email.template"},
		"empty template":           {with("channels", `{"email":{"template":""}}`), badShape, "channels.email.template"},
		"template as number":       {with("channels", `{"email":{"template":1}}`), badShape, "channels.email.template"},
		"long template":            {with("channels", `{"email":{"template":"`+strings.Repeat("t", 65)+`"}}`), badShape, "channels.email.template"},
		"params as array":          {params(`[]`), badShape, "channels.email.params"},
		"params as string":         {params(`"x"`), badShape, "channels.email.params"},
		"unknown field of channel": {with("channels", `{"email":{"template":"t","to":"x"}}`), badShape, "channels.email.to"},
		"odd channel name":         {with("channels", `{"a.b[0]":{"template":1}}`), badShape, "channels.a.b[0].template"},
		"empty recipients":         {with("recipients", `[]`), badShape, "recipients"},
		"null recipients":          {with("recipients", `null`), badShape, "recipients"},
		"recipients as object":     {with("recipients", `{"type":"email","value":"a@b.c"}`), badShape, "recipients"},
		"recipient as string":      {recipient(`"a@b.c"`), badShape, "recipients[1]"},
		"recipient null":           {recipient(`null`), badShape, "recipients[1]"},
		"no recipient type":        {recipient(`{"value":"a@b.c"}`), badShape, "recipients[1].type"},
		"unknown recipient type":   {recipient(`{"type":"fax","value":"a@b.c"}`), badShape, "recipients[1].type"},
		"recipient type as number": {recipient(`{"type":1,"value":"a@b.c"}`), badShape, "recipients[1].type"},
		"no recipient value":       {recipient(`{"type":"email"}`), badShape, "recipients[1].value"},
		"empty recipient value":    {recipient(`{"type":"email","value":""}`), badShape, "recipients[1].value"},
		"phone as number":          {recipient(`{"type":"phone","value":13800000000}`), badShape, "recipients[1].value"},
		"long recipient value":     {recipient(`{"type":"email","value":"` + strings.Repeat("a", 321) + `"}`), badShape, "recipients[1].value"},
		"empty list of a channel":  {with("channels", `{"email":{"template":"t","recipients":[]}}`), badShape, "channels.email.recipients"},
		"null list of a channel":   {with("channels", `{"email":{"template":"t","recipients":null}}`), badShape, "channels.email.recipients"},
		"wrong list of a channel":  {with("channels", `{"email":{"template":"t","recipients":["a@b.c"]}}`), badShape, "channels.email.recipients[0]"},
		"type of a channel's own":  {with("channels", `{"email":{"template":"t","recipients":[{"type":"fax","value":"1"}]}}`), badShape, "channels.email.recipients[0].type"},
		"empty mention":            {with("channels", `{"email":{"template":"t","mention":[]}}`), badShape, "channels.email.mention"},
		"mention of an id":         {with("channels", `{"email":{"template":"t","mention":["ou_1"]}}`), badShape, "channels.email.mention[0]"},
		"mention of many":          {with("channels", `{"email":{"template":"t","mention":[`+strings.Repeat(`{"type":"email","value":"a@b.c"},`, 50)+`{"type":"email","value":"a@b.c"}]}}`), badShape, "channels.email.mention"},
		"unknown recipient field":  {recipient(`{"type":"email","value":"a@b.c","name":"A"}`), badShape, "recipients[1].name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := b.call(t, request{
				method: "POST", path: "/api/v1/notifications", app: "console", body: c.body,
				header: http.Header{"Content-Type": {"application/json"}},
			})
			require.Equal(t, http.StatusBadRequest, a.status)
			code, field := a.problem(t)
			require.Equal(t, c.code, code, a.text)
			require.Equal(t, c.field, field, a.text)
			require.Empty(t, b.accepter.requests)
			require.Less(t, len(a.text), 10_000)
			if c.code == badShape {
				require.False(t, apitest.Describes(t, "POST", "/api/v1/notifications", []byte(c.body)),
					"what is refused is described as refused")
			}
		})
	}
}

func TestProblemsDoNotRepeatValues(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, body := range []string{
		with("idempotencyKey", `"\ud83dSECRET"`), with("idempotencyKey", `"\xSECRET"`), with("idempotencyKey", "\"SECRET\x00\""),
		with("idempotencyKey", `"SECRET\u0000"`), with("idempotencyKey", "\"SECRET\xff\""), with("idempotencyKey", `SECRET`),
		with("idempotencyKey", `trueSECRET`), with("idempotencyKey", `"`+strings.Repeat("SECRET", 256)+`"`), with("sendAt", `"SECRET"`),
		with("priority", `"SECRET"`), with("recipients", `"SECRET"`), with("recipients", `[{"type":"SECRET","value":["SECRET"]}]`),
	} {
		a := b.call(t, post("console", body))
		require.Equal(t, http.StatusBadRequest, a.status, body)
		require.NotContains(t, a.text, "SEC", body)
	}
}

func TestEveryFaultOfANotificationIsListedUpToABound(t *testing.T) {
	t.Parallel()
	b := start(t)
	a := b.call(t, post("console", `{"channels":{"email":{}},"recipients":[{"type":"fax"}],"x":1}`))
	var fields []string
	for _, e := range a.json(t)["errors"].([]any) {
		fields = append(fields, e.(map[string]any)["field"].(string))
	}
	require.Equal(t, []string{
		"channels.email.template", "recipients[0].type", "recipients[0].value", "x", "idempotencyKey",
	}, fields)

	a = b.call(t, post("console", `{"recipients":[`+strings.Repeat("1,", 50_000)+`1],"`+strings.Repeat("y", 50_000)+`":1}`))
	require.Equal(t, 400, a.status)
	require.Len(t, a.json(t)["errors"], 20)
	require.Less(t, len(a.text), 10_000)
}

func TestWhatIsDescribedIsTaken(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, body := range []string{
		goodNotification,
		with("idempotencyKey", `"`+strings.Repeat("键", 255)+`"`),
		with("channels", `{"email":{"template":"t","params":null}}`),
		with("channels", `{"no such":{"template":"`+strings.Repeat("t", 64)+`","params":{"a":[[[]]],"b":"\ufffd"}}}`),
		with("sendAt", `"2026-01-02T03:04:05.123456789+08:00"`),
		with("expiresAt", `"2026-01-02T03:04:05Z"`),
		with("priority", `"low"`),
		with("recipients", `[{"type":"phone","value":"1"},{"type":"user_id","value":"1"},{"type":"feishu_user_id","value":"`+strings.Repeat("a", 320)+`"}]`),
	} {
		require.True(t, apitest.Describes(t, "POST", "/api/v1/notifications", []byte(body)), body)
		require.Equal(t, http.StatusAccepted, b.call(t, post("console", body)).status, body)
	}
}

func TestBodiesAreJSONOfBoundedSize(t *testing.T) {
	t.Parallel()
	b := start(t)
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"charset":           {http.Header{"Content-Type": {"application/json; charset=utf-8"}}, 202},
		"case and space":    {http.Header{"Content-Type": {"Application/JSON ;charset=UTF-8"}}, 202},
		"missing":           {http.Header{"Content-Type": {""}}, 202},
		"form":              {http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415},
		"text":              {http.Header{"Content-Type": {"text/plain"}}, 415},
		"problem":           {http.Header{"Content-Type": {"application/problem+json"}}, 415},
		"broken":            {http.Header{"Content-Type": {"application/json; ="}}, 415},
		"compressed":        {http.Header{"Content-Encoding": {"gzip"}}, 415},
		"compressed hidden": {http.Header{"Content-Encoding": {"identity", "gzip"}}, 415},
	} {
		t.Run(name, func(t *testing.T) {
			r := post("console", goodNotification)
			r.header = c.header
			a := b.call(t, r)
			require.Equal(t, c.status, a.status, a.text)
			if c.status == 415 {
				code, _ := a.problem(t)
				require.Equal(t, "unsupported_media_type", code)
			}
		})
	}

	padded := func(size int) string { return goodNotification + strings.Repeat(" ", size-len(goodNotification)) }
	require.Equal(t, 202, b.call(t, post("console", padded(4<<20))).status)
	a := b.call(t, post("console", padded(4<<20+1)))
	require.Equal(t, 413, a.status)
	code, _ := a.problem(t)
	require.Equal(t, "body_too_large", code)
}

// notificationOf stores a notification with n deliveries.
func (b *bench) notificationOf(app string, n int) store.Notification {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.FixedZone("CST", 8*3600))
	row := store.Notification{
		ID: uuid.Must(uuid.NewV7()), AppID: app, IdempotencyKey: "k", Status: store.NotificationProcessing,
		SendAt: &at, Priority: store.PriorityHigh, Test: true,
		Counts: store.Counts{Total: n, Pending: n}, CreatedAt: at, UpdatedAt: at,
	}
	b.store.notifications[row.ID] = row
	for range n {
		b.store.deliveries = append(b.store.deliveries, store.Delivery{
			ID: uuid.Must(uuid.NewV7()), NotificationID: row.ID, Channel: "email", Provider: "mail", TemplateName: "t", TemplateVersion: 3,
			Recipient: store.Recipient{Type: "email", Value: "a@b.c"}, Status: store.DeliveryPending, MaxRetry: 3,
			CreatedAt: at, UpdatedAt: at,
		})
	}
	return row
}

func TestGetNotification(t *testing.T) {
	t.Parallel()
	b := start(t)
	n := b.notificationOf("sender", 1)
	a := b.call(t, request{method: "GET", path: "/api/v1/notifications/" + n.ID.String(), app: "sender"})
	require.Equal(t, 200, a.status)
	require.JSONEq(t, fmt.Sprintf(`{
		"id": %[1]q, "idempotencyKey": "k", "kind": "", "thread": "", "resolved": false, "senderAppId": "sender", "status": "processing",
		"counts": {"total":1,"pending":1,"failed":0,"success":0,"dead":0,"cancelled":0}, "unmatched": [],
		"sendAt": "2026-01-01T19:04:05.678901Z", "expiresAt": null, "priority": "high", "test": true,
		"createdAt": "2026-01-01T19:04:05.678901Z", "updatedAt": "2026-01-01T19:04:05.678901Z",
		"tasks": [{
			"id": %[2]q, "notificationId": %[1]q, "channel": "email", "provider": "mail", "templateName": "t", "templateVersion": 3, "test": false,
			"recipient": {"type":"email","value":"a@b.c"}, "status": "pending", "retryCount": 0, "maxRetry": 3,
			"nextRetryAt": null, "kind": "", "lastCode": "", "lastError": "", "details": null,
			"createdAt": "2026-01-01T19:04:05.678901Z", "updatedAt": "2026-01-01T19:04:05.678901Z"}]
	}`, n.ID, b.store.deliveries[0].ID), a.text)

	without := b.call(t, request{method: "GET", path: "/api/v1/notifications/" + n.ID.String() + "?tasks=false", app: "sender"})
	require.Equal(t, 200, without.status)
	require.Equal(t, "application/json", without.header.Get("Content-Type"))
	whole := a.json(t)
	delete(whole, "tasks")
	require.Equal(t, whole, without.json(t))
	require.Equal(t, 400, b.call(t, request{method: "GET", path: "/api/v1/notifications/" + n.ID.String() + "?tasks=no", app: "sender"}).status)
}

func TestNotificationsOfOthersDoNotExist(t *testing.T) {
	t.Parallel()
	b := start(t)
	foreign := b.notificationOf("sender", 1).ID.String()
	for _, suffix := range []string{"", "/deliveries", "/deliveries?limit=10"} {
		var answers []string
		for _, id := range []string{foreign, uuid.NewString(), uuid.Nil.String(), "not-a-uuid", "%zz", "urn:uuid:" + uuid.NewString()} {
			a := b.call(t, request{method: "GET", path: "/api/v1/notifications/" + strings.ReplaceAll(id, "%", "%25") + suffix, app: "console"})
			require.Equal(t, 404, a.status, id)
			answers = append(answers, a.text)
		}
		require.Len(t, slices.Compact(answers), 1, "a caller cannot tell them apart")
		require.Equal(t, 200, b.call(t, request{method: "GET", path: "/api/v1/notifications/" + foreign + suffix, app: "sender"}).status)
		require.Equal(t, 200, b.call(t, request{method: "GET", path: "/api/v1/notifications/" + foreign + suffix, app: "root"}).status)
	}
}
