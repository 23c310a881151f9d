// Package storetest is the contract of package store, as a suite of tests that each engine
// runs. Every difference found between the engines became a case.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

// Open returns a new, migrated store, and a connection to its database that does not go
// through the store. It registers its cleanup.
type Open func(t *testing.T) (store.Store, *sql.DB)

// Run runs the suite. Each case gets a new store.
func Run(t *testing.T, open Open) {
	for _, cases := range []map[string]func(*testing.T, bundle){
		acceptCases, deliveryCases, recordCases, rollUpCases, orphanCases, templateCases, limitCases, retentionCases,
		filterCases, requeueCases, cancelCases, queueCases, alertCases, auditCases, quotaCases, eraseCases, sessionCases, deadCases, countCases, breakerCases, suppressionCases, preferenceCases, kindCases, withholdCases, contactCases, expansionCases, digestCases, receiptCases, endpointCases, eventCases, threadCases,
		incidentCases,
	} {
		for name, test := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s, db := open(t)
				test(t, bundle{Store: s, db: db})
			})
		}
	}
}

// bundle is the store of one case and its database.
type bundle struct {
	store.Store
	db *sql.DB
}

// Accept accepts a batch.
func (b bundle) Accept(ctx context.Context, batch []store.Acceptance) ([]store.Accepted, error) {
	return b.Store.Accept(ctx, func() []store.Acceptance { return batch })
}

// accept accepts a batch of new notifications.
func (b bundle) accept(t *testing.T, batch ...store.Acceptance) {
	t.Helper()
	accepted, err := b.Accept(t.Context(), batch)
	require.NoError(t, err)
	require.Len(t, accepted, len(batch))
	for _, a := range accepted {
		require.False(t, a.Replayed)
	}
}

// acceptOne accepts one notification and returns it and its deliveries.
func (b bundle) acceptOne(t *testing.T, recipients int) (store.Notification, []store.Delivery) {
	t.Helper()
	a := Acceptance("app", uuid.NewString(), recipients)
	b.accept(t, a)
	deliveries, err := b.DeliveriesOf(t.Context(), a.Notification.ID, uuid.Nil, recipients+1)
	require.NoError(t, err)
	require.Len(t, deliveries, recipients)
	return a.Notification, deliveries
}

// count returns the number of rows of a table.
func (b bundle) count(t *testing.T, table string) int {
	t.Helper()
	var n int
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT count(*) FROM `+table).Scan(&n))
	return n
}

// setJobState changes a job as River, or an operator in River UI, does.
func (b bundle) setJobState(t *testing.T, job int64, state store.JobState) {
	t.Helper()
	var finalized *time.Time
	switch state {
	case store.JobCancelled, store.JobCompleted, store.JobDiscarded:
		now := store.Now()
		finalized = &now
	}
	_, err := b.db.ExecContext(t.Context(),
		`UPDATE river_job SET state = $1, finalized_at = $2, attempt = 2 WHERE id = $3`, state, finalized, job)
	require.NoError(t, err)
}

// deleteJob deletes a job as River's cleaner, or an operator in River UI, does.
func (b bundle) deleteJob(t *testing.T, job int64) {
	t.Helper()
	_, err := b.db.ExecContext(t.Context(), `DELETE FROM river_job WHERE id = $1`, job)
	require.NoError(t, err)
}

// notification returns a stored notification.
func (b bundle) notification(t *testing.T, id uuid.UUID) store.Notification {
	t.Helper()
	n, err := b.Notification(t.Context(), id)
	require.NoError(t, err)
	return n
}

// delivery returns a stored delivery.
func (b bundle) delivery(t *testing.T, id uuid.UUID) store.Delivery {
	t.Helper()
	d, err := b.Delivery(t.Context(), id)
	require.NoError(t, err)
	return d
}

// record records outcomes and returns which of them were recorded.
func (b bundle) record(ctx context.Context, t *testing.T, batch ...store.Outcome) []bool {
	t.Helper()
	recorded, err := b.Record(ctx, batch)
	require.NoError(t, err)
	require.Len(t, recorded, len(batch))
	return recorded
}

// jobOf returns a new job of a delivery.
func jobOf(d store.Delivery) store.Job {
	return store.Job{DeliveryID: d.ID, Queue: "email", MaxAttempts: 4}
}

// Acceptance returns a notification of one message to the given number of recipients.
func Acceptance(app, key string, recipients int) store.Acceptance {
	now := store.Now()
	notification := store.Notification{
		ID: newID(), AppID: app, IdempotencyKey: key, RequestHash: []byte{0, 1, 0xff},
		Priority: store.PriorityNormal, CreatedAt: now, UpdatedAt: now,
	}
	message := store.Message{
		ID: newID(), NotificationID: notification.ID, Channel: "email", TemplateName: "alert",
		MsgType: "html", Subject: "Alert", Body: "Disk is full",
	}
	a := store.Acceptance{Notification: notification, Messages: []store.Message{message}}
	for i := range recipients {
		d := store.Delivery{
			ID: newID(), NotificationID: notification.ID, MessageID: message.ID,
			Channel: "email", Provider: "smtp", TemplateName: "alert",
			Recipient: store.Recipient{Type: "email", Value: fmt.Sprintf("user%d@example.com", i)},
			Status:    store.DeliveryPending, MaxRetry: 3, CreatedAt: now, UpdatedAt: now,
		}
		a.Deliveries = append(a.Deliveries, d)
		a.Jobs = append(a.Jobs, jobOf(d))
	}
	return a
}

// outcome returns the outcome of one attempt. Unless the status is success, it has a code and
// an error.
func outcome(d store.Delivery, attempt int, status store.DeliveryStatus) store.Outcome {
	now := store.Now()
	o := store.Outcome{
		Attempt: store.Attempt{
			ID: newID(), DeliveryID: d.ID, JobID: d.JobID, Attempt: attempt, Provider: "smtp",
			StartedAt: now.Add(-time.Second), FinishedAt: now,
		},
		Status: status,
	}
	if status != store.DeliverySuccess {
		o.Attempt.Class, o.Attempt.Code, o.Attempt.Error = "transient", "timeout", "no answer"
	}
	if status == store.DeliveryFailed {
		next := now.Add(30 * time.Second)
		o.NextRetryAt = &next
	}
	return o
}

// concurrently makes n calls at the same time and waits until all have returned.
func concurrently(t *testing.T, n int, call func(i int)) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { call(i) })
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		require.FailNow(t, "the calls take too long")
	}
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
