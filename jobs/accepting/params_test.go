package accepting_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// named returns a recipient with a name of its own.
func named(user int, name string) accepting.Recipient {
	return accepting.Recipient{
		Recipient: store.Recipient{Type: channels.RecipientEmail, Value: fmt.Sprintf("user%d@example.com", user)},
		Params:    map[string]any{"name": name},
	}
}

// bodies returns what each recipient of a notification gets.
func bodies(t *testing.T, b *jobstest.Bundle, notification uuid.UUID) map[string]string {
	t.Helper()
	got := map[string]string{}
	ids := map[uuid.UUID]bool{}
	for _, d := range b.Deliveries(notification) {
		messages, err := b.Store.FindMessages(t.Context(), []uuid.UUID{d.MessageID})
		require.NoError(t, err)
		got[d.Recipient.Value] = messages[0].Body
		ids[d.MessageID] = true
	}
	distinct := map[string]bool{}
	for _, body := range got {
		distinct[body] = true
	}
	require.Len(t, ids, len(distinct), "one message for each text")
	return got
}

// A recipient's params go before those of the channel, and nobody else gets them.
func TestParamsOfRecipients(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		request := func(key string, recipients ...accepting.Recipient) accepting.Request {
			req := jobstest.Request(key, 1) // user0 has none of its own
			req.Recipients = append(req.Recipients, recipients...)
			return req
		}
		a, err := b.Jobs.Accepter.Accept(t.Context(), request("1", named(1, "Ann"), named(2, "Bo"), named(3, "Ann"), named(4, "world"), named(1, "Ann")))
		require.NoError(t, err)
		require.Equal(t, 5, a.Deliveries)
		require.Equal(t, map[string]string{
			"user0@example.com": "Hello world", "user1@example.com": "Hello Ann", "user2@example.com": "Hello Bo",
			"user3@example.com": "Hello Ann", "user4@example.com": "Hello world",
		}, bodies(t, b, a.NotificationID))

		again, err := b.Jobs.Accepter.Accept(t.Context(), request("1", named(4, "world"), named(3, "Ann"), named(2, "Bo"), named(1, "Ann")))
		require.NoError(t, err)
		require.True(t, again.Replayed)
		_, err = b.Jobs.Accepter.Accept(t.Context(), request("1", named(4, "world"), named(3, "Ann"), named(2, "Cy"), named(1, "Ann")))
		jobstest.RequireRefusal(t, err, refusal.IdempotencyConflict, "idempotencyKey")

		_, err = b.Jobs.Accepter.Accept(t.Context(), request("2", named(1, "Ann"), named(1, "Bo")))
		jobstest.RequireRefusal(t, err, refusal.InvalidRecipient, "recipients[2].params")
	})
}

// What is wrong names the recipient, and nothing is accepted.
func TestBadParamsOfARecipient(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		req := jobstest.Request("1", 0)
		req.Channels["test"] = accepting.ChannelRequest{Template: "hello"}
		for i := range 200 {
			req.Recipients = append(req.Recipients, named(i, fmt.Sprint("n", i)))
		}
		delete(req.Recipients[137].Params, "name")
		_, err := b.Jobs.Accepter.Accept(t.Context(), req)
		jobstest.RequireRefusal(t, err, refusal.MissingParam, "recipients[137].params.name")

		own := req.Channels["test"]
		own.Recipients, req.Recipients = req.Recipients, nil
		req.Channels["test"] = own
		_, err = b.Jobs.Accepter.Accept(t.Context(), req)
		jobstest.RequireRefusal(t, err, refusal.MissingParam, "channels.test.recipients[137].params.name")
		_, err = b.Store.NotificationByKey(t.Context(), "app", "1")
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

// A text of 20 KB for each of 1,000 recipients is too much for one request.
func TestTextsOfOneRequestAreBounded(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		req := jobstest.Request("1", 0)
		for i := range 1000 {
			req.Recipients = append(req.Recipients, named(i, fmt.Sprintf("%04d", i)+strings.Repeat("x", 20_000)))
		}
		_, err := b.Jobs.Accepter.Accept(t.Context(), req)
		jobstest.RequireRefusal(t, err, refusal.TooManyDeliveries, "recipients[838].params")
	})
}
