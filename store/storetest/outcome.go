package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var recordCases = map[string]func(*testing.T, bundle){
	"Record/success":                     recordSuccess,
	"Record/failed, then dead":           recordFailedThenDead,
	"Record/attempts are kept":           recordAttempts,
	"Record/throttled spends no attempt": recordThrottled,
	"Record/many attempts":               recordManyAttempts,
	"Record/moves":                       recordMoves,
	"MoveDeliveries":                     moveDeliveries,
	"Record/fence":                       recordFence,
	"Record/repeated":                    recordAgain,
	"Record/all or nothing":              recordAllOrNothing,
	"Record/empty batch":                 recordNothing,
	"Record/opposite batches":            recordOppositeBatches,
	"Record/one delivery, many workers":  recordConcurrently,
}

var rollUpCases = map[string]func(*testing.T, bundle){
	"RollUp/each step":                   rollUpSteps,
	"RollUp/one batch, many transitions": rollUpBatch,
	"RollUp/a late success":              rollUpLateSuccess,
}

func recordSuccess(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 1)
	d := deliveries[0]
	b.record(t.Context(), t, outcome(d, 1, store.DeliveryFailed))

	o := outcome(d, 2, store.DeliverySuccess)
	o.Attempt.Provider = "smtp-2"
	o.Attempt.Details = jsonObject(t, map[string]any{"message_id": "om_1", "text": "<成功>"})
	require.Equal(t, []bool{true}, b.record(t.Context(), t, o))

	want := d
	want.Status, want.Attempts, want.Provider = store.DeliverySuccess, 2, "smtp-2"
	want.Details, want.UpdatedAt = o.Attempt.Details, o.Attempt.FinishedAt
	require.Equal(t, want, b.delivery(t, d.ID), "the code, error and retry time of the failure are cleared")
	got := b.notification(t, n.ID)
	require.Equal(t, store.NotificationSuccess, got.Status)
	require.Equal(t, o.Attempt.FinishedAt, got.UpdatedAt)
}

func recordFailedThenDead(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 1)
	d := deliveries[0]
	failed := outcome(d, 1, store.DeliveryFailed)
	b.record(t.Context(), t, failed)

	want := d
	want.Status, want.Attempts, want.NextRetryAt = store.DeliveryFailed, 1, failed.NextRetryAt
	want.LastCode, want.LastError, want.UpdatedAt = "timeout", "no answer", failed.Attempt.FinishedAt
	require.Equal(t, want, b.delivery(t, d.ID))

	dead := outcome(d, 2, store.DeliveryDead)
	dead.Attempt.Code, dead.Attempt.Error = "refused", "no such user"
	b.record(t.Context(), t, dead)
	want.Status, want.Attempts, want.NextRetryAt = store.DeliveryDead, 2, nil
	want.LastCode, want.LastError, want.UpdatedAt = "refused", "no such user", dead.Attempt.FinishedAt
	require.Equal(t, want, b.delivery(t, d.ID))
}

func recordAttempts(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 2)
	var want []store.Attempt
	for attempt, status := range []store.DeliveryStatus{store.DeliveryFailed, store.DeliveryFailed, store.DeliverySuccess} {
		o := outcome(deliveries[0], attempt+1, status)
		o.Attempt.StartedAt = o.Attempt.StartedAt.Add(time.Duration(attempt) * time.Second)
		o.Attempt.Details = jsonObject(t, map[string]any{"n": attempt})
		b.record(t.Context(), t, o, outcome(deliveries[1], attempt+1, status))
		want = append(want, o.Attempt)
	}
	got, err := b.Attempts(t.Context(), deliveries[0].ID)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func recordThrottled(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 1)
	d := deliveries[0]
	b.record(t.Context(), t, outcome(d, 1, store.DeliveryFailed))
	for range 3 {
		throttled := outcome(d, 2, store.DeliveryFailed)
		throttled.Unspent = true
		require.Equal(t, []bool{true}, b.record(t.Context(), t, throttled))
		got := b.delivery(t, d.ID)
		require.Equal(t, store.DeliveryFailed, got.Status)
		require.Equal(t, 1, got.Attempts)
		require.Equal(t, throttled.NextRetryAt, got.NextRetryAt)
	}
	require.Equal(t, []bool{true}, b.record(t.Context(), t, outcome(d, 2, store.DeliverySuccess)))
	require.Equal(t, 2, b.delivery(t, d.ID).Attempts)
	attempts, err := b.Attempts(t.Context(), d.ID)
	require.NoError(t, err)
	require.Len(t, attempts, 5)
	require.Equal(t, store.Counts{Total: 1, Success: 1}, b.notification(t, n.ID).Counts)
}

