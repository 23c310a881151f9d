package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var eventCases = map[string]func(*testing.T, bundle){
	"Record/ends are told":                      eventRecord,
	"Record/told once for each end":             eventOnce,
	"Record/only to the app's endpoints":        eventApart,
	"Record/the items of a digest tell, too":    eventDigest,
	"Accept/what is withheld is told":           eventWithheld,
	"SetReceipts/told":                          eventReceipts,
	"CloseOrphans/told":                         eventOrphan,
	"Cancel/told":                               eventCancel,
	"Erase/told":                                eventErase,
	"CloseDigest/items that leave tell":         eventLeft,
	"Expand/ends are told":                      eventExpand,
	"Expand/an expansion that stops is told":    eventExpandStopped,
	"Events/telling":                            eventTelling,
	"Events/replay":                             eventReplay,
	"Events/jobs have a line for each endpoint": eventLines,
	"Events/they are deleted":                   eventDeleted,
	"Events/each once when many record at once": eventConcurrently,
}

// events returns what was told, as type, what of and code, sorted, and requires a job for each that the
// endpoint takes which is on.
func (b bundle) events(t *testing.T, names map[uuid.UUID]string) []string {
	t.Helper()
	rows, err := b.db.QueryContext(t.Context(), `SELECT id, type, notification_id, delivery_id, channel, status, code FROM events`)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	told := []string{}
	for rows.Next() {
		var id, notification uuid.UUID
		var delivery uuid.NullUUID
		var kind, channel, status, code string
		require.NoError(t, rows.Scan(&id, &kind, &notification, &delivery, &channel, &status, &code))
		require.Equal(t, uuid.Version(7), id.Version())
		if delivery.Valid {
			require.Contains(t, []string{"delivery." + status, store.ReceiptEvents + status}, kind)
			require.NotEmpty(t, channel)
			told = append(told, fmt.Sprintf("%s %s %s", kind, names[delivery.UUID], code))
		} else {
			require.Empty(t, channel)
			told = append(told, fmt.Sprintf("%s %s %s", kind, names[notification], status))
		}
	}
	require.NoError(t, rows.Err())
	slices.Sort(told)
	return told
}

// eventJobs returns how many jobs tell events.
func (b bundle) eventJobs(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT count(*) FROM river_job WHERE kind = 'event'`).Scan(&n))
	return n
}

// named returns names for what was accepted: key is the notification, key/0 its first delivery.
func named(all ...store.Acceptance) map[uuid.UUID]string {
	names := map[uuid.UUID]string{}
	for _, a := range all {
		names[a.Notification.ID] = a.Notification.IdempotencyKey
		for i, d := range a.Deliveries {
			names[d.ID] = fmt.Sprintf("%s/%d", a.Notification.IdempotencyKey, i)
		}
	}
	return names
}

// accepted accepts a batch and returns the deliveries of the first, in their order.
func (b bundle) accepted(t *testing.T, batch ...store.Acceptance) []store.Delivery {
	t.Helper()
	b.accept(t, batch...)
	list := make([]store.Delivery, len(batch[0].Deliveries))
	for i, d := range batch[0].Deliveries {
		list[i] = b.delivery(t, d.ID)
	}
	return list
}

func eventRecord(t *testing.T, b bundle) {
	b.endpoint(t, "app")
	a := Acceptance("app", "a", 3)
	a.Notification.Test = true
	a.Deliveries[0].Test = true
	d := b.accepted(t, a)
	b.record(t.Context(), t, outcome(d[0], 1, store.DeliverySuccess), outcome(d[1], 1, store.DeliveryFailed))
	require.Equal(t, []string{"delivery.success a/0 "}, b.events(t, named(a)))
	b.record(t.Context(), t, outcome(d[1], 2, store.DeliveryDead), outcome(d[2], 1, store.DeliverySuccess))
	require.Equal(t, []string{
		"delivery.dead a/1 timeout", "delivery.success a/0 ", "delivery.success a/2 ", "notification.finished a failed",
	}, b.events(t, named(a)))
	require.Equal(t, 4, b.eventJobs(t))
	var tests int
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT count(*) FROM events WHERE test`).Scan(&tests))
	require.Equal(t, 2, tests, "the first delivery and the notification")
}

