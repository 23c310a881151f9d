package jobs

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

func TestAccept(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		req := request("k", 2)
		req.Recipients = append(req.Recipients,
			store.Recipient{Type: channels.RecipientPhone, Value: "+8613800000000"},
			store.Recipient{Type: channels.RecipientEmail, Value: "user0@example.com"}) // repeated
		a, err := b.service.Accept(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, 2, a.Deliveries)
		require.False(t, a.Replayed)
		require.Equal(t, []store.Recipient{{Type: channels.RecipientPhone, Value: "+8613800000000"}}, a.Unmatched)

		deliveries := b.deliveries(a.NotificationID)
		require.Len(t, deliveries, 2)
		require.Equal(t, "test-provider", deliveries[0].Provider)
		require.Equal(t, 3, deliveries[0].MaxRetry)
		require.Equal(t, store.DeliveryPending, deliveries[0].Status)
		message, err := b.store.Message(t.Context(), deliveries[0].MessageID)
		require.NoError(t, err)
		require.Equal(t, "Hello world", message.Body)
		require.Equal(t, []int{1, 1}, []int{message.TemplateVersion, deliveries[0].TemplateVersion})
	})
}

func TestAcceptReplay(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		first, err := b.service.Accept(t.Context(), request("k", 3))
		require.NoError(t, err)

		again := request("k", 3)
		again.Recipients[0], again.Recipients[2] = again.Recipients[2], again.Recipients[0]
		replay, err := b.service.Accept(t.Context(), again)
		require.NoError(t, err)
		require.True(t, replay.Replayed)
		require.Equal(t, first.NotificationID, replay.NotificationID)
		require.Equal(t, 3, replay.Deliveries)

		_, err = b.service.Accept(t.Context(), request("k", 2))
		requireRefusal(t, err, CodeIdempotencyConflict, "idempotencyKey")

		// Another app has keys of its own.
		other := request("k", 3)
		other.AppID = "other"
		accepted, err := b.service.Accept(t.Context(), other)
		require.NoError(t, err)
		require.NotEqual(t, first.NotificationID, accepted.NotificationID)

		// What was accepted stays accepted when it could not be any more.
		require.NoError(t, b.store.DeleteTemplate(t.Context(), "hello"))
		replay, err = b.service.Accept(t.Context(), request("k", 3))
		require.NoError(t, err)
		require.Equal(t, first.NotificationID, replay.NotificationID)
		_, err = b.service.Accept(t.Context(), request("new", 3))
		requireRefusal(t, err, CodeUnknownTemplate, "channels.test.template")
	})
}

func TestAcceptWhereTheKeyDecides(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		decided := func(n int) Request {
			r := request("k", n)
			r.KeyDecides = true
			return r
		}
		first, err := b.service.Accept(t.Context(), decided(3))
		require.NoError(t, err)
		replay, err := b.service.Accept(t.Context(), decided(2))
		require.NoError(t, err)
		require.True(t, replay.Replayed)
		require.Equal(t, first.NotificationID, replay.NotificationID)
		require.Equal(t, 3, replay.Deliveries)

		// To a request that is to be compared, this one is another.
		_, err = b.service.Accept(t.Context(), request("k", 3))
		requireRefusal(t, err, CodeIdempotencyConflict, "idempotencyKey")
	})
}

// Others write templates too: what is at hand is used only while it is what is stored.
func TestAcceptWithATemplateWrittenElsewhere(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		write := func(body string) {
			t.Helper()
			tmpl, err := b.store.Template(t.Context(), "hello")
			require.NoError(t, err)
			tmpl.Body, tmpl.UpdatedAt = body, store.Now()
			_, err = b.store.UpdateTemplate(t.Context(), tmpl, "other")
			require.NoError(t, err)
		}
		require.Equal(t, "Hello world", b.messageOf("1").Body)
		write("Bye {{ .name }}")
		m := b.messageOf("2")
		require.Equal(t, "Bye world", m.Body)
		require.Equal(t, 2, m.TemplateVersion)

		write("{{ .reason }}")
		_, err := b.service.Accept(t.Context(), request("3", 1))
		requireRefusal(t, err, CodeMissingParam, "channels.test.params.reason")
		write("Hi {{ .name }}") // what is at hand would refuse
		require.Equal(t, "Hi world", b.messageOf("3").Body)

		require.NoError(t, b.store.DeleteTemplate(t.Context(), "hello"))
		_, err = b.service.Accept(t.Context(), request("4", 1))
		requireRefusal(t, err, CodeUnknownTemplate, "channels.test.template")
		_, err = b.store.CreateTemplate(t.Context(), store.Template{Name: "hello", Channel: "test", Body: "Again", UpdatedAt: store.Now()}, "")
		require.NoError(t, err)
		require.Equal(t, "Again", b.messageOf("4").Body)
	})
}

