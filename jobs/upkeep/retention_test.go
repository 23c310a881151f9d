package upkeep_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/store"
)

func TestDeleteBefore(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Start()
		closed := b.Accept("closed")
		b.WaitFor(closed.ID, store.DeliverySuccess)

		n, err := b.Jobs.Retention.DeleteBefore(t.Context(), time.Now().Add(-time.Hour))
		require.NoError(t, err)
		require.Zero(t, n, "it is too young")

		n, err = b.Jobs.Retention.DeleteBefore(t.Context(), time.Now().Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, 1, n)
		_, err = b.Store.Delivery(t.Context(), closed.ID)
		require.ErrorIs(t, err, store.ErrNotFound)
		// The key is free again: the same request makes a new notification.
		require.NotEqual(t, closed.NotificationID, b.Accept("closed").NotificationID)
	})
}