func eventOnce(t *testing.T, b bundle) {
	b.endpoint(t, "app")
	a := Acceptance("app", "a", 1)
	d := b.accepted(t, a)[0]
	lost := outcome(d, 1, store.DeliveryDead)
	b.record(t.Context(), t, lost)
	require.Equal(t, []bool{true}, b.record(t.Context(), t, lost), "the reply was lost")
	want := []string{"delivery.dead a/0 timeout", "notification.finished a failed"}
	require.Equal(t, want, b.events(t, named(a)))

	requeued, err := b.Requeue(t.Context(), []store.Requeue{requeueOf(d)})
	require.NoError(t, err)
	require.Equal(t, []bool{true}, requeued)
	require.Equal(t, want, b.events(t, named(a)))
	b.record(t.Context(), t, outcome(b.delivery(t, d.ID), 1, store.DeliverySuccess))
	require.Equal(t, []string{want[0], "delivery.success a/0 ", want[1], "notification.finished a success"}, b.events(t, named(a)))
}

func eventApart(t *testing.T, b bundle) {
	a, other := Acceptance("app", "a", 1), Acceptance("other", "other", 1)
	d := b.accepted(t, a, other)
	b.endpoint(t, "nobody")
	b.record(t.Context(), t, outcome(d[0], 1, store.DeliverySuccess))
	require.Empty(t, b.events(t, nil), "neither app had an endpoint")

	finished := b.endpoint(t, "other", store.EventNotificationFinished)
	b.endpoint(t, "other", store.EventNotificationFinished, store.EventDeliveryDead)
	of := b.delivery(t, other.Deliveries[0].ID)
	b.record(t.Context(), t, outcome(of, 1, store.DeliverySuccess))
	require.Equal(t, []string{"notification.finished other success"}, b.events(t, named(other)))
	require.Equal(t, 2, b.eventJobs(t))

	finished.Off = store.OffByHand
	_, err := b.UpdateEndpoint(t.Context(), finished, endpointUpdated)
	require.NoError(t, err)
	second := Acceptance("other", "second", 1)
	b.record(t.Context(), t, outcome(b.accepted(t, second)[0], 1, store.DeliverySuccess))
	require.Len(t, b.events(t, nil), 2)
	require.Equal(t, 3, b.eventJobs(t), "not for one that is off")
}

func eventDigest(t *testing.T, b bundle) {
	b.endpoint(t, "app")
	one, two := gatheredItem("one", 1), gatheredItem("two", 1)
	b.accept(t, one, two)
	digest := b.delivery(t, b.delivery(t, one.Deliveries[0].ID).DigestID)
	b.closeDigest(t, digest.ID)
	require.Empty(t, b.events(t, nil))
	o := outcome(digest, 1, store.DeliverySuccess)
	o.Digest = true
	b.record(t.Context(), t, o)
	names := named(one, two)
	names[digest.ID] = "digest" // of its notification, too
	require.Equal(t, []string{
		"delivery.success digest ", "delivery.success one/0 digested", "delivery.success two/0 digested",
		"notification.finished digest success", "notification.finished one success", "notification.finished two success",
	}, b.events(t, names))
	require.Equal(t, 6, b.eventJobs(t))
}

func eventWithheld(t *testing.T, b bundle) {
	b.endpoint(t, "app")
	some, all := capped("billing", "a", 2, 1), capped("billing", "b", 1, 1)
	some.Deliveries[1].Recipient = some.Deliveries[0].Recipient
	b.withKind(t, some)
	b.accept(t, some)
	b.accept(t, all)
	require.Equal(t, []string{
		"delivery.cancelled a/1 capped", "delivery.cancelled b/0 capped", "notification.finished b cancelled",
	}, b.events(t, named(some, all)))
	require.Equal(t, 3, b.eventJobs(t))
	require.Equal(t, store.NotificationProcessing, b.notification(t, some.Notification.ID).Status)
}

