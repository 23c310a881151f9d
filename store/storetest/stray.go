package storetest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var strayCases = map[string]func(*testing.T, bundle){
	"Strays/by the job's state":        straysByState,
	"Strays/closed deliveries are not": straysClosed,
	"Strays/pages":                     strayPages,
	"Settle/closes once":               settleOnce,
	"Settle/fence":                     settleFence,
	"Settle/a batch":                   settleBatch,
	"Reopen/what is closed":            reopenClosed,
	"Reopen/fence":                     reopenFence,
}

func straysByState(t *testing.T, b bundle) {
	states := rivertype.JobStates()
	_, deliveries := b.acceptOne(t, len(states)+1)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliveryFailed))

	var want []store.Stray
	for i, state := range states {
		b.setJobState(t, deliveries[i].JobID, state)
		switch state {
		case rivertype.JobStateCancelled, rivertype.JobStateDiscarded, rivertype.JobStateCompleted:
			want = append(want, store.Stray{
				DeliveryID: deliveries[i].ID, JobID: deliveries[i].JobID, JobState: string(state), JobAttempt: 2,
				Attempts: b.delivery(t, deliveries[i].ID).Attempts,
			})
		}
	}
	gone := deliveries[len(states)]
	b.deleteJob(t, gone.JobID)
	want = append(want, store.Stray{DeliveryID: gone.ID, JobID: gone.JobID})

	got, err := b.Strays(t.Context(), uuid.Nil, 100)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func straysClosed(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 4)
	b.record(t.Context(), t,
		outcome(deliveries[0], 1, store.DeliverySuccess),
		outcome(deliveries[1], 1, store.DeliveryDead),
		outcome(deliveries[2], 1, store.DeliveryFailed))
	for _, d := range deliveries {
		b.deleteJob(t, d.JobID)
	}
	strays, err := b.Strays(t.Context(), uuid.Nil, 100)
	require.NoError(t, err)
	require.Equal(t, []store.Stray{
		{DeliveryID: deliveries[2].ID, JobID: deliveries[2].JobID, Attempts: 1},
		{DeliveryID: deliveries[3].ID, JobID: deliveries[3].JobID},
	}, strays)
}

func strayPages(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 5)
	for _, d := range deliveries {
		b.deleteJob(t, d.JobID)
	}
	var got []uuid.UUID
	after := uuid.Nil
	for _, size := range []int{2, 2, 1, 0} {
		page, err := b.Strays(t.Context(), after, 2)
		require.NoError(t, err)
		require.Len(t, page, size)
		for _, s := range page {
			got = append(got, s.DeliveryID)
			after = s.DeliveryID
		}
	}
	for i, d := range deliveries {
		require.Equal(t, d.ID, got[i])
	}
}

func settleOnce(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 1)
	d := deliveries[0]
	b.record(t.Context(), t, outcome(d, 1, store.DeliveryFailed))
	first := settlement(d, store.DeliveryDead)
	settled, err := b.Settle(t.Context(), []store.Settlement{first})
	require.NoError(t, err)
	require.Equal(t, 1, settled)

	got := b.delivery(t, d.ID)
	require.Equal(t, store.DeliveryDead, got.Status)
	require.Nil(t, got.NextRetryAt)
	require.Equal(t, 1, got.Attempts)
	require.Equal(t, []string{"job_gone", "its job is gone"}, []string{got.LastCode, got.LastError})
	require.Equal(t, first.At, got.UpdatedAt)
	require.Equal(t, store.Counts{Total: 1, Dead: 1}, b.notification(t, n.ID).Counts)

	settled, err = b.Settle(t.Context(), []store.Settlement{settlement(d, store.DeliveryCancelled)})
	require.NoError(t, err)
	require.Zero(t, settled)
	require.Equal(t, got, b.delivery(t, d.ID))
	require.Equal(t, store.Counts{Total: 1, Dead: 1}, b.notification(t, n.ID).Counts)
}

