package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var requeueCases = map[string]func(*testing.T, bundle){
	"Requeue/dead and cancelled":              requeueEnded,
	"Requeue/waiting for its retry":           requeueWaiting,
	"Requeue/through another provider":        requeueProvider,
	"Requeue/not open, not arrived":           requeueFence,
	"Requeue/the old job is fenced":           requeueOldJob,
	"Requeue/jobs belong to their deliveries": requeueJobsMatch,
	"Requeue/concurrently":                    requeueConcurrently,
	"Requeue/all or nothing":                  requeueAllOrNothing,
	"Requeue/empty batch":                     requeueNothing,
	"Requeue/audited":                         requeueAudited,
}

func requeueOf(d store.Delivery) store.Requeue {
	return store.Requeue{
		DeliveryID: d.ID, JobID: d.JobID, At: store.Now(), Job: jobOf(d), Audit: actor.Did(store.AuditDeliveryRetry, d.ID.String()),
	}
}

func (b bundle) requeue(t *testing.T, batch ...store.Requeue) []bool {
	t.Helper()
	requeued, err := b.Requeue(t.Context(), batch)
	require.NoError(t, err)
	require.Len(t, requeued, len(batch))
	return requeued
}

func requeueEnded(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 3)
	dead, cancelled := deliveries[0], deliveries[1]
	o := outcome(dead, 1, store.DeliveryDead)
	o.Attempt.Details = jsonObject(t, map[string]any{"n": 1})
	b.record(t.Context(), t, o, outcome(cancelled, 1, store.DeliveryFailed), outcome(deliveries[2], 1, store.DeliverySuccess))
	_, err := b.CloseOrphans(t.Context(), []store.Closing{closing(cancelled, store.DeliveryCancelled)})
	require.NoError(t, err)
	require.Equal(t, store.Counts{Total: 3, Success: 1, Dead: 1, Cancelled: 1}, b.notification(t, n.ID).Counts)

	batch := []store.Requeue{requeueOf(dead), requeueOf(cancelled)}
	require.Equal(t, []bool{true, true}, b.requeue(t, batch...))
	for i, old := range []store.Delivery{dead, cancelled} {
		want, got := old, b.delivery(t, old.ID)
		require.Greater(t, got.JobID, old.JobID, "a new job")
		want.JobID, want.UpdatedAt = got.JobID, batch[i].At
		require.Equal(t, want, got, "pending, as after its acceptance")
	}
	require.Equal(t, 5, b.count(t, "river_job"))
	got := b.notification(t, n.ID)
	require.Equal(t, store.Counts{Total: 3, Pending: 2, Success: 1}, got.Counts)
	require.Equal(t, store.NotificationProcessing, got.Status)
	require.Equal(t, batch[1].At, got.UpdatedAt)

	attempts, err := b.Attempts(t.Context(), dead.ID)
	require.NoError(t, err)
	require.Equal(t, []store.Attempt{o.Attempt}, attempts, "earlier attempts are kept")
}

func requeueProvider(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 1)
	d := deliveries[0]
	again := func(provider string) store.Delivery {
		b.record(t.Context(), t, outcome(d, 1, store.DeliveryDead))
		r := requeueOf(d)
		r.Provider = provider
		require.Equal(t, []bool{true}, b.requeue(t, r))
		d = b.delivery(t, d.ID)
		return d
	}
	require.Equal(t, "smtp", again("").Provider)
	require.Empty(t, d.NextProvider)
	require.Equal(t, "spare", again("spare").Provider)
	require.Equal(t, "spare", d.NextProvider)
	require.Empty(t, again("").NextProvider, "the channel's own provider again")
}

func requeueFence(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 4)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliverySuccess),
		outcome(deliveries[1], 1, store.DeliveryFailed), outcome(deliveries[2], 1, store.DeliveryDead))
	b.setJobState(t, deliveries[1].JobID, store.JobRunning) // a worker has it
	otherJob := requeueOf(deliveries[2])
	otherJob.JobID = deliveries[3].JobID
	unknown := requeueOf(store.Delivery{ID: newID(), JobID: 1})
	before := b.notification(t, n.ID)
	require.Equal(t, []bool{false, false, false, false, false},
		b.requeue(t, requeueOf(deliveries[0]), requeueOf(deliveries[1]), requeueOf(deliveries[3]), otherJob, unknown))
	require.Equal(t, before, b.notification(t, n.ID))
	require.Equal(t, 4, b.count(t, "river_job"))

	// The others of a batch are requeued.
	require.Equal(t, []bool{false, true, false}, b.requeue(t, requeueOf(deliveries[0]), requeueOf(deliveries[2]), unknown))
	require.Equal(t, store.Counts{Total: 4, Pending: 2, Failed: 1, Success: 1}, b.notification(t, n.ID).Counts)
	require.Equal(t, []bool{false}, b.requeue(t, requeueOf(deliveries[2])), "once")
}

