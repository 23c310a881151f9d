package storetest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var orphanCases = map[string]func(*testing.T, bundle){
	"Orphans/each job state":       orphansByState,
	"Orphans/no closed deliveries": orphansClosed,
	"Orphans/pages":                orphanPages,
	"Orphans/of an incident":       orphanOfIncident,
	"CloseOrphans/closes once":     closeOnce,
	"CloseOrphans/fence":           closeFence,
	"CloseOrphans/a batch":         closeBatch,
	"Reopen/closed deliveries":     reopenClosed,
	"Reopen/fence":                 reopenFence,
}

func orphansByState(t *testing.T, b bundle) {
	states := []store.JobState{
		"pending", store.JobAvailable, store.JobScheduled, store.JobRetryable, store.JobRunning,
		store.JobCompleted, store.JobCancelled, store.JobDiscarded,
	}
	_, deliveries := b.acceptOne(t, len(states)+1)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliveryFailed))

	var want []store.Orphan
	for i, state := range states {
		b.setJobState(t, deliveries[i].JobID, state)
		switch state {
		case store.JobCancelled, store.JobDiscarded, store.JobCompleted:
			want = append(want, store.Orphan{
				DeliveryID: deliveries[i].ID, JobID: deliveries[i].JobID, JobState: state, JobAttempt: 2,
				Attempts: b.delivery(t, deliveries[i].ID).Attempts,
			})
		}
	}
	gone := deliveries[len(states)]
	b.deleteJob(t, gone.JobID)
	want = append(want, store.Orphan{DeliveryID: gone.ID, JobID: gone.JobID})

	got, err := b.Orphans(t.Context(), uuid.Nil, 100)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func orphanOfIncident(t *testing.T, b bundle) {
	a := Escalated("key")
	b.accept(t, a)
	b.deleteJob(t, b.delivery(t, a.Deliveries[0].ID).JobID)
	orphans, err := b.Orphans(t.Context(), uuid.Nil, 100)
	require.NoError(t, err)
	require.Len(t, orphans, 1)
	require.Equal(t, a.Notification.ID, orphans[0].IncidentID)
}

func orphansClosed(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 4)
	b.record(t.Context(), t,
		outcome(deliveries[0], 1, store.DeliverySuccess),
		outcome(deliveries[1], 1, store.DeliveryDead),
		outcome(deliveries[2], 1, store.DeliveryFailed))
	for _, d := range deliveries {
		b.deleteJob(t, d.JobID)
	}
	orphans, err := b.Orphans(t.Context(), uuid.Nil, 100)
	require.NoError(t, err)
	require.Equal(t, []store.Orphan{
		{DeliveryID: deliveries[2].ID, JobID: deliveries[2].JobID, Attempts: 1},
		{DeliveryID: deliveries[3].ID, JobID: deliveries[3].JobID},
	}, orphans)
}

func orphanPages(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 5)
	for _, d := range deliveries {
		b.deleteJob(t, d.JobID)
	}
	var got []uuid.UUID
	after := uuid.Nil
	for _, size := range []int{2, 2, 1, 0} {
		page, err := b.Orphans(t.Context(), after, 2)
		require.NoError(t, err)
		require.Len(t, page, size)
		for _, orphan := range page {
			got = append(got, orphan.DeliveryID)
			after = orphan.DeliveryID
		}
	}
	for i, d := range deliveries {
		require.Equal(t, d.ID, got[i])
	}
}

func closeOnce(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 1)
	d := deliveries[0]
	b.record(t.Context(), t, outcome(d, 1, store.DeliveryFailed))
	first := closing(d, store.DeliveryDead)
	closed, err := b.CloseOrphans(t.Context(), []store.Closing{first})
	require.NoError(t, err)
	require.Equal(t, []bool{true}, closed)

	got := b.delivery(t, d.ID)
	require.Equal(t, store.DeliveryDead, got.Status)
	require.Nil(t, got.NextRetryAt)
	require.Equal(t, 1, got.Attempts)
	require.Equal(t, []string{"job_gone", "its job is gone"}, []string{got.LastCode, got.LastError})
	require.Equal(t, first.At, got.UpdatedAt)
	require.Equal(t, store.Counts{Total: 1, Dead: 1}, b.notification(t, n.ID).Counts)

	closed, err = b.CloseOrphans(t.Context(), []store.Closing{closing(d, store.DeliveryCancelled)})
	require.NoError(t, err)
	require.Equal(t, []bool{false}, closed)
	require.Equal(t, got, b.delivery(t, d.ID))
	require.Equal(t, store.Counts{Total: 1, Dead: 1}, b.notification(t, n.ID).Counts)
}

func closeFence(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 2)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliverySuccess))
	otherJob := closing(deliveries[1], store.DeliveryDead)
	otherJob.JobID = deliveries[0].JobID
	unknown := closing(store.Delivery{ID: newID(), JobID: 1}, store.DeliveryDead)
	closed, err := b.CloseOrphans(t.Context(),
		[]store.Closing{closing(deliveries[0], store.DeliveryDead), otherJob, unknown})
	require.NoError(t, err)
	require.Equal(t, []bool{false, false, false}, closed)
	require.Equal(t, store.Counts{Total: 2, Pending: 1, Success: 1}, b.notification(t, n.ID).Counts)
}

func closeBatch(t *testing.T, b bundle) {
	n1, d1 := b.acceptOne(t, 3)
	n2, d2 := b.acceptOne(t, 1)
	closed, err := b.CloseOrphans(t.Context(), []store.Closing{
		closing(d2[0], store.DeliveryCancelled),
		closing(d1[0], store.DeliveryCancelled), closing(d1[1], store.DeliveryDead),
	})
	require.NoError(t, err)
	require.Equal(t, []bool{true, true, true}, closed)
	require.Equal(t, store.Counts{Total: 3, Pending: 1, Dead: 1, Cancelled: 1}, b.notification(t, n1.ID).Counts)
	require.Equal(t, store.NotificationCancelled, b.notification(t, n2.ID).Status)

	closed, err = b.CloseOrphans(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, closed)
}

func closing(d store.Delivery, status store.DeliveryStatus) store.Closing {
	return store.Closing{
		DeliveryID: d.ID, JobID: d.JobID, Status: status,
		Code: "job_gone", Error: "its job is gone", At: store.Now(),
	}
}

func reopenClosed(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 3)
	b.record(t.Context(), t, outcome(deliveries[0], 2, store.DeliveryDead), outcome(deliveries[2], 1, store.DeliverySuccess))
	_, err := b.CloseOrphans(t.Context(), []store.Closing{closing(deliveries[1], store.DeliveryCancelled)})
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
		outcome(deliveries[0], 4, store.DeliverySuccess), outcome(deliveries[1], 1, store.DeliverySuccess)), "it had 4 attempts before")
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
