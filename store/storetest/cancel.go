package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var cancelCases = map[string]func(*testing.T, bundle){
	"Cancel/waiting deliveries": cancelWaiting,
	"Cancel/audited":            cancelAudited,
	"Cancel/in parts":           cancelInParts,
	"Cancel/orphans":            cancelOrphans,
	"Cancel/then requeue":       cancelThenRequeue,
	"Cancel/during Record":      cancelWhileRecording,
}

func (b bundle) cancel(t *testing.T, n store.Notification) store.Cancelled {
	t.Helper()
	cancelled, err := b.Cancel(t.Context(), cancellation(n))
	require.NoError(t, err)
	return cancelled
}

func cancellation(n store.Notification) store.Cancellation {
	return store.Cancellation{NotificationID: n.ID, Limit: 100, Code: "cancelled", Error: "it was cancelled", At: store.Now()}
}

func cancelAudited(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 3)
	c := cancellation(n)
	c.Limit, c.Audit = 2, []store.AuditEntry{actor.Did(store.AuditNotificationCancel, n.ID.String())}
	page, err := b.Cancel(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, c.Audit, b.audit(t, store.AuditFilter{}))

	_, err = b.db.ExecContext(t.Context(), `DROP TABLE audit`)
	require.NoError(t, err)
	c.After = page.Last
	_, err = b.Cancel(t.Context(), c)
	require.Error(t, err)
	require.Equal(t, store.DeliveryPending, b.delivery(t, deliveries[2].ID).Status, "neither without the other")
	c.NotificationID = newID()
	_, err = b.Cancel(t.Context(), c)
	require.NoError(t, err, "nothing is written when there is nothing to cancel")
}

func cancelWaiting(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 6)
	_, others := b.acceptOne(t, 1)
	pending, failed, scheduled, success, dead, running := deliveries[0], deliveries[1], deliveries[2], deliveries[3], deliveries[4], deliveries[5]
	b.record(t.Context(), t, outcome(failed, 1, store.DeliveryFailed), outcome(scheduled, 1, store.DeliveryFailed),
		outcome(success, 1, store.DeliverySuccess), outcome(dead, 1, store.DeliveryDead))
	b.setJobState(t, failed.JobID, store.JobRetryable)
	b.setJobState(t, scheduled.JobID, store.JobScheduled)
	b.setJobState(t, success.JobID, store.JobCompleted)
	b.setJobState(t, dead.JobID, store.JobDiscarded)
	b.setJobState(t, running.JobID, store.JobRunning)

	c := cancellation(n)
	cancelled, err := b.Cancel(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, store.Cancelled{Deliveries: 3, Last: running.ID}, cancelled)
	require.Equal(t, store.Counts{Total: 6, Pending: 1, Success: 1, Dead: 1, Cancelled: 3}, b.notification(t, n.ID).Counts)
	for _, d := range []store.Delivery{pending, failed, scheduled} {
		got := b.delivery(t, d.ID)
		require.Equal(t, store.DeliveryCancelled, got.Status)
		require.Equal(t, []string{"cancelled", "it was cancelled"}, []string{got.LastCode, got.LastError})
		require.Nil(t, got.NextRetryAt)
		require.Equal(t, c.At, got.UpdatedAt)
	}
	require.Equal(t, 4, b.count(t, "river_job"), "waiting jobs are deleted, so that an operator cannot start them")
	require.Equal(t, store.DeliveryPending, b.delivery(t, running.ID).Status)
	var marked string
	require.NoError(t, b.db.QueryRowContext(t.Context(),
		`SELECT metadata ->> 'cancel_attempted_at' FROM river_job WHERE id = $1`, running.JobID).Scan(&marked))
	require.NotEmpty(t, marked, "River does not run the job again")
	require.Equal(t, store.DeliveryPending, b.delivery(t, others[0].ID).Status)

	require.Equal(t, []bool{true}, b.record(t.Context(), t, outcome(running, 1, store.DeliverySuccess)), "a delivery that is being sent may succeed")
	require.Equal(t, store.Cancelled{}, b.cancel(t, n), "again")
	require.Equal(t, store.Counts{Total: 6, Success: 2, Dead: 1, Cancelled: 3}, b.notification(t, n.ID).Counts)
	require.Equal(t, store.Cancelled{}, b.cancel(t, store.Notification{ID: newID()}), "of an unknown notification")
}

func cancelInParts(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 5)
	b.setJobState(t, deliveries[1].JobID, store.JobRunning)
	c := cancellation(n)
	c.Limit = 2
	for _, want := range []store.Cancelled{{Deliveries: 1, Last: deliveries[1].ID}, {Deliveries: 2, Last: deliveries[3].ID}, {Deliveries: 1, Last: deliveries[4].ID}, {}} {
		got, err := b.Cancel(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, want, got)
		c.After = got.Last
	}
	require.Equal(t, store.Counts{Total: 5, Pending: 1, Cancelled: 4}, b.notification(t, n.ID).Counts)
}

// Cancel leaves orphans open, except those whose job was cancelled: only CloseOrphans knows
// what became of the others.
func cancelOrphans(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 4)
	b.deleteJob(t, deliveries[0].JobID)
	b.setJobState(t, deliveries[1].JobID, store.JobDiscarded)
	b.setJobState(t, deliveries[2].JobID, store.JobCompleted)
	b.setJobState(t, deliveries[3].JobID, store.JobCancelled)
	require.Equal(t, 1, b.cancel(t, n).Deliveries)
	require.Equal(t, store.Counts{Total: 4, Pending: 3, Cancelled: 1}, b.notification(t, n.ID).Counts)
	require.Equal(t, store.DeliveryCancelled, b.delivery(t, deliveries[3].ID).Status)
}

func cancelThenRequeue(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 1)
	b.cancel(t, n)
	require.Equal(t, []bool{true}, b.requeue(t, requeueOf(deliveries[0])))
	require.Equal(t, store.Counts{Total: 1, Pending: 1}, b.notification(t, n.ID).Counts)
	require.Equal(t, 1, b.cancel(t, n).Deliveries)
	require.Equal(t, 0, b.count(t, "river_job"))
}

func cancelWhileRecording(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 40)
	for _, d := range deliveries[:20] {
		b.setJobState(t, d.JobID, store.JobRunning)
	}
	errs := make([]error, 4)
	concurrently(t, len(errs), func(i int) {
		if i >= 2 {
			_, errs[i] = b.Cancel(t.Context(), cancellation(n))
			return
		}
		for _, d := range deliveries[i*10 : i*10+10] {
			if _, errs[i] = b.Record(t.Context(), []store.Outcome{outcome(d, 1, store.DeliverySuccess)}); errs[i] != nil {
				return
			}
		}
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, store.Counts{Total: 40, Success: 20, Cancelled: 20}, b.notification(t, n.ID).Counts)
}
