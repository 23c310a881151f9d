package jobs

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// in is a time from now, as the store keeps it.
func in(d time.Duration) *time.Time {
	t := store.Now().Add(d)
	return &t
}

// acceptWith accepts a request to one recipient, changed, and returns its delivery.
func (b *bundle) acceptWith(key string, change func(*Request)) store.Delivery {
	b.t.Helper()
	req := request(key, 1)
	change(&req)
	a, err := b.service.Accept(b.t.Context(), req)
	require.NoError(b.t, err)
	return b.deliveries(a.NotificationID)[0]
}

func TestSendAt(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		sendAt := in(time.Second)
		d := b.acceptWith("k", func(r *Request) { r.SendAt = sendAt })
		require.Equal(t, sendAt, d.SendAt)
		require.Equal(t, "scheduled", b.jobState(d.JobID))
		n, err := b.store.Notification(t.Context(), d.NotificationID)
		require.NoError(t, err)
		require.Equal(t, sendAt, n.SendAt)
		settled, err := b.service.Reconcile(t.Context())
		require.NoError(t, err)
		require.Zero(t, settled, "what waits for its time is no stray")

		b.start()
		b.called()
		require.False(t, time.Now().Before(*sendAt))
		b.until(d.ID, store.DeliverySuccess)
	})
}

func TestSendAtInThePastIsNow(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		d := b.acceptWith("k", func(r *Request) { r.SendAt = in(-time.Hour) })
		require.Nil(t, d.SendAt)
		require.Equal(t, "available", b.jobState(d.JobID))
	})
}

func TestScheduleRefusals(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		later := in(time.Hour)
		for name, c := range map[string]struct {
			sendAt, expiresAt *time.Time
			code, field       string
		}{
			"too far ahead":             {in(maxAhead + time.Minute), nil, CodeInvalidSendAt, "sendAt"},
			"expired":                   {nil, in(-time.Second), CodeInvalidExpiresAt, "expiresAt"},
			"due and expired":           {in(-2 * time.Hour), in(-time.Hour), CodeInvalidExpiresAt, "expiresAt"},
			"expires before it is sent": {in(2 * time.Hour), later, CodeInvalidExpiresAt, "expiresAt"},
			"expires as it is sent":     {later, later, CodeInvalidExpiresAt, "expiresAt"},
		} {
			req := request("k", 1)
			req.SendAt, req.ExpiresAt = c.sendAt, c.expiresAt
			_, err := b.service.Accept(t.Context(), req)
			requireRefusal(t, err, c.code, c.field)
			_, err = b.store.NotificationByKey(t.Context(), "app", "k")
			require.ErrorIs(t, err, store.ErrNotFound, name)
		}
		b.acceptWith("k", func(r *Request) { r.SendAt, r.ExpiresAt = in(maxAhead-time.Minute), in(maxAhead) })
	})
}

// A request that was accepted stays accepted when its times are past.
func TestReplayOfWhatHasExpired(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		req := request("k", 1)
		req.ExpiresAt = in(300 * time.Millisecond)
		first, err := b.service.Accept(t.Context(), req)
		require.NoError(t, err)
		time.Sleep(time.Until(*req.ExpiresAt))
		again, err := b.service.Accept(t.Context(), req)
		require.NoError(t, err)
		require.True(t, again.Replayed)
		require.Equal(t, first.NotificationID, again.NotificationID)
	})
}

func TestExpiredIsNotSent(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		d := b.acceptWith("k", func(r *Request) { r.ExpiresAt = in(time.Hour) })
		b.exec("UPDATE deliveries SET expires_at = created_at WHERE id = $1", d.ID)
		b.start()
		d = b.until(d.ID, store.DeliveryDead)
		require.Equal(t, CodeExpired, d.LastCode)
		require.Empty(t, b.provider.calls)
	})
}