// A delivery that waits for a retry goes at once with a new job. The old job is deleted, so
// that nothing is sent twice.
func requeueWaiting(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 2)
	waiting := deliveries[0]
	b.record(t.Context(), t, outcome(waiting, 1, store.DeliveryFailed))
	b.setJobState(t, waiting.JobID, store.JobRetryable)
	require.Equal(t, []bool{true, false}, b.requeue(t, requeueOf(waiting), requeueOf(deliveries[1])))
	got := b.delivery(t, waiting.ID)
	require.NotEqual(t, waiting.JobID, got.JobID)
	require.Equal(t, store.DeliveryPending, got.Status)
	require.Zero(t, got.Attempts)
	require.Nil(t, got.NextRetryAt)
	require.Equal(t, 2, b.count(t, "river_job"), "the old job is gone")
	require.Equal(t, store.Counts{Total: 2, Pending: 2}, b.notification(t, n.ID).Counts)
	require.Equal(t, []bool{false}, b.record(t.Context(), t, outcome(waiting, 2, store.DeliveryDead)), "the old job is fenced")
	require.Equal(t, []bool{false}, b.requeue(t, requeueOf(waiting)), "once")
}

// A late worker of the old job does not change the delivery of the new one.
func requeueOldJob(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 1)
	old := deliveries[0]
	b.record(t.Context(), t, outcome(old, 1, store.DeliveryDead))
	b.requeue(t, requeueOf(old))
	for _, status := range []store.DeliveryStatus{store.DeliverySuccess, store.DeliveryDead} {
		require.Equal(t, []bool{false}, b.record(t.Context(), t, outcome(old, 2, status)))
	}
	closed, err := b.CloseOrphans(t.Context(), []store.Closing{closing(old, store.DeliveryDead)})
	require.NoError(t, err)
	require.Equal(t, []bool{false}, closed)

	now := b.delivery(t, old.ID)
	require.Equal(t, store.DeliveryPending, now.Status)
	require.Equal(t, []bool{true}, b.record(t.Context(), t, outcome(now, 1, store.DeliverySuccess)))
	attempts, err := b.Attempts(t.Context(), old.ID)
	require.NoError(t, err)
	require.Len(t, attempts, 2)
	require.Equal(t, []int64{old.JobID, now.JobID}, []int64{attempts[0].JobID, attempts[1].JobID})
}

func requeueJobsMatch(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 300)
	var outcomes []store.Outcome
	var batch []store.Requeue
	for i, d := range deliveries {
		if i%3 > 0 {
			outcomes = append(outcomes, outcome(d, 1, store.DeliveryDead))
		}
		batch = append(batch, requeueOf(d))
	}
	b.record(t.Context(), t, outcomes...)
	for i, requeued := range b.requeue(t, batch...) {
		require.Equal(t, i%3 > 0, requeued)
	}
	var matching int
	require.NoError(t, b.db.QueryRowContext(t.Context(), `
		SELECT count(*) FROM deliveries d JOIN river_job j ON j.id = d.job_id
		WHERE j.args ->> 'deliveryId' = CAST(d.id AS text) AND j.state = 'available'`).Scan(&matching))
	require.Equal(t, 300, matching)
	require.Equal(t, 500, b.count(t, "river_job"))
}

func requeueConcurrently(t *testing.T, b bundle) {
	const callers = 6
	n, deliveries := b.acceptOne(t, 20)
	var outcomes []store.Outcome
	var batch []store.Requeue
	for _, d := range deliveries {
		outcomes = append(outcomes, outcome(d, 1, store.DeliveryDead))
		batch = append(batch, requeueOf(d))
	}
	b.record(t.Context(), t, outcomes...)
	requeued, errs := make([][]bool, callers), make([]error, callers)
	concurrently(t, callers, func(i int) { requeued[i], errs[i] = b.Requeue(t.Context(), batch) })
	times := make([]int, len(batch))
	for i := range callers {
		require.NoError(t, errs[i])
		for place, ok := range requeued[i] {
			if ok {
				times[place]++
			}
		}
	}
	for _, n := range times {
		require.Equal(t, 1, n, "each delivery is requeued once")
	}
	require.Equal(t, store.Counts{Total: 20, Pending: 20}, b.notification(t, n.ID).Counts)
	require.Equal(t, 40, b.count(t, "river_job"))
}

func requeueAllOrNothing(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 2)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliveryDead), outcome(deliveries[1], 1, store.DeliveryDead))
	bad := requeueOf(deliveries[1])
	bad.Job.Priority = 99
	_, err := b.Requeue(t.Context(), []store.Requeue{requeueOf(deliveries[0]), bad})
	require.Error(t, err)
	require.Equal(t, store.Counts{Total: 2, Dead: 2}, b.notification(t, n.ID).Counts)
	require.Equal(t, 2, b.count(t, "river_job"))
}

func requeueNothing(t *testing.T, b bundle) {
	require.Empty(t, b.requeue(t))
}

// Each delivery that is requeued has an entry, and the others have none.
func requeueAudited(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 3)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliveryDead), outcome(deliveries[2], 1, store.DeliveryDead))
	batch := []store.Requeue{requeueOf(deliveries[0]), requeueOf(deliveries[1]), requeueOf(deliveries[2])}
	require.Equal(t, []bool{true, false, true}, b.requeue(t, batch...))
	require.Equal(t, []store.AuditEntry{batch[0].Audit, batch[2].Audit}, b.audit(t, store.AuditFilter{}))

	again := b.delivery(t, deliveries[0].ID)
	b.record(t.Context(), t, outcome(again, 1, store.DeliveryDead))
	_, err := b.db.ExecContext(t.Context(), `DROP TABLE audit`)
	require.NoError(t, err)
	_, err = b.Requeue(t.Context(), []store.Requeue{requeueOf(again)})
	require.Error(t, err)
	require.Equal(t, store.DeliveryDead, b.delivery(t, again.ID).Status, "neither without the other")
}