func recordManyAttempts(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 1)
	d := deliveries[0]
	batch := make([]store.Outcome, store.MaxAttempts+1)
	begin := store.Now().Add(-time.Hour)
	for i := range batch {
		batch[i] = outcome(d, 1, store.DeliveryFailed)
		batch[i].Unspent = true
		batch[i].Attempt.StartedAt = begin.Add(time.Duration(i) * time.Second)
	}
	for _, o := range batch {
		require.Equal(t, []bool{true}, b.record(t.Context(), t, o))
	}
	attempts, err := b.Attempts(t.Context(), d.ID)
	require.NoError(t, err)
	require.Len(t, attempts, store.MaxAttempts)
	require.Equal(t, batch[1].Attempt.ID, attempts[0].ID, "the oldest is left out")
	require.Equal(t, batch[store.MaxAttempts].Attempt.ID, attempts[store.MaxAttempts-1].ID)
}

func recordFence(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 2)
	d, other := deliveries[0], deliveries[1]
	b.record(t.Context(), t, outcome(d, 2, store.DeliveryFailed))
	before, beforeN := b.delivery(t, d.ID), b.notification(t, n.ID)

	otherJob := outcome(d, 3, store.DeliverySuccess)
	otherJob.Attempt.JobID = other.JobID
	unknown := outcome(store.Delivery{ID: newID(), JobID: d.JobID}, 1, store.DeliverySuccess)
	for name, fenced := range map[string]store.Outcome{
		"an earlier attempt":     outcome(d, 1, store.DeliverySuccess),
		"the same attempt":       outcome(d, 2, store.DeliverySuccess),
		"another job":            otherJob,
		"no delivery of that id": unknown,
	} {
		require.Equal(t, []bool{false}, b.record(t.Context(), t, fenced), name)
		require.Equal(t, before, b.delivery(t, d.ID), name)
		require.Equal(t, beforeN, b.notification(t, n.ID), name)
	}
	require.Equal(t, 1, b.count(t, "attempts"))

	// The other outcomes of a batch are recorded.
	require.Equal(t, []bool{false, true},
		b.record(t.Context(), t, outcome(d, 2, store.DeliverySuccess), outcome(other, 1, store.DeliverySuccess)))
	require.Equal(t, store.Counts{Total: 2, Failed: 1, Success: 1}, b.notification(t, n.ID).Counts)

	// Success is final, because the message has arrived.
	require.Equal(t, []bool{false}, b.record(t.Context(), t, outcome(other, 2, store.DeliveryDead)))
	require.Equal(t, store.DeliverySuccess, b.delivery(t, other.ID).Status)
}