func eventOrphan(t *testing.T, b bundle) {
	b.endpoint(t, "app")
	a := Acceptance("app", "a", 1)
	d := b.accepted(t, a)[0]
	closing := store.Closing{DeliveryID: d.ID, JobID: d.JobID, Status: store.DeliveryDead, Code: "job_deleted", At: store.Now()}
	for range 2 {
		_, err := b.CloseOrphans(t.Context(), []store.Closing{closing})
		require.NoError(t, err)
		require.Equal(t, []string{"delivery.dead a/0 job_deleted", "notification.finished a failed"}, b.events(t, named(a)))
	}
}

func eventCancel(t *testing.T, b bundle) {
	b.endpoint(t, "app")
	a := Acceptance("app", "a", 2)
	d := b.accepted(t, a)
	b.record(t.Context(), t, outcome(d[0], 1, store.DeliverySuccess))
	_, err := b.Cancel(t.Context(), store.Cancellation{NotificationID: a.Notification.ID, Limit: 10, Code: "cancelled", At: store.Now()})
	require.NoError(t, err)
	require.Equal(t, []string{
		"delivery.cancelled a/1 cancelled", "delivery.success a/0 ", "notification.finished a cancelled",
	}, b.events(t, named(a)))
}

func eventErase(t *testing.T, b bundle) {
	b.endpoint(t, "app")
	a := Acceptance("app", "a", 1)
	b.accept(t, a)
	b.erase(t, erasure(a.Deliveries[0].Recipient, uuid.Nil))
	require.Equal(t, []string{"delivery.cancelled a/0 erased", "notification.finished a cancelled"}, b.events(t, named(a)))
}

func eventLeft(t *testing.T, b bundle) {
	b.endpoint(t, "app")
	a := gatheredItem("a", 1)
	expires := store.Now()
	a.Deliveries[0].ExpiresAt = &expires
	b.accept(t, a)
	digest := b.delivery(t, a.Deliveries[0].ID).DigestID
	b.closeDigest(t, digest)
	require.Equal(t, []string{"delivery.dead a/0 expired", "notification.finished a failed"}, b.events(t, named(a)))
}

func eventExpand(t *testing.T, b bundle) {
	b.endpoint(t, "app")
	a := expanding("k")
	b.accept(t, a)
	names := map[uuid.UUID]string{a.Notification.ID: "k"}
	written := b.expand(t, batchOf(a, "", "c1", 1)).Written.Deliveries
	names[written[0].ID] = "first"
	b.record(t.Context(), t, outcome(b.delivery(t, written[0].ID), 1, store.DeliverySuccess))
	require.Equal(t, []string{"delivery.success first "}, b.events(t, names), "more may follow")
	b.expand(t, done(batchOf(a, "c1", "c2")))
	require.Equal(t, []string{"delivery.success first ", "notification.finished k success"}, b.events(t, names))
}

func eventExpandStopped(t *testing.T, b bundle) {
	b.endpoint(t, "app")
	lost, cancelled := expanding("lost"), expanding("cancelled")
	b.accept(t, lost, cancelled)
	names := named(lost, cancelled)
	b.deleteJob(t, b.notification(t, lost.Notification.ID).Expansion.JobID)
	_, err := b.EndLostExpansions(t.Context(), store.Now())
	require.NoError(t, err)
	require.Equal(t, []string{"notification.finished lost cancelled"}, b.events(t, names))
	_, err = b.Cancel(t.Context(), store.Cancellation{NotificationID: cancelled.Notification.ID, Limit: 10, Code: "cancelled", At: store.Now()})
	require.NoError(t, err)
	require.Equal(t, []string{"notification.finished cancelled cancelled", "notification.finished lost cancelled"}, b.events(t, names))
}

// eventArgs returns the args of the jobs that tell events, in the order of the jobs.
func (b bundle) eventArgs(t *testing.T) (all []store.EventArgs) {
	t.Helper()
	rows, err := b.db.QueryContext(t.Context(), `SELECT args ->> 'eventId', args ->> 'endpointId' FROM river_job WHERE kind = 'event' ORDER BY id`)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var args store.EventArgs
		require.NoError(t, rows.Scan(&args.EventID, &args.EndpointID))
		all = append(all, args)
	}
	require.NoError(t, rows.Err())
	return all
}

