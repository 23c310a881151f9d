package accepting_test

import (
	"encoding/hex"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

func TestAccept(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		req := jobstest.Request("k", 2)
		req.Recipients = append(req.Recipients, accepting.To(
			store.Recipient{Type: channels.RecipientPhone, Value: "+8613800000000"},
			store.Recipient{Type: channels.RecipientEmail, Value: "user0@example.com"})...) // repeated
		a, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, 2, a.Deliveries)
		require.False(t, a.Replayed)
		require.Equal(t, []store.Recipient{{Type: channels.RecipientPhone, Value: "+8613800000000"}}, a.Unmatched)

		deliveries := b.Deliveries(a.NotificationID)
		require.Len(t, deliveries, 2)
		require.Equal(t, "test-provider", deliveries[0].Provider)
		require.Equal(t, 3, deliveries[0].MaxRetry)
		require.Equal(t, store.DeliveryPending, deliveries[0].Status)
		message, err := b.Store.Message(t.Context(), deliveries[0].MessageID)
		require.NoError(t, err)
		require.Equal(t, "Hello world", message.Body)
		require.Equal(t, []int{1, 1}, []int{message.TemplateVersion, deliveries[0].TemplateVersion})
	})
}

func TestAcceptReplay(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		first, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", 3))
		require.NoError(t, err)

		again := jobstest.Request("k", 3)
		again.Recipients[0], again.Recipients[2] = again.Recipients[2], again.Recipients[0]
		replay, err := b.Jobs.Accepter.Accept(t.Context(), again)
		require.NoError(t, err)
		require.True(t, replay.Replayed)
		require.Equal(t, first.NotificationID, replay.NotificationID)
		require.Equal(t, 3, replay.Deliveries)

		_, err = b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", 2))
		jobstest.RequireRefusal(t, err, refusal.IdempotencyConflict, "idempotencyKey")

		// Keys of different apps are independent.
		other := jobstest.Request("k", 3)
		other.AppID = "other"
		accepted, err := b.Jobs.Accepter.Accept(t.Context(), other)
		require.NoError(t, err)
		require.NotEqual(t, first.NotificationID, accepted.NotificationID)

		// A replay succeeds although the request could not be accepted now.
		require.NoError(t, b.Store.DeleteTemplate(t.Context(), "hello", "app", jobstest.By("app", store.AuditTemplateDelete, "hello")))
		replay, err = b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", 3))
		require.NoError(t, err)
		require.Equal(t, first.NotificationID, replay.NotificationID)
		_, err = b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("new", 3))
		jobstest.RequireRefusal(t, err, refusal.UnknownTemplate, "channels.test.template")
	})
}

func TestAcceptConcurrentlyWithOneKey(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		const callers = 200
		answers := make([]accepting.Accepted, callers)
		errs := make([]error, callers)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() { answers[i], errs[i] = b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", 1)) })
		}
		limit.Group(t, &wg, "callers")
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
		change      func(*accepting.Request)
		code, field string
	}{
		"unknown channel": {func(r *accepting.Request) { r.Channels["fax"] = r.Channels["test"] }, refusal.UnknownChannel, "channels.fax"},
		"channel off":     {func(r *accepting.Request) { r.Channels["other"] = r.Channels["test"] }, refusal.ChannelOff, "channels.other"},
		"unknown template": {func(r *accepting.Request) { r.Channels["test"] = accepting.ChannelRequest{Template: "nope"} },
			refusal.UnknownTemplate, "channels.test.template"},
		"template of another channel": {func(r *accepting.Request) { r.Channels["test"] = accepting.ChannelRequest{Template: "sms"} },
			refusal.TemplateChannel, "channels.test.template"},
		"missing param": {func(r *accepting.Request) { r.Channels["test"] = accepting.ChannelRequest{Template: "hello"} },
			refusal.MissingParam, "channels.test.params.name"},
		"NUL made by the template": {func(r *accepting.Request) { r.Channels["test"] = accepting.ChannelRequest{Template: "nul"} },
			refusal.RenderFailed, "channels.test.params"},
		"no recipient fits": {func(r *accepting.Request) {
			r.Recipients = accepting.To(store.Recipient{Type: channels.RecipientPhone, Value: "+8613800000000"})
		},
			refusal.NoRecipients, "recipients"},
		"no recipients": {func(r *accepting.Request) { r.Recipients = nil }, refusal.NoRecipients, "recipients"},
		"bad address": {func(r *accepting.Request) { r.Recipients[0].Value = "Alice <alice@example.com>" },
			refusal.InvalidRecipient, "recipients[0].value"},
		"unknown recipient type": {func(r *accepting.Request) { r.Recipients[0].Type = "fax" }, refusal.InvalidRecipient, "recipients[0].value"},
		"too many recipients":    {func(r *accepting.Request) { *r = jobstest.Request("k", 10_001) }, refusal.TooManyRecipients, "recipients"},
	}
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("nul", "text", `{{ printf "%c" 0 }}`)
		_, err := b.Store.CreateTemplate(t.Context(), store.Template{
			Name: "sms", Channel: "other", CreatedAt: store.Now(), UpdatedAt: store.Now(),
		}, "", jobstest.By("app", store.AuditTemplateCreate, "sms"))
		require.NoError(t, err)
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				req := jobstest.Request("k", 1)
				c.change(&req)
				_, err := b.Jobs.Accepter.Accept(t.Context(), req)
				jobstest.RequireRefusal(t, err, c.code, c.field)
				_, err = b.Store.NotificationByKey(t.Context(), "app", "k")
				require.ErrorIs(t, err, store.ErrNotFound, "a refused request writes nothing")
			})
		}
	})
}