// A write of a template that was answered is in all that is accepted after it, one
// message is made from one version, and nobody is refused for the writes.
func TestAcceptWhileATemplateIsWritten(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		const callers, requests = 8, 10
		var written atomic.Int64 // the version of which the write was answered
		var group sync.WaitGroup
		for c := range callers {
			group.Go(func() {
				for i := range requests {
					least := int(written.Load())
					a, err := b.service.Accept(t.Context(), request(fmt.Sprintf("%d-%d", c, i), 1))
					if !assert.NoError(t, err) {
						return
					}
					m, err := b.store.Message(t.Context(), b.deliveries(a.NotificationID)[0].MessageID)
					assert.NoError(t, err)
					assert.GreaterOrEqual(t, m.TemplateVersion, least)
					if m.TemplateVersion > 1 {
						assert.Equal(t, fmt.Sprintf("version %d", m.TemplateVersion), m.Body)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() {
			group.Wait()
			close(done)
		}()
		for accepting := true; accepting; {
			updated, err := b.store.UpdateTemplate(t.Context(), store.Template{
				Name: "hello", Body: fmt.Sprintf("version %d", max(1, written.Load())+1), UpdatedAt: store.Now(),
			}, "other")
			require.NoError(t, err)
			written.Store(int64(updated.Version))
			select {
			case <-done:
				accepting = false
			default:
			}
		}
		require.Greater(t, written.Load(), int64(2))
	})
}

// slowTemplates answers a read of a template when it is told to.
type slowTemplates struct {
	store.Store
	reads   atomic.Int64
	release chan struct{}
}

func (s *slowTemplates) Template(ctx context.Context, name string) (store.Template, error) {
	s.reads.Add(1)
	select {
	case <-s.release:
		return store.Template{Name: name}, nil
	case <-ctx.Done():
		return store.Template{}, ctx.Err()
	}
}

// All who come while a template is read for the first time have it from that read, and
// as one that may have been written since. Who reads it may leave before it is there.
func TestATemplateIsReadForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		templates := &slowTemplates{release: make(chan struct{})}
		s := &Service{store: templates}
		leaving, leave := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for i := range 20 {
			ctx := t.Context()
			if i == 0 {
				ctx = leaving
			}
			group.Go(func() {
				got, atHand, err := s.knownTemplate(ctx, "hello")
				assert.NoError(t, err)
				assert.Equal(t, "hello", got.Name)
				assert.True(t, atHand)
			})
			synctest.Wait()
		}
		leave()
		close(templates.release)
		group.Wait()
		assert.EqualValues(t, 1, templates.reads.Load())
	})
}

func TestAcceptConcurrentlyWithOneKey(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		const callers = 200
		answers := make([]Accepted, callers)
		errs := make([]error, callers)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() { answers[i], errs[i] = b.service.Accept(t.Context(), request("k", 1)) })
		}
		wg.Wait()
		fresh := 0
		for i := range callers {
			require.NoError(t, errs[i])
			require.Equal(t, answers[0].NotificationID, answers[i].NotificationID)
			if !answers[i].Replayed {
				fresh++
			}
		}
		require.Equal(t, 1, fresh)
	})
}