// The reply to a commit was lost, so the same outcomes are recorded again. They count as
// recorded, and change nothing. Another outcome of the same attempt is fenced.
func recordAgain(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 5)
	throttled := outcome(deliveries[3], 1, store.DeliveryFailed)
	throttled.Unspent = true
	batch := []store.Outcome{
		outcome(deliveries[0], 1, store.DeliverySuccess), outcome(deliveries[1], 1, store.DeliveryFailed),
		outcome(deliveries[2], 1, store.DeliveryDead), throttled,
	}
	b.record(t.Context(), t, batch...)
	before, beforeN := make([]store.Delivery, len(batch)), b.notification(t, n.ID)
	for i := range batch {
		before[i] = b.delivery(t, deliveries[i].ID)
	}

	require.Equal(t, []bool{true, true, true, true, true},
		b.record(t.Context(), t, append(batch, outcome(deliveries[4], 1, store.DeliverySuccess))...), "together with a new one")
	for i := range batch {
		require.Equal(t, before[i], b.delivery(t, deliveries[i].ID))
		require.Equal(t, []bool{true}, b.record(t.Context(), t, batch[i]), "alone")
	}
	require.Equal(t, len(deliveries), b.count(t, "attempts"))
	beforeN.Counts.Pending--
	beforeN.Counts.Success++
	require.Equal(t, beforeN.Counts, b.notification(t, n.ID).Counts)

	require.Equal(t, []bool{false, true}, b.record(t.Context(), t, outcome(deliveries[2], 1, store.DeliverySuccess), batch[0]))
}

func recordAllOrNothing(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 2)
	bad := outcome(deliveries[1], 1, store.DeliverySuccess)
	bad.Attempt.Details = []byte(`{"a":`)
	_, err := b.Record(t.Context(), []store.Outcome{outcome(deliveries[0], 1, store.DeliverySuccess), bad})
	require.Error(t, err)
	require.Equal(t, store.Counts{Total: 2, Pending: 2}, b.notification(t, n.ID).Counts)
	require.Equal(t, deliveries[0], b.delivery(t, deliveries[0].ID))
	require.Zero(t, b.count(t, "attempts"))
}

func recordNothing(t *testing.T, b bundle) {
	recorded, err := b.Record(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, recorded)
}

