package jobs

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

func TestAcceptBoundsTheDeliveries(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		settings := b.settings(channels.Resend)
		settings.Defaults.MaxRecipients = 2 * maxDeliveries
		b.service.Apply(settings)
		most, err := b.service.prepare(t.Context(), request("k", maxDeliveries), nil, b.service.storedTemplate)
		require.NoError(t, err)
		require.Len(t, most.Deliveries, maxDeliveries)
		_, err = b.service.Accept(t.Context(), request("k", maxDeliveries+1))
		requireRefusal(t, err, CodeTooManyDeliveries, "recipients")
		_, err = b.store.NotificationByKey(t.Context(), "app", "k")
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

// A vendor that asks to wait for ever does not get it.
func TestWaitsAreBounded(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.start()
		b.provider.fail(&channels.Error{Class: channels.Throttled, Code: "slow", RetryAfter: math.MaxInt64})
		b.until(b.accept("throttled").ID, store.DeliveryDead)

		b.provider.fail(&channels.Error{Class: channels.Transient, Code: "away", RetryAfter: math.MaxInt64})
		d := b.until(b.accept("transient").ID, store.DeliveryFailed)
		require.WithinDuration(t, time.Now().Add(throttleDeadline), *d.NextRetryAt, time.Minute)
	})
}

// A line break in a subject would begin another header of the mail, and one in an
// address another command to the mail server.
func TestAcceptRefusesBreaksInMailFields(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		now := store.Now()
		mail := store.Template{Name: "mail", Channel: "test", Subject: "{{ .incident }}", Body: "{{ .incident }}", CreatedAt: now, UpdatedAt: now}
		require.NoError(t, b.service.CheckTemplate(mail))
		_, err := b.store.CreateTemplate(t.Context(), mail, "app")
		require.NoError(t, err)
		accept := func(incident, address string) error {
			req := request("k", 0)
			req.Channels["test"] = ChannelRequest{Template: "mail", Params: map[string]any{"incident": incident}}
			req.Recipients = []store.Recipient{{Type: channels.RecipientEmail, Value: address}}
			_, err := b.service.Accept(t.Context(), req)
			return err
		}
		for _, char := range []string{"\r", "\n", "\r\n", "\x00", "\v", "\f", "\x1b", "\x7f", "\u0085"} {
			for _, text := range []string{char, "a" + char, char + "Bcc: eve@example.com", "a" + char + "\tb"} {
				requireRefusal(t, accept(text, "a@example.com"), CodeRenderFailed, "channels.test.params")
				requireRefusal(t, accept("x", "a@example.com"+text), CodeInvalidRecipient, "recipients[0].value")
				requireRefusal(t, accept("x", text+"a@example.com"), CodeInvalidRecipient, "recipients[0].value")
				requireRefusal(t, accept("x", `"`+text+`"@example.com`), CodeInvalidRecipient, "recipients[0].value")
			}
		}
		require.NoError(t, accept("数据库 <down> \"a\"", "a@example.com"))
	})
}