func eventTelling(t *testing.T, b bundle) {
	e := b.endpoint(t, "app", store.EventDeliveryDead)
	a := Acceptance("app", "a", 1)
	d := b.accepted(t, a)[0]
	before := store.Now()
	b.record(t.Context(), t, outcome(d, 1, store.DeliveryDead))
	args := b.eventArgs(t)
	require.Len(t, args, 1)
	require.Equal(t, e.ID, args[0].EndpointID)
	v, endpoint, err := b.Telling(t.Context(), args[0])
	require.NoError(t, err)
	require.Equal(t, e, endpoint)
	require.WithinRange(t, v.At, before, store.Now())
	require.Equal(t, store.Event{
		ID: args[0].EventID, AppID: "app", Type: store.EventDeliveryDead, At: v.At, NotificationID: a.Notification.ID,
		DeliveryID: d.ID, Channel: "email", Status: "dead", Code: "timeout",
	}, v)
	_, _, err = b.Telling(t.Context(), store.EventArgs{EventID: newID(), EndpointID: e.ID})
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, b.DeleteEndpoint(t.Context(), e.ID, "app", endpointDeleted))
	_, _, err = b.Telling(t.Context(), args[0])
	require.ErrorIs(t, err, store.ErrNotFound)
}

func eventReplay(t *testing.T, b bundle) {
	e := b.endpoint(t, "app", store.EventDeliverySuccess)
	b.endpoint(t, "app")
	e.Off = store.OffByHand
	_, err := b.UpdateEndpoint(t.Context(), e, endpointUpdated)
	require.NoError(t, err)
	d := b.accepted(t, Acceptance("app", "a", 3))
	began := store.Now()
	b.record(t.Context(), t, outcome(d[0], 1, store.DeliverySuccess), outcome(d[1], 1, store.DeliverySuccess), outcome(d[2], 1, store.DeliverySuccess))
	jobs := b.eventJobs(t)
	page := func(after uuid.UUID, until time.Time) store.Replayed {
		replayed, err := b.Replay(t.Context(), store.Replay{
			EndpointID: e.ID, After: after, Until: until, Limit: 2, Audit: []store.AuditEntry{actor.Did(store.AuditEndpointReplay, "e")},
		})
		require.NoError(t, err)
		return replayed
	}
	until := time.Now().Add(time.Minute)
	require.Equal(t, store.Replayed{}, page(uuid.Nil, until), "it is off")
	e.Off = ""
	_, err = b.UpdateEndpoint(t.Context(), e, endpointUpdated)
	require.NoError(t, err)
	first := page(store.FirstID(began), until)
	require.Equal(t, 2, first.Events)
	second := page(first.Last, until)
	require.Equal(t, 1, second.Events)
	require.Equal(t, store.Replayed{}, page(second.Last, until))
	require.Equal(t, store.Replayed{}, page(uuid.Nil, began.Add(-time.Minute)))
	require.Equal(t, jobs+3, b.eventJobs(t))
	args := b.eventArgs(t)[jobs:]
	for _, a := range args {
		v, _, err := b.Telling(t.Context(), a)
		require.NoError(t, err)
		require.Equal(t, store.EventDeliverySuccess, v.Type)
		require.Equal(t, e.ID, a.EndpointID)
	}
	require.Equal(t, 5, entriesOf(t, b, store.AuditEndpointReplay))
}