// Replicas that record outcomes of the same notifications in opposite orders do not deadlock.
func recordOppositeBatches(t *testing.T, b bundle) {
	const callers, notifications, rounds = 8, 6, 10
	var ids []uuid.UUID
	work := make([][]store.Delivery, callers) // of each caller, over all notifications
	for range notifications {
		n, deliveries := b.acceptOne(t, callers)
		ids = append(ids, n.ID)
		for i, d := range deliveries {
			work[i] = append(work[i], d)
		}
	}
	errs := make([]error, callers)
	concurrently(t, callers, func(i int) {
		if i%2 == 1 {
			slices.Reverse(work[i])
		}
		for attempt := 1; attempt <= rounds && errs[i] == nil; attempt++ {
			status := store.DeliveryFailed
			if attempt == rounds {
				status = []store.DeliveryStatus{store.DeliverySuccess, store.DeliveryDead}[i%2]
			}
			var batch []store.Outcome
			for _, d := range work[i] {
				batch = append(batch, outcome(d, attempt, status))
			}
			_, errs[i] = b.Record(t.Context(), batch)
		}
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	for _, id := range ids {
		n := b.notification(t, id)
		require.Equal(t, store.Counts{Total: callers, Success: callers / 2, Dead: callers / 2}, n.Counts)
		require.Equal(t, store.NotificationFailed, n.Status)
	}
	require.Equal(t, callers*notifications*rounds, b.count(t, "attempts"))
}

// Workers that were thought lost record earlier attempts of the same deliveries while others
// record later ones.
func recordConcurrently(t *testing.T, b bundle) {
	const workers = 8
	n, deliveries := b.acceptOne(t, 20)
	recorded, errs := make([][]bool, workers), make([]error, workers)
	concurrently(t, workers, func(i int) {
		status := []store.DeliveryStatus{store.DeliveryFailed, store.DeliveryDead}[i%2]
		var batch []store.Outcome
		for _, d := range deliveries {
			batch = append(batch, outcome(d, i+1, status))
		}
		recorded[i], errs[i] = b.Record(t.Context(), batch)
	})

	attempts := 0
	for i := range workers {
		require.NoError(t, errs[i])
		for _, r := range recorded[i] {
			if r {
				attempts++
			}
		}
	}
	require.Equal(t, attempts, b.count(t, "attempts"))
	for _, d := range deliveries {
		require.Equal(t, workers, b.delivery(t, d.ID).Attempts, "the last attempt won")
	}
	last := store.Counts{Total: len(deliveries), Dead: len(deliveries)} // the last attempt is dead
	require.Equal(t, last, b.notification(t, n.ID).Counts)
}

func rollUpSteps(t *testing.T, b bundle) {
	const (
		success, failed       = store.DeliverySuccess, store.DeliveryFailed
		dead, cancelled       = store.DeliveryDead, store.DeliveryCancelled
		open, allArrived      = store.NotificationProcessing, store.NotificationSuccess
		anyDead, anyCancelled = store.NotificationFailed, store.NotificationCancelled
	)
	type step struct {
		delivery int
		status   store.DeliveryStatus
		want     store.NotificationStatus
		counts   store.Counts
	}
	for name, steps := range map[string][]step{
		"all arrive": {
			{0, success, open, store.Counts{Total: 2, Pending: 1, Success: 1}},
			{1, success, allArrived, store.Counts{Total: 2, Success: 2}},
		},
		"retries": {
			{0, failed, open, store.Counts{Total: 2, Pending: 1, Failed: 1}},
			{0, failed, open, store.Counts{Total: 2, Pending: 1, Failed: 1}},
			{1, failed, open, store.Counts{Total: 2, Failed: 2}},
			{0, success, open, store.Counts{Total: 2, Failed: 1, Success: 1}},
			{1, success, allArrived, store.Counts{Total: 2, Success: 2}},
		},
		"one dead": {
			{0, dead, open, store.Counts{Total: 2, Pending: 1, Dead: 1}},
			{1, success, anyDead, store.Counts{Total: 2, Success: 1, Dead: 1}},
		},
		"one cancelled": {
			{0, cancelled, open, store.Counts{Total: 2, Pending: 1, Cancelled: 1}},
			{1, success, anyCancelled, store.Counts{Total: 2, Success: 1, Cancelled: 1}},
		},
		"dead counts before cancelled": {
			{0, cancelled, open, store.Counts{Total: 2, Pending: 1, Cancelled: 1}},
			{1, dead, anyDead, store.Counts{Total: 2, Dead: 1, Cancelled: 1}},
		},
		"all cancelled": {
			{0, failed, open, store.Counts{Total: 2, Pending: 1, Failed: 1}},
			{0, cancelled, open, store.Counts{Total: 2, Pending: 1, Cancelled: 1}},
			{1, cancelled, anyCancelled, store.Counts{Total: 2, Cancelled: 2}},
		},
	} {
		n, deliveries := b.acceptOne(t, 2)
		require.Equal(t, store.NotificationPending, b.notification(t, n.ID).Status, name)
		for i, step := range steps {
			d := deliveries[step.delivery]
			if step.status == cancelled {
				closed, err := b.CloseOrphans(t.Context(), []store.Closing{closing(d, cancelled)})
				require.NoError(t, err)
				require.Equal(t, []bool{true}, closed, name)
			} else {
				require.Equal(t, []bool{true}, b.record(t.Context(), t, outcome(d, i+1, step.status)), name)
			}
			got := b.notification(t, n.ID)
			require.Equal(t, step.want, got.Status, "%s, step %d", name, i)
			require.Equal(t, step.counts, got.Counts, "%s, step %d", name, i)
		}
	}
}

func rollUpBatch(t *testing.T, b bundle) {
	n1, d1 := b.acceptOne(t, 5)
	n2, d2 := b.acceptOne(t, 1)
	b.record(t.Context(), t, outcome(d1[0], 1, store.DeliveryFailed), outcome(d1[1], 1, store.DeliveryFailed))
	b.record(t.Context(), t,
		outcome(d1[0], 2, store.DeliverySuccess), outcome(d1[1], 2, store.DeliveryFailed),
		outcome(d2[0], 1, store.DeliveryDead),
		outcome(d1[2], 1, store.DeliveryFailed), outcome(d1[3], 1, store.DeliveryDead))
	require.Equal(t, store.Counts{Total: 5, Pending: 1, Failed: 2, Success: 1, Dead: 1}, b.notification(t, n1.ID).Counts)
	require.Equal(t, store.Counts{Total: 1, Dead: 1}, b.notification(t, n2.ID).Counts)
	require.Equal(t, store.NotificationFailed, b.notification(t, n2.ID).Status)
}

// A worker that was thought lost records that the message arrived.
func rollUpLateSuccess(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 1)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliveryFailed))
	_, err := b.CloseOrphans(t.Context(), []store.Closing{closing(deliveries[0], store.DeliveryDead)})
	require.NoError(t, err)
	require.Equal(t, store.NotificationFailed, b.notification(t, n.ID).Status)
	require.Equal(t, []bool{true}, b.record(t.Context(), t, outcome(deliveries[0], 2, store.DeliverySuccess)))
	got := b.notification(t, n.ID)
	require.Equal(t, store.Counts{Total: 1, Success: 1}, got.Counts)
	require.Equal(t, store.NotificationSuccess, got.Status)
}