func TestAcceptManyRecipients(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		a, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", 10_000))
		require.NoError(t, err)
		require.Equal(t, 10_000, a.Deliveries)
		require.Len(t, b.Deliveries(a.NotificationID), 10_000)
	})
}

func TestAcceptLimitsDeliveries(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		settings.Defaults.MaxRecipients = 2 * accepting.MaxDeliveries
		b.Jobs.Apply(settings)
		deliveries, err := b.Jobs.Accepter.Prepare(t.Context(), jobstest.Request("k", accepting.MaxDeliveries))
		require.NoError(t, err)
		require.Equal(t, accepting.MaxDeliveries, deliveries)
		_, err = b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", accepting.MaxDeliveries+1))
		jobstest.RequireRefusal(t, err, refusal.TooManyDeliveries, "recipients")
		_, err = b.Store.NotificationByKey(t.Context(), "app", "k")
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

// A line break in a subject would start another mail header. In an address it would start
// another command to the mail server.
func TestAcceptRefusesControlCharactersInMailFields(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		now := store.Now()
		mail := store.Template{Name: "mail", Channel: "test", Subject: "{{ .incident }}", Body: "{{ .incident }}", CreatedAt: now, UpdatedAt: now}
		require.NoError(t, b.Jobs.Renderer.CheckTemplate(t.Context(), "app", mail))
		_, err := b.Store.CreateTemplate(t.Context(), mail, "", jobstest.By("app", store.AuditTemplateCreate, "mail"))
		require.NoError(t, err)
		accept := func(incident, address string) error {
			req := jobstest.Request("k", 0)
			req.Channels["test"] = accepting.ChannelRequest{Template: "mail", Params: map[string]any{"incident": incident}}
			req.Recipients = accepting.To(store.Recipient{Type: channels.RecipientEmail, Value: address})
			_, err := b.Jobs.Accepter.Accept(t.Context(), req)
			return err
		}
		for _, char := range []string{"\r", "\n", "\r\n", "\x00", "\v", "\f", "\x1b", "\x7f", "\u0085"} {
			for _, text := range []string{char, "a" + char, char + "Bcc: eve@example.com", "a" + char + "\tb"} {
				jobstest.RequireRefusal(t, accept(text, "a@example.com"), refusal.RenderFailed, "channels.test.params")
				jobstest.RequireRefusal(t, accept("x", "a@example.com"+text), refusal.InvalidRecipient, "recipients[0].value")
				jobstest.RequireRefusal(t, accept("x", text+"a@example.com"), refusal.InvalidRecipient, "recipients[0].value")
				jobstest.RequireRefusal(t, accept("x", `"`+text+`"@example.com`), refusal.InvalidRecipient, "recipients[0].value")
			}
		}
		require.NoError(t, accept("数据库 <down> \"a\"", "a@example.com"))
	})
}

// A replay succeeds after the request has expired.
func TestReplayOfAnExpiredRequest(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		req := jobstest.Request("k", 1)
		req.ExpiresAt = jobstest.FromNow(300 * time.Millisecond)
		first, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		time.Sleep(time.Until(*req.ExpiresAt))
		again, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		require.True(t, again.Replayed)
		require.Equal(t, first.NotificationID, again.NotificationID)
	})
}

func TestPriority(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		for _, c := range []struct {
			asked, stored store.Priority
			river         string
		}{
			{"", store.PriorityNormal, "2"}, {store.PriorityNormal, store.PriorityNormal, "2"},
			{store.PriorityHigh, store.PriorityHigh, "1"}, {store.PriorityLow, store.PriorityLow, "3"},
		} {
			d := b.AcceptWith("k-"+string(c.asked), func(r *accepting.Request) { r.Priority = c.asked })
			require.Equal(t, c.river, b.JobPriority(d.JobID), c.asked)
			n, err := b.Store.Notification(t.Context(), d.NotificationID)
			require.NoError(t, err)
			require.Equal(t, c.stored, n.Priority)
		}
	})
}

// The hash of a request is stored with its notification. It must never change, or replays
// would be refused.
func TestRequestHash(t *testing.T) {
	t.Parallel()
	const known = "24a6f2022954cd7c0b28253c54915d796c55d361b2d2ba9cc715966deffa9dae"
	hash := func(change func(*accepting.Request)) string {
		req := jobstest.Request("k", 1)
		change(&req)
		return hex.EncodeToString(req.Hash())
	}
	require.Equal(t, known, hash(func(*accepting.Request) {}))
	require.Equal(t, known, hash(func(r *accepting.Request) { r.Priority = store.PriorityNormal }), "normal is the default")
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	seen := map[string]bool{known: true}
	for _, change := range []func(*accepting.Request){
		func(r *accepting.Request) { r.SendAt = &at }, func(r *accepting.Request) { r.ExpiresAt = &at },
		func(r *accepting.Request) { r.Priority = store.PriorityHigh }, func(r *accepting.Request) { r.Priority = store.PriorityLow },
		func(r *accepting.Request) { r.Test = true },
	} {
		seen[hash(change)] = true
	}
	require.Len(t, seen, 6)
}
