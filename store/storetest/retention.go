package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var retentionCases = map[string]func(*testing.T, bundle){
	"DeleteClosed/only old and closed": func(t *testing.T, b bundle) {
		old := time.Now().AddDate(0, 0, -100)
		var closed []store.Acceptance
		for _, key := range []string{"a", "b", "c"} {
			a := acceptanceAt(old, key, 3)
			b.accept(t, a)
			b.close(t, a)
			closed = append(closed, a)
		}
		open := acceptanceAt(old, "open", 1)
		b.accept(t, open)
		young := acceptanceAt(time.Now(), "young", 1)
		b.accept(t, young)
		b.close(t, young)

		horizon := time.Now().AddDate(0, 0, -90)
		for _, want := range []int{2, 1, 0} { // 3 deliveries each, at most 7 at once
			n, _, err := b.DeleteClosed(t.Context(), horizon, 7)
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
		for _, a := range closed {
			_, err := b.Notification(t.Context(), a.Notification.ID)
			require.ErrorIs(t, err, store.ErrNotFound)
			_, err = b.Message(t.Context(), a.Messages[0].ID)
			require.ErrorIs(t, err, store.ErrNotFound)
		}
		require.Equal(t, 2, b.count(t, "notifications"))
		require.Equal(t, 2, b.count(t, "messages"))
		require.Equal(t, 2, b.count(t, "deliveries"))
		require.Equal(t, 1, b.count(t, "attempts"), "that of the young one")

		// The key is free again.
		b.accept(t, acceptanceAt(time.Now(), "a", 1))
	},

	"DeleteClosed/age counts from sendAt": func(t *testing.T, b bundle) {
		sendAt := store.Now().AddDate(0, 0, -50)
		a := acceptanceAt(time.Now().AddDate(0, 0, -100), "scheduled", 1)
		a.Notification.SendAt = &sendAt
		b.accept(t, a)
		b.close(t, a)
		for _, c := range []struct{ days, want int }{{90, 0}, {51, 0}, {49, 1}} {
			n, _, err := b.DeleteClosed(t.Context(), time.Now().AddDate(0, 0, -c.days), 10)
			require.NoError(t, err)
			require.Equal(t, c.want, n, "older than %d days", c.days)
		}
	},

	"DeleteClosed/large notifications one by one": func(t *testing.T, b bundle) {
		for _, key := range []string{"a", "b"} {
			a := acceptanceAt(time.Now().AddDate(0, 0, -100), key, 10)
			b.accept(t, a)
			b.close(t, a)
		}
		for _, want := range []int{1, 1, 0} {
			n, _, err := b.DeleteClosed(t.Context(), time.Now(), 5)
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
	},
}

// acceptanceAt returns an acceptance whose id was made at that time.
func acceptanceAt(at time.Time, key string, recipients int) store.Acceptance {
	a := Acceptance("app", key, recipients)
	id := idAt(at)
	a.Notification.ID = id
	for i := range a.Messages {
		a.Messages[i].NotificationID = id
	}
	for i := range a.Deliveries {
		a.Deliveries[i].NotificationID = id
	}
	return a
}

// close records success for all deliveries of a notification.
func (b bundle) close(t *testing.T, a store.Acceptance) {
	t.Helper()
	deliveries, err := b.DeliveriesOf(t.Context(), a.Notification.ID, uuid.Nil, 1000)
	require.NoError(t, err)
	var batch []store.Outcome
	for _, d := range deliveries {
		batch = append(batch, outcome(d, 1, store.DeliverySuccess))
	}
	b.record(t.Context(), t, batch...)
}