// A receipt that is kept is told, and a weaker one, which is not kept, is not.
func eventReceipts(t *testing.T, b bundle) {
	a, other := Acceptance("app", "a", 2), Acceptance("other", "other", 1)
	a.Deliveries[1].Test = true
	d, o := b.accepted(t, a), b.accepted(t, other)
	received := func(d store.Delivery, r store.Receipt, code string) store.Received {
		return store.Received{DeliveryID: d.ID, Receipt: r, Code: code, At: store.Now().Add(-time.Hour)}
	}
	b.setReceipts(t, received(d[0], store.ReceiptUnknown, ""))
	require.Empty(t, b.events(t, named(a)), "no app has an endpoint")
	began := store.Now()
	b.endpoint(t, "app")
	b.endpoint(t, "other", store.EventReceiptFailed)
	require.Equal(t, []bool{true, true, true}, b.setReceipts(t, received(d[0], store.ReceiptDelivered, "ok"), received(d[1], store.ReceiptFailed, "no"),
		received(o[0], store.ReceiptRead, "")))
	require.Equal(t, []bool{false}, b.setReceipts(t, received(d[0], store.ReceiptFailed, "late")))
	require.Equal(t, []string{"receipt.delivered a/0 ok", "receipt.failed a/1 no"}, b.events(t, named(a)))
	b.setReceipts(t, received(o[0], store.ReceiptAnswered, ""), received(d[0], store.ReceiptRead, ""))
	require.Equal(t, []string{"receipt.delivered a/0 ok", "receipt.failed a/1 no", "receipt.read a/0 "}, b.events(t, named(a)))
	require.Equal(t, 3, b.eventJobs(t))
	require.Equal(t, 1, b.count(t, "events WHERE test"))
	n, err := b.DeleteEvents(t.Context(), began, 10)
	require.NoError(t, err)
	require.Zero(t, n, "it happened when the service learned it")

	_, err = b.db.ExecContext(t.Context(), `DROP TABLE events`)
	require.NoError(t, err)
	_, err = b.SetReceipts(t.Context(), []store.Received{received(d[0], store.ReceiptAnswered, "")})
	require.Error(t, err)
	require.Equal(t, store.ReceiptRead, b.delivery(t, d[0].ID).Receipt, "neither without the other")
}

func eventLines(t *testing.T, b bundle) {
	one, two := b.endpoint(t, "app"), b.endpoint(t, "app")
	d := b.accepted(t, Acceptance("app", "a", 2))
	b.record(t.Context(), t, outcome(d[0], 1, store.DeliverySuccess))
	lines := func() (queues []string) {
		busy, err := b.BusyLines(t.Context(), store.EventQueue)
		require.NoError(t, err)
		for _, l := range busy {
			queues = append(queues, l.Queue)
		}
		return queues
	}
	require.ElementsMatch(t, []string{one.Line(), two.Line()}, lines())
	require.NotEqual(t, one.Line(), two.Line())
	due, err := b.AnnounceDue(t.Context(), []string{store.EventQueue})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{one.Line(), two.Line()}, due)
	var attempts, priority int
	var state string
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT DISTINCT max_attempts, priority, state FROM river_job WHERE kind = 'event'`).
		Scan(&attempts, &priority, &state))
	require.Equal(t, []any{store.EventAttempts, 1, "available"}, []any{attempts, priority, state})
}

func eventDeleted(t *testing.T, b bundle) {
	b.endpoint(t, "app")
	d := b.accepted(t, Acceptance("app", "a", 1))
	b.record(t.Context(), t, outcome(d[0], 1, store.DeliverySuccess))
	for _, c := range []struct {
		before      time.Time
		limit, want int
	}{{time.Now().Add(-time.Minute), 10, 0}, {time.Now().Add(time.Minute), 1, 1}, {time.Now().Add(time.Minute), 10, 1}} {
		n, err := b.DeleteEvents(t.Context(), c.before, c.limit)
		require.NoError(t, err)
		require.Equal(t, c.want, n)
	}
	require.Zero(t, b.count(t, "events"))
}

func eventConcurrently(t *testing.T, b bundle) {
	b.endpoint(t, "app")
	const deliveries = 40
	a := Acceptance("app", "a", deliveries)
	d := b.accepted(t, a)
	concurrently(t, deliveries, func(i int) {
		_, err := b.Record(t.Context(), []store.Outcome{outcome(d[i], 1, store.DeliverySuccess)})
		require.NoError(t, err)
	})
	told := b.events(t, named(a))
	require.Len(t, told, deliveries+1)
	require.Equal(t, "notification.finished a success", told[deliveries])
	require.Equal(t, deliveries+1, b.eventJobs(t))
}
