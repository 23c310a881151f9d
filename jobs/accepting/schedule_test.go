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
		sendAt := jobstest.FromNow(time.Second)
		d := b.AcceptWith("k", func(r *accepting.Request) { r.SendAt = sendAt })
		require.Equal(t, sendAt, d.SendAt)
		require.Equal(t, "scheduled", b.JobState(d.JobID))
		n, err := b.Store.Notification(t.Context(), d.NotificationID)
		require.NoError(t, err)
		require.Equal(t, sendAt, n.SendAt)
		closed, err := b.Jobs.Orphans.Close(t.Context())
		require.NoError(t, err)
		require.Zero(t, closed, "a scheduled delivery is not an orphan")

		b.Start()
		b.NextCall()
		require.False(t, time.Now().Before(*sendAt))
		b.WaitFor(d.ID, store.DeliverySuccess)
	})
}

func TestSendAtInThePastIsNow(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		d := b.AcceptWith("k", func(r *accepting.Request) { r.SendAt = jobstest.FromNow(-time.Hour) })
		require.Nil(t, d.SendAt)
		require.Equal(t, "available", b.JobState(d.JobID))
	})
}

func TestScheduleRefusals(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		later := jobstest.FromNow(time.Hour)
		for name, c := range map[string]struct {
			sendAt, expiresAt *time.Time
			code, field       string
		}{
			"too far ahead":             {jobstest.FromNow(accepting.MaxAhead + time.Minute), nil, refusal.InvalidSendAt, "sendAt"},
			"expired":                   {nil, jobstest.FromNow(-time.Second), refusal.InvalidExpiresAt, "expiresAt"},
			"due and expired":           {jobstest.FromNow(-2 * time.Hour), jobstest.FromNow(-time.Hour), refusal.InvalidExpiresAt, "expiresAt"},
			"expires before it is sent": {jobstest.FromNow(2 * time.Hour), later, refusal.InvalidExpiresAt, "expiresAt"},
			"expires when it is sent":   {later, later, refusal.InvalidExpiresAt, "expiresAt"},
		} {
			req := jobstest.Request("k", 1)
			req.SendAt, req.ExpiresAt = c.sendAt, c.expiresAt
			_, err := b.Jobs.Accepter.Accept(t.Context(), req)
			jobstest.RequireRefusal(t, err, c.code, c.field)
			_, err = b.Store.NotificationByKey(t.Context(), "app", "k")
			require.ErrorIs(t, err, store.ErrNotFound, name)
		}
		b.AcceptWith("k", func(r *accepting.Request) {
			r.SendAt, r.ExpiresAt = jobstest.FromNow(accepting.MaxAhead-time.Minute), jobstest.FromNow(accepting.MaxAhead)
		})
	})
}