func TestAcceptRefusals(t *testing.T) {
	cases := map[string]struct {
		change      func(*Request)
		code, field string
	}{
		"unknown channel": {func(r *Request) { r.Channels["fax"] = r.Channels["test"] }, CodeUnknownChannel, "channels.fax"},
		"channel off":     {func(r *Request) { r.Channels["other"] = r.Channels["test"] }, CodeChannelOff, "channels.other"},
		"unknown template": {func(r *Request) { r.Channels["test"] = ChannelRequest{Template: "nope"} },
			CodeUnknownTemplate, "channels.test.template"},
		"template of another channel": {func(r *Request) { r.Channels["test"] = ChannelRequest{Template: "sms"} },
			CodeTemplateChannel, "channels.test.template"},
		"missing param": {func(r *Request) { r.Channels["test"] = ChannelRequest{Template: "hello"} },
			CodeMissingParam, "channels.test.params.name"},
		"NUL made by the template": {func(r *Request) { r.Channels["test"] = ChannelRequest{Template: "nul"} },
			CodeRenderFailed, "channels.test.params"},
		"no recipient fits": {func(r *Request) { r.Recipients = []store.Recipient{{Type: channels.RecipientUserID, Value: "u"}} },
			CodeNoRecipients, "recipients"},
		"no recipients": {func(r *Request) { r.Recipients = nil }, CodeNoRecipients, "recipients"},
		"bad address": {func(r *Request) { r.Recipients[0].Value = "Alice <alice@example.com>" },
			CodeInvalidRecipient, "recipients[0].value"},
		"unknown recipient type": {func(r *Request) { r.Recipients[0].Type = "fax" }, CodeInvalidRecipient, "recipients[0].value"},
		"too many":               {func(r *Request) { *r = request("k", 10_001) }, CodeTooManyRecipients, "recipients"},
	}
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.template("nul", "text", `{{ printf "%c" 0 }}`)
		_, err := b.store.CreateTemplate(t.Context(), store.Template{
			Name: "sms", Channel: "other", CreatedAt: store.Now(), UpdatedAt: store.Now(),
		}, "app")
		require.NoError(t, err)
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				req := request("k", 1)
				c.change(&req)
				_, err := b.service.Accept(t.Context(), req)
				requireRefusal(t, err, c.code, c.field)
				_, err = b.store.NotificationByKey(t.Context(), "app", "k")
				require.ErrorIs(t, err, store.ErrNotFound, "a refused request writes nothing")
			})
		}
	})
}

func TestAcceptManyRecipients(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		a, err := b.service.Accept(t.Context(), request("k", 10_000))
		require.NoError(t, err)
		require.Equal(t, 10_000, a.Deliveries)
		require.Len(t, b.deliveries(a.NotificationID), 10_000)
	})
}

func TestCheckRecipient(t *testing.T) {
	t.Parallel()
	for _, r := range []store.Recipient{
		{Type: "email", Value: "alice@example.com"},
		{Type: "email", Value: "a.b+c@sub.example.co"},
		{Type: "phone", Value: "+8613800000000"},
		{Type: "user_id", Value: "u-1"},
		{Type: "feishu_user_id", Value: "ou_7d8a6e6df7621556ce0d21922b676706ccs"},
	} {
		require.NoError(t, CheckRecipient(r), "%v", r)
	}
	for _, r := range []store.Recipient{
		{Type: "email", Value: ""}, {Type: "email", Value: "alice"}, {Type: "email", Value: "a@b@c"},
		{Type: "email", Value: "Alice <a@example.com>"}, {Type: "email", Value: "a@example.com,b@example.com"},
		{Type: "email", Value: "a@example.com\r\nBcc: b@example.com"},
		{Type: "email", Value: strings.Repeat("a", 320) + "@example.com"},
		{Type: "phone", Value: "13912345678"}, {Type: "phone", Value: "+86138,+86139"}, {Type: "phone", Value: "+0138000000"},
		{Type: "phone", Value: "+1"}, {Type: "phone", Value: "+1234567890123456"}, {Type: "phone", Value: "+86 138 0000 0000"},
		{Type: "user_id", Value: ""}, {Type: "user_id", Value: strings.Repeat("u", 129)}, {Type: "user_id", Value: "a\x00b"},
		{Type: "", Value: "x"},
	} {
		err := CheckRecipient(r)
		require.Error(t, err, "%v", r)
		if len(r.Value) > 5 {
			require.NotContains(t, err.Error(), r.Value, "an address is not repeated")
		}
	}
}

func TestCheckTemplate(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		for name, c := range map[string]struct {
			template    store.Template
			code, field string
		}{
			"unknown channel": {store.Template{Channel: "fax"}, CodeUnknownChannel, "channel"},
			"unknown msgType": {store.Template{Channel: "test", MsgType: "video"}, CodeInvalidMsgType, "msgType"},
			"body":            {store.Template{Channel: "test", Body: "{{ .a "}, CodeInvalidTemplate, "body"},
			"subject":         {store.Template{Channel: "test", Subject: "{{ nope }}"}, CodeInvalidTemplate, "subject"},
		} {
			t.Run(name, func(t *testing.T) { requireRefusal(t, b.service.CheckTemplate(c.template), c.code, c.field) })
		}
	})
}

func requireRefusal(t *testing.T, err error, code, field string) {
	t.Helper()
	var refusal *Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, code, refusal.Code)
	require.Equal(t, field, refusal.Field)
	require.NotEmpty(t, refusal.Message)
}
