package jobs

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

func TestDeleteBefore(t *testing.T) {
	eachEngine(t, func(t *testing.T, b *bundle) {
		b.start()
		closed := b.accept("closed")
		b.until(closed.ID, store.DeliverySuccess)

		n, err := b.service.DeleteBefore(t.Context(), time.Now().Add(-time.Hour))
		require.NoError(t, err)
		require.Zero(t, n, "it is young")

		n, err = b.service.DeleteBefore(t.Context(), time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, 1, n)
		_, err = b.store.Delivery(t.Context(), closed.ID)
		require.ErrorIs(t, err, store.ErrNotFound)
		// The key is free: the same request is a new notification.
		require.NotEqual(t, closed.NotificationID, b.accept("closed").NotificationID)
	})
}
