package storetest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var deliveryCases = map[string]func(*testing.T, bundle){
	"DeliveriesOf/pages":                 deliveryPages,
	"DeliveriesOf/one notification":      deliveriesOfOne,
	"DeliveriesOf/processing is derived": deliveryProcessing,
	"FindDeliveries and FindMessages":    findDeliveries,
	"Delivery/not found":                 deliveryNotFound,
}

func deliveryPages(t *testing.T, b bundle) {
	a := Acceptance("app", "key", 7)
	b.accept(t, a)
	var got []uuid.UUID
	after := uuid.Nil
	for _, size := range []int{3, 3, 1, 0} {
		page, err := b.DeliveriesOf(t.Context(), a.Notification.ID, after, 3)
		require.NoError(t, err)
		require.Len(t, page, size)
		for _, d := range page {
			got = append(got, d.ID)
			after = d.ID
		}
	}
	var want []uuid.UUID
	for _, d := range a.Deliveries {
		want = append(want, d.ID)
	}
	require.Equal(t, want, got)
}

func deliveriesOfOne(t *testing.T, b bundle) {
	one, other := Acceptance("app", "1", 2), Acceptance("app", "2", 3)
	b.accept(t, one, other)
	deliveries, err := b.DeliveriesOf(t.Context(), other.Notification.ID, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, deliveries, 3)
	deliveries, err = b.DeliveriesOf(t.Context(), newID(), uuid.Nil, 10)
	require.NoError(t, err)
	require.Empty(t, deliveries)
}

func deliveryProcessing(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 4)
	pending, failed, success, idle := deliveries[0], deliveries[1], deliveries[2], deliveries[3]
	b.record(t.Context(), t, outcome(failed, 1, store.DeliveryFailed), outcome(success, 1, store.DeliverySuccess))
	for _, d := range []store.Delivery{pending, failed, success} {
		b.setJobState(t, d.JobID, store.JobRunning)
	}

	page, err := b.DeliveriesOf(t.Context(), n.ID, uuid.Nil, 10)
	require.NoError(t, err)
	status := make(map[uuid.UUID]store.DeliveryStatus)
	for _, d := range page {
		status[d.ID] = d.Status
	}
	require.Equal(t, map[uuid.UUID]store.DeliveryStatus{
		pending.ID: store.DeliveryProcessing,
		failed.ID:  store.DeliveryProcessing,
		success.ID: store.DeliverySuccess, // the outcome is recorded before River completes the job
		idle.ID:    store.DeliveryPending,
	}, status)
	require.Equal(t, store.DeliveryPending, b.delivery(t, pending.ID).Status, "processing is not stored")
	require.Equal(t, store.Counts{Total: 4, Pending: 2, Failed: 1, Success: 1}, b.notification(t, n.ID).Counts)
}

func findDeliveries(t *testing.T, b bundle) {
	one, other := Acceptance("app", "1", 2), Acceptance("app", "2", 1)
	b.accept(t, one, other, Acceptance("app", "3", 1))
	ids := []uuid.UUID{other.Deliveries[0].ID, newID(), one.Deliveries[1].ID}
	found, err := b.FindDeliveries(t.Context(), ids)
	require.NoError(t, err)
	require.ElementsMatch(t, []store.Delivery{
		b.delivery(t, other.Deliveries[0].ID), b.delivery(t, one.Deliveries[1].ID),
	}, found)

	messages, err := b.FindMessages(t.Context(), []uuid.UUID{newID(), other.Messages[0].ID, one.Messages[0].ID})
	require.NoError(t, err)
	require.ElementsMatch(t, []store.Message{one.Messages[0], other.Messages[0]}, messages)
}

func deliveryNotFound(t *testing.T, b bundle) {
	_, err := b.Delivery(t.Context(), newID())
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.Message(t.Context(), newID())
	require.ErrorIs(t, err, store.ErrNotFound)
	deliveries, err := b.FindDeliveries(t.Context(), []uuid.UUID{newID()})
	require.NoError(t, err)
	require.Empty(t, deliveries)
	messages, err := b.FindMessages(t.Context(), []uuid.UUID{newID()})
	require.NoError(t, err)
	require.Empty(t, messages)
	attempts, err := b.Attempts(t.Context(), newID())
	require.NoError(t, err)
	require.Empty(t, attempts)
}
