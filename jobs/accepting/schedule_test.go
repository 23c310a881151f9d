package accepting_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

func TestSendAt(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		sendAt := jobstest.In(time.Second)
		d := b.AcceptWith("k", func(r *accepting.Request) { r.SendAt = sendAt })
		require.Equal(t, sendAt, d.SendAt)
		require.Equal(t, "scheduled", b.JobState(d.JobID))
		n, err := b.Store.Notification(t.Context(), d.NotificationID)
		require.NoError(t, err)
		require.Equal(t, sendAt, n.SendAt)
		settled, err := b.Jobs.Orphans.Close(t.Context())
		require.NoError(t, err)
		require.Zero(t, settled, "what waits for its time is no stray")

		b.Start()
		b.Called()
		require.False(t, time.Now().Before(*sendAt))
		b.Until(d.ID, store.DeliverySuccess)
	})
}

func TestSendAtInThePastIsNow(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		d := b.AcceptWith("k", func(r *accepting.Request) { r.SendAt = jobstest.In(-time.Hour) })
		require.Nil(t, d.SendAt)
		require.Equal(t, "available", b.JobState(d.JobID))
	})
}

func TestScheduleRefusals(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		later := jobstest.In(time.Hour)
		for name, c := range map[string]struct {
			sendAt, expiresAt *time.Time
			code, field       string
		}{
			"too far ahead":             {jobstest.In(accepting.MaxAhead + time.Minute), nil, refusal.InvalidSendAt, "sendAt"},
			"expired":                   {nil, jobstest.In(-time.Second), refusal.InvalidExpiresAt, "expiresAt"},
			"due and expired":           {jobstest.In(-2 * time.Hour), jobstest.In(-time.Hour), refusal.InvalidExpiresAt, "expiresAt"},
			"expires before it is sent": {jobstest.In(2 * time.Hour), later, refusal.InvalidExpiresAt, "expiresAt"},
			"expires as it is sent":     {later, later, refusal.InvalidExpiresAt, "expiresAt"},
		} {
			req := jobstest.Request("k", 1)
			req.SendAt, req.ExpiresAt = c.sendAt, c.expiresAt
			_, err := b.Jobs.Accepter.Accept(t.Context(), req)
			jobstest.RequireRefusal(t, err, c.code, c.field)
			_, err = b.Store.NotificationByKey(t.Context(), "app", "k")
			require.ErrorIs(t, err, store.ErrNotFound, name)
		}
		b.AcceptWith("k", func(r *accepting.Request) {
			r.SendAt, r.ExpiresAt = jobstest.In(accepting.MaxAhead-time.Minute), jobstest.In(accepting.MaxAhead)
		})
	})
}