func TestNoRetryAfterExpiry(t *testing.T) {
	for name, c := range map[string]struct {
		err       error
		lastError string
	}{
		"transient": {&channels.Error{Class: channels.Transient, Code: "away", Message: "no route"}, "away: no route"},
		"throttled": {&channels.Error{Class: channels.Throttled, Code: "slow", Message: "later", RetryAfter: 100 * time.Second}, "slow: later"},
	} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, b *bundle) {
				settings := b.settings(channels.Resend)
				settings.Defaults.RetryBackoffSeconds = []int{100}
				b.service.Apply(settings)
				b.provider.fail(c.err)
				b.start()
				lives := b.acceptWith("lives", func(r *Request) { r.ExpiresAt = in(time.Hour) })
				dies := b.acceptWith("dies", func(r *Request) { r.ExpiresAt = in(80 * time.Second) })
				d := b.until(dies.ID, store.DeliveryDead)
				require.Equal(t, CodeExpired, d.LastCode)
				require.Equal(t, c.lastError, d.LastError)
				require.Nil(t, d.NextRetryAt)
				b.until(lives.ID, store.DeliveryFailed)
				require.Len(t, b.provider.calls, 2)
			})
		})
	}
}

// A delivery that was scheduled long ago may be throttled as long as any other.
func TestThrottlingCountsFromSendAt(t *testing.T) {
	t.Parallel()
	d := store.Delivery{CreatedAt: store.Now().AddDate(0, 0, -80), SendAt: in(-time.Minute)}
	throttled := &channels.Error{Class: channels.Throttled, Code: "slow", RetryAfter: time.Hour}
	v := new(Service).decide(&rivertype.JobRow{Attempt: 1, MaxAttempts: 4}, d, channels.Provider{}, channels.Receipt{}, throttled)
	require.Equal(t, store.DeliveryFailed, v.outcome.Status)
	d.SendAt = nil
	v = new(Service).decide(&rivertype.JobRow{Attempt: 1, MaxAttempts: 4}, d, channels.Provider{}, channels.Receipt{}, throttled)
	require.Equal(t, store.DeliveryDead, v.outcome.Status)
}

// What waits for a slot of its provider's wakes to expire, not at its turn.
func TestPacedExpiresInTime(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		settings := b.settings(channels.Resend)
		provider, _ := settings.Registry.Provider("test")
		provider.Interval = time.Hour
		settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": provider})
		b.service.Apply(settings)
		b.start()
		b.until(b.accept("first").ID, store.DeliverySuccess)
		d := b.acceptWith("second", func(r *Request) { r.ExpiresAt = in(time.Second) })
		require.Equal(t, CodeExpired, b.until(d.ID, store.DeliveryDead).LastCode)
		require.Len(t, b.provider.calls, 1)
	})
}

func TestPriority(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		for _, c := range []struct {
			asked, stored store.Priority
			river         int
		}{
			{"", store.PriorityNormal, 2}, {store.PriorityNormal, store.PriorityNormal, 2},
			{store.PriorityHigh, store.PriorityHigh, 1}, {store.PriorityLow, store.PriorityLow, 3},
		} {
			d := b.acceptWith("k-"+string(c.asked), func(r *Request) { r.Priority = c.asked })
			require.Equal(t, c.river, b.jobPriority(d.JobID), c.asked)
			n, err := b.store.Notification(t.Context(), d.NotificationID)
			require.NoError(t, err)
			require.Equal(t, c.stored, n.Priority)
		}
	})
}

// A hash is stored with each notification: that of the same request must never
// change, or its replays are refused.
func TestHashOfARequest(t *testing.T) {
	t.Parallel()
	const known = "63f1a7f00f0a001e97f9b5290997dde03423b0317306e542f16a403660bfb29d"
	hash := func(change func(*Request)) string {
		req := request("k", 1)
		change(&req)
		return hex.EncodeToString(req.hash())
	}
	require.Equal(t, known, hash(func(*Request) {}))
	require.Equal(t, known, hash(func(r *Request) { r.Priority = store.PriorityNormal }), "as when it is left out")
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	seen := map[string]bool{known: true}
	for _, change := range []func(*Request){
		func(r *Request) { r.SendAt = &at }, func(r *Request) { r.ExpiresAt = &at },
		func(r *Request) { r.Priority = store.PriorityHigh }, func(r *Request) { r.Priority = store.PriorityLow },
		func(r *Request) { r.Test = true },
	} {
		seen[hash(change)] = true
	}
	require.Len(t, seen, 6)
}