func settleFence(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 2)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliverySuccess))
	otherJob := settlement(deliveries[1], store.DeliveryDead)
	otherJob.JobID = deliveries[0].JobID
	unknown := settlement(store.Delivery{ID: newID(), JobID: 1}, store.DeliveryDead)
	settled, err := b.Settle(t.Context(),
		[]store.Settlement{settlement(deliveries[0], store.DeliveryDead), otherJob, unknown})
	require.NoError(t, err)
	require.Zero(t, settled)
	require.Equal(t, store.Counts{Total: 2, Pending: 1, Success: 1}, b.notification(t, n.ID).Counts)
}

func settleBatch(t *testing.T, b bundle) {
	n1, d1 := b.acceptOne(t, 3)
	n2, d2 := b.acceptOne(t, 1)
	settled, err := b.Settle(t.Context(), []store.Settlement{
		settlement(d2[0], store.DeliveryCancelled),
		settlement(d1[0], store.DeliveryCancelled), settlement(d1[1], store.DeliveryDead),
	})
	require.NoError(t, err)
	require.Equal(t, 3, settled)
	require.Equal(t, store.Counts{Total: 3, Pending: 1, Dead: 1, Cancelled: 1}, b.notification(t, n1.ID).Counts)
	require.Equal(t, store.NotificationCancelled, b.notification(t, n2.ID).Status)

	settled, err = b.Settle(t.Context(), nil)
	require.NoError(t, err)
	require.Zero(t, settled)
}

func settlement(d store.Delivery, status store.DeliveryStatus) store.Settlement {
	return store.Settlement{
		DeliveryID: d.ID, JobID: d.JobID, Status: status,
		Code: "job_gone", Error: "its job is gone", At: store.Now(),
	}
}

func reopenClosed(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 3)
	b.record(t.Context(), t, outcome(deliveries[0], 2, store.DeliveryDead), outcome(deliveries[2], 1, store.DeliverySuccess))
	_, err := b.Settle(t.Context(), []store.Settlement{settlement(deliveries[1], store.DeliveryCancelled)})
	require.NoError(t, err)
	require.Equal(t, store.NotificationFailed, b.notification(t, n.ID).Status)

	for i, attempts := range []int{4, 0} {
		before := b.delivery(t, deliveries[i].ID)
		reopened, err := b.Reopen(t.Context(), deliveries[i].ID, deliveries[i].JobID, attempts)
		require.NoError(t, err)
		require.True(t, reopened)
		want, got := before, b.delivery(t, deliveries[i].ID)
		want.Status, want.Attempts, want.UpdatedAt = store.DeliveryPending, attempts, got.UpdatedAt
		require.Equal(t, want, got)
		require.False(t, got.UpdatedAt.Before(before.UpdatedAt))
	}
	require.Equal(t, store.Counts{Total: 3, Pending: 2, Success: 1}, b.notification(t, n.ID).Counts)
	require.Equal(t, store.NotificationProcessing, b.notification(t, n.ID).Status)

	require.Equal(t, []bool{false, true}, b.record(t.Context(), t,
		outcome(deliveries[0], 4, store.DeliverySuccess), outcome(deliveries[1], 1, store.DeliverySuccess)), "4 attempts are behind it")
	require.Equal(t, []bool{true}, b.record(t.Context(), t, outcome(deliveries[0], 5, store.DeliverySuccess)))
	require.Equal(t, store.NotificationSuccess, b.notification(t, n.ID).Status)
}

func reopenFence(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 4)
	open, failed, arrived, dead := deliveries[0], deliveries[1], deliveries[2], deliveries[3]
	b.record(t.Context(), t, outcome(failed, 1, store.DeliveryFailed), outcome(arrived, 1, store.DeliverySuccess),
		outcome(dead, 1, store.DeliveryDead))
	before := b.notification(t, n.ID)
	dead.JobID = open.JobID
	for name, d := range map[string]store.Delivery{
		"open": open, "waiting": failed, "arrived": arrived, "another job": dead, "unknown": {ID: newID(), JobID: open.JobID},
	} {
		reopened, err := b.Reopen(t.Context(), d.ID, d.JobID, 7)
		require.NoError(t, err, name)
		require.False(t, reopened, name)
	}
	require.Equal(t, before, b.notification(t, n.ID))
}