// An outcome may move the delivery to another provider, and bind it to one until it is requeued.
func recordMoves(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 1)
	d := deliveries[0]
	require.Empty(t, d.NextProvider)
	for i, c := range []struct {
		to     string
		pins   bool
		want   string
		pinned bool
	}{{"", false, "", false}, {"second", false, "second", false}, {"", false, "second", false}, {"first", true, "first", true}, {"", false, "first", true}} {
		o := outcome(d, i+1, store.DeliveryFailed)
		if o.NextProvider, o.Pinned = c.to, c.pins; c.to != "" {
			o.Line = "email|" + c.to + "|app"
		}
		require.Equal(t, []bool{true}, b.record(t.Context(), t, o))
		got := b.delivery(t, d.ID)
		require.Equal(t, c.want, got.NextProvider, i)
		require.Equal(t, c.pinned, got.Pinned, i)
		if c.want != "" {
			require.Equal(t, "email|"+c.want+"|app", b.jobQueue(t, d.JobID))
		}
	}
	b.record(t.Context(), t, outcome(d, 6, store.DeliveryDead))
	require.Equal(t, []bool{true}, b.requeue(t, requeueOf(d)))
	again := b.delivery(t, d.ID)
	require.Empty(t, again.NextProvider)
	require.False(t, again.Pinned)
}

func moveDeliveries(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 3)
	move := func(d store.Delivery, job int64) store.Move {
		return store.Move{DeliveryID: d.ID, JobID: job, NextProvider: "second", Line: "email|second|app"}
	}
	b.record(t.Context(), t, outcome(deliveries[1], 1, store.DeliverySuccess))
	moved, err := b.MoveDeliveries(t.Context(), []store.Move{
		move(deliveries[0], deliveries[0].JobID), move(deliveries[1], deliveries[1].JobID), move(deliveries[2], deliveries[0].JobID),
	})
	require.NoError(t, err)
	require.Equal(t, []bool{true, false, false}, moved, "one has arrived, one has another job")
	got := b.delivery(t, deliveries[0].ID)
	require.Equal(t, "second", got.NextProvider)
	require.Equal(t, deliveries[0].Provider, got.Provider, "nothing was sent yet")
	require.Empty(t, b.delivery(t, deliveries[2].ID).NextProvider)
	require.Equal(t, "email|second|app", b.jobQueue(t, deliveries[0].JobID))
	require.Equal(t, "email", b.jobQueue(t, deliveries[2].JobID))
}
