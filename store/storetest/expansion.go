package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var expansionCases = map[string]func(*testing.T, bundle){
	"Expand/batches to the end":                    expandAll,
	"Expand/an address once":                       expandOnce,
	"Expand/a batch is written once":               expandFenced,
	"Expand/all or nothing":                        expandAllOrNothing,
	"Expand/nobody has an address":                 expandNobody,
	"Expand/cancelled in the middle":               expandCancelled,
	"Expand/cancelled before the first batch":      expandCancelledFirst,
	"Expand/cancelled when all so far has arrived": expandCancelledLate,
	"Expand/what must not be sent is withheld":     expandWithheld,
	"Expand/erased in the middle":                  expandErased,
	"Expand/erased before the first batch":         expandErasedFirst,
	"Expand/beyond a quota nothing is written":     expandBeyond,
	"Expand/its job was lost":                      expandLost,
	"Expand/many replicas at once":                 expandConcurrently,
	"Expand/cancelled while outcomes come":         expandWhileCancelling,
	"Expand/status while outcomes come":            expandStatus,
	"DeleteClosed/an expansion":                    expandDeleted,
	"DeleteClosed/a large expansion in parts":      expandDeletedInParts,
	"Accept/a key is taken by an expansion":        expandReplayed,
	"ListNotifications/those that expand by state": expandListed,
}

// expanding returns an acceptance whose deliveries are made later.
func expanding(key string) store.Acceptance {
	a := Acceptance("app", key, 0)
	a.Notification.Expansion = &store.Expansion{
		Group: store.ContactKey{Owner: "app", Name: "everyone"},
		Plan: store.ExpansionPlan{
			Texts:  []store.PlannedText{{Channel: "email", MessageID: a.Messages[0].ID}},
			Quotas: []store.Quota{{Channel: "email", Period: store.PerDay, Most: 5}}, AnyPrivate: true, Metadata: []byte(`{"a":1}`),
		},
	}
	return a
}

// batchOf returns the next batch of an expansion, to users by number.
func batchOf(a store.Acceptance, after, last string, users ...int) store.ExpansionBatch {
	b := store.ExpansionBatch{After: after, Last: last, Contacts: len(users), Acceptance: store.Acceptance{Notification: a.Notification}}
	for _, user := range users {
		d := Acceptance("app", "", 1).Deliveries[0]
		d.NotificationID, d.MessageID = a.Notification.ID, a.Messages[0].ID
		d.Recipient.Value = fmt.Sprintf("user%d@example.com", user)
		b.Deliveries, b.Jobs = append(b.Deliveries, d), append(b.Jobs, jobOf(d))
	}
	return b
}

func done(b store.ExpansionBatch) store.ExpansionBatch {
	b.Done = true
	return b
}

func (b bundle) expand(t *testing.T, batch store.ExpansionBatch) store.Expanded {
	t.Helper()
	expanded, err := b.Expand(t.Context(), batch)
	require.NoError(t, err)
	return expanded
}

// requireExpansion requires what is stored of an expansion, and that its deliveries have jobs.
func (b bundle) requireExpansion(t *testing.T, id uuid.UUID, after string, contacts, deliveries int, done bool) store.Notification {
	t.Helper()
	n := b.notification(t, id)
	require.Equal(t, []any{after, contacts, deliveries, done}, []any{n.Expansion.After, n.Expansion.Contacts, n.Expansion.Deliveries, n.Expansion.Done()})
	require.Equal(t, deliveries, n.Counts.Total)
	list, err := b.DeliveriesOf(t.Context(), id, uuid.Nil, 1000)
	require.NoError(t, err)
	require.Len(t, list, deliveries)
	open := 0
	if !done {
		open = 1
	}
	n2, err := b.CountExpansions(t.Context())
	require.NoError(t, err)
	require.Equal(t, open, n2)
	return n
}

func expandAll(t *testing.T, b bundle) {
	a := expanding("k")
	accepted, err := b.Accept(t.Context(), []store.Acceptance{a})
	require.NoError(t, err)
	require.Equal(t, "everyone", accepted[0].Notification.Expansion.Group.Name)
	n := b.requireExpansion(t, a.Notification.ID, "", 0, 0, false)
	require.Equal(t, store.NotificationPending, n.Status)
	require.Equal(t, store.ContactKey{Owner: "app", Name: "everyone"}, n.Expansion.Group)
	require.JSONEq(t, string(a.Notification.Expansion.Plan.JSON()), string(n.Expansion.Plan.JSON()))
	var kind, queue, args string
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT kind, queue, args ->> 'notificationId' FROM river_job WHERE id = $1`, n.Expansion.JobID).Scan(&kind, &queue, &args))
	require.Equal(t, []string{"expand", store.ExpandQueue}, []string{kind, queue})
	require.Equal(t, a.Notification.ID.String(), args)
	_, err = b.Message(t.Context(), a.Messages[0].ID)
	require.NoError(t, err, "it is rendered before anybody gets it")

	require.Len(t, b.expand(t, batchOf(a, "", "c2", 1, 2)).Written.Deliveries, 2)
	b.requireExpansion(t, a.Notification.ID, "c2", 2, 2, false)
	empty := batchOf(a, "c2", "c3")
	empty.Contacts = 1
	require.Empty(t, b.expand(t, empty).Written.Deliveries, "one without an address")
	b.requireExpansion(t, a.Notification.ID, "c3", 3, 2, false)
	expanded := b.expand(t, done(batchOf(a, "c3", "c4", 4)))
	require.True(t, expanded.Expansion.Done())
	n = b.requireExpansion(t, a.Notification.ID, "", 4, 3, true)
	require.Equal(t, store.Stopped(""), n.Expansion.Stopped)
	require.Equal(t, 4, b.count(t, "river_job"))
	counts, err := b.HourlyCounts(t.Context(), "app", "", time.Now().Add(-2*time.Hour))
	require.NoError(t, err)
	sum := 0
	for _, c := range counts {
		sum += c.Amount
	}
	require.Equal(t, 3, sum)
	_, err = b.Expand(t.Context(), batchOf(expanding("other"), "", "c1", 1))
	require.ErrorIs(t, err, store.ErrNotFound)
}

func expandOnce(t *testing.T, b bundle) {
	a, other := expanding("k"), expanding("other")
	b.accept(t, a, other)
	b.expand(t, batchOf(a, "", "c2", 1, 2))
	again := batchOf(a, "c2", "c5", 2, 3, 1)
	again.Deliveries[2].Channel = "sms" // the same address over another channel is another delivery
	expanded := b.expand(t, again)
	require.Len(t, expanded.Written.Deliveries, 2)
	require.Equal(t, 4, expanded.Expansion.Deliveries)
	require.Equal(t, 4, b.notification(t, a.Notification.ID).Counts.Total)
	require.Len(t, b.expand(t, batchOf(other, "", "c2", 1, 2)).Written.Deliveries, 2, "each notification for itself")
}

func expandFenced(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	first := batchOf(a, "", "c2", 1, 2)
	b.expand(t, first)
	require.Empty(t, b.expand(t, first).Written.Deliveries, "the reply to its commit was lost")
	slow := batchOf(a, "", "c3", 1, 2, 3)
	require.Empty(t, b.expand(t, slow).Written.Deliveries, "another worker was faster")
	b.requireExpansion(t, a.Notification.ID, "c2", 2, 2, false)
	b.expand(t, done(batchOf(a, "c2", "c3", 3)))
	require.Empty(t, b.expand(t, batchOf(a, "", "c1", 7)).Written.Deliveries, "it is over")
	b.requireExpansion(t, a.Notification.ID, "", 3, 3, true)
}

func expandAllOrNothing(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	_, err := b.db.ExecContext(t.Context(), `DROP TABLE hourly_counts`) // the last that is written
	require.NoError(t, err)
	_, err = b.Expand(t.Context(), batchOf(a, "", "c2", 1, 2))
	require.Error(t, err)
	b.requireExpansion(t, a.Notification.ID, "", 0, 0, false)
	require.Equal(t, 1, b.count(t, "river_job"))
}

func expandNobody(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	b.expand(t, done(batchOf(a, "", "c2")))
	n := b.requireExpansion(t, a.Notification.ID, "", 0, 0, true)
	require.Equal(t, store.NotificationCancelled, n.Status, "it never ends otherwise")
	listed, err := b.ListNotifications(t.Context(), store.NotificationFilter{Status: store.NotificationCancelled}, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, listed, 1)
}

func expandCancelled(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	b.expand(t, batchOf(a, "", "c2", 1, 2))
	require.Equal(t, 2, b.cancel(t, a.Notification).Deliveries)
	require.Empty(t, b.expand(t, batchOf(a, "c2", "c3", 3)).Written.Deliveries)
	n := b.requireExpansion(t, a.Notification.ID, "", 2, 2, true)
	require.Equal(t, store.StoppedCancelled, n.Expansion.Stopped)
	require.Equal(t, store.NotificationCancelled, n.Status)
}

func expandCancelledFirst(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	c := cancellation(a.Notification)
	c.Audit = []store.AuditEntry{actor.Did(store.AuditNotificationCancel, a.Notification.ID.String())}
	_, err := b.Cancel(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, b.audit(t, store.AuditFilter{}), 1, "it has ended something")
	require.Empty(t, b.expand(t, batchOf(a, "", "c1", 1)).Written.Deliveries)
	require.Equal(t, store.NotificationCancelled, b.requireExpansion(t, a.Notification.ID, "", 0, 0, true).Status)
	_, err = b.Cancel(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, b.audit(t, store.AuditFilter{}), 1)
}

// Contacts are left, so it is no success.
func expandCancelledLate(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	b.expand(t, batchOf(a, "", "c1", 1))
	b.close(t, a)
	b.cancel(t, a.Notification)
	n := b.notification(t, a.Notification.ID)
	require.Equal(t, store.Counts{Total: 1, Success: 1}, n.Counts)
	require.Equal(t, store.NotificationCancelled, n.Status)
	listed, err := b.ListNotifications(t.Context(), store.NotificationFilter{Status: store.NotificationCancelled}, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, listed, 1)
}

// The reasons of all batches add up, and what is withheld uses no cap.
func expandWithheld(t *testing.T, b bundle) {
	b.suppress(t) // user0
	for _, user := range []string{"user1", "user6"} {
		require.NoError(t, b.SwitchOff(t.Context(), store.Preference{
			Recipient: store.Recipient{Type: "email", Value: user + "@example.com"}, Kind: "billing", Source: store.SourceLink, CreatedAt: store.Now(),
		}))
	}
	b.accept(t, capped("billing", "users 0 to 2", 3, 1))
	a := expanding("k")
	a.Notification.Kind = "billing"
	b.accept(t, a)
	batch := func(after, last string, users ...int) store.ExpansionBatch {
		batch := batchOf(a, after, last, users...)
		batch.Kind, batch.Suppressible = capped("billing", "", 0, 1).Kind, true
		batch.Kind.Optional = true
		return batch
	}
	first := b.expand(t, batch("", "c3", 0, 1, 2, 3))
	require.Equal(t, map[store.Withheld]int{
		{Channel: "email", Code: store.CodeSuppressed}: 1, {Channel: "email", Code: store.CodeOptedOut}: 1, {Channel: "email", Code: store.CodeCapped}: 1,
	}, first.Written.Withheld())
	second := b.expand(t, done(batch("c3", "c6", 2, 4, 6)))
	require.Equal(t, map[store.Withheld]int{{Channel: "email", Code: store.CodeOptedOut}: 1}, second.Written.Withheld(), "user2 has a delivery, which says why it was not sent")

	n := b.notification(t, a.Notification.ID)
	require.Equal(t, store.Counts{Total: 6, Pending: 2, Cancelled: 4}, n.Counts)
	require.Equal(t, store.Amounts{store.CodeSuppressed: 1, store.CodeOptedOut: 2, store.CodeCapped: 1}, n.Withheld)
	list, err := b.DeliveriesOf(t.Context(), a.Notification.ID, uuid.Nil, 10)
	require.NoError(t, err)
	var codes []string
	for _, d := range list {
		codes = append(codes, d.LastCode)
		require.Equal(t, d.LastCode != "", d.JobID == store.NoJob)
	}
	require.Equal(t, []string{store.CodeSuppressed, store.CodeOptedOut, store.CodeCapped, "", "", store.CodeOptedOut}, codes)
	later := capped("billing", "users 0 to 4", 5, 2)
	b.accept(t, later)
	require.Zero(t, b.notification(t, later.Notification.ID).Withheld.Sum(), "of two a day, nobody has more than one")
}

func expandErased(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	b.expand(t, batchOf(a, "", "c1", 1))
	require.Equal(t, 1, b.erase(t, erasure(store.Recipient{}, a.Notification.ID)).Messages)
	require.Empty(t, b.expand(t, batchOf(a, "c1", "c2", 2)).Written.Deliveries)
	require.True(t, b.notification(t, a.Notification.ID).Expansion.Done())
}

// The text that nobody has got is erased, too.
func expandErasedFirst(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	for _, want := range []int{1, 0} {
		require.Equal(t, want, b.erase(t, erasure(store.Recipient{}, a.Notification.ID)).Messages)
	}
	m, err := b.Message(t.Context(), a.Messages[0].ID)
	require.NoError(t, err)
	require.Equal(t, store.ErasedText, m.Body)
	require.Empty(t, b.expand(t, batchOf(a, "", "c2", 2)).Written.Deliveries)
	require.Equal(t, store.NotificationCancelled, b.notification(t, a.Notification.ID).Status)
}

func expandBeyond(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a, quotaOf("app", "before", 3, 5))
	batch := batchOf(a, "", "c3", 1, 2, 3)
	batch.Quotas = a.Notification.Expansion.Plan.Quotas
	beyond := b.expand(t, batch)
	require.Equal(t, 3, beyond.Beyond.Used)
	requireUntilEnd(t, store.PerDay, beyond.Beyond.Wait)
	require.Empty(t, beyond.Written.Deliveries)
	b.requireExpansion(t, a.Notification.ID, "", 0, 0, false)
	require.Equal(t, map[string]int{"email/day": 3}, b.used(t, "app"))
	batch = batchOf(a, "", "c2", 1, 2)
	batch.Quotas = a.Notification.Expansion.Plan.Quotas
	require.Nil(t, b.expand(t, batch).Beyond)
	require.Equal(t, map[string]int{"email/day": 5}, b.used(t, "app"))
	repeated := batchOf(a, "c2", "c4", 1, 2)
	repeated.Quotas = batch.Quotas
	require.Nil(t, b.expand(t, repeated).Beyond, "what is left out uses nothing")
}

func expandLost(t *testing.T, b bundle) {
	ended := map[string]func(job int64){
		"deleted":   func(job int64) { b.deleteJob(t, job) },
		"cancelled": func(job int64) { b.setJobState(t, job, store.JobCancelled) },
		"discarded": func(job int64) { b.setJobState(t, job, store.JobDiscarded) },
	}
	var lost []uuid.UUID
	for name, end := range ended {
		a := expanding(name)
		b.accept(t, a)
		end(b.notification(t, a.Notification.ID).Expansion.JobID)
		lost = append(lost, a.Notification.ID)
	}
	works := expanding("works")
	b.accept(t, works)
	b.setJobState(t, b.notification(t, works.Notification.ID).Expansion.JobID, store.JobRetryable)
	got, err := b.EndLostExpansions(t.Context(), store.Now())
	require.NoError(t, err)
	require.ElementsMatch(t, lost, got)
	for _, id := range lost {
		n := b.notification(t, id)
		require.Equal(t, store.StoppedNoJob, n.Expansion.Stopped)
		require.Equal(t, store.NotificationCancelled, n.Status)
	}
	got, err = b.EndLostExpansions(t.Context(), store.Now())
	require.NoError(t, err)
	require.Empty(t, got)
	b.requireExpansion(t, works.Notification.ID, "", 0, 0, false)
}

func expandConcurrently(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	const batches = 5
	errs := make([]error, 4)
	concurrently(t, len(errs), func(i int) {
		for n := range batches {
			after, last := "", fmt.Sprint("c", n+1)
			if n > 0 {
				after = fmt.Sprint("c", n)
			}
			if _, errs[i] = b.Expand(t.Context(), batchOf(a, after, last, 10*n, 10*n+1)); errs[i] != nil {
				return
			}
		}
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	b.requireExpansion(t, a.Notification.ID, "c5", 2*batches, 2*batches, false)
}

// No order of locks ends in a deadlock.
func expandWhileCancelling(t *testing.T, b bundle) {
	const batches = 20
	a := expanding("k")
	b.accept(t, a)
	b.expand(t, batchOf(a, "", "c0", 1000, 1001, 1002, 1003))
	list, err := b.DeliveriesOf(t.Context(), a.Notification.ID, uuid.Nil, 10)
	require.NoError(t, err)
	for _, d := range list {
		b.setJobState(t, d.JobID, store.JobRunning)
	}
	errs := make([]error, 3)
	concurrently(t, len(errs), func(i int) {
		for n := 0; n < batches && errs[i] == nil; n++ {
			switch {
			case i == 0:
				_, errs[i] = b.Expand(t.Context(), batchOf(a, fmt.Sprint("c", n), fmt.Sprint("c", n+1), 2*n, 2*n+1))
			case i == 1 && n < len(list):
				_, errs[i] = b.Record(t.Context(), []store.Outcome{outcome(list[n], 1, store.DeliverySuccess)})
			case i == 2 && n > batches/2:
				_, errs[i] = b.Cancel(t.Context(), cancellation(a.Notification))
			}
		}
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	n := b.notification(t, a.Notification.ID)
	require.True(t, n.Expansion.Done())
	require.Equal(t, n.Expansion.Deliveries, n.Counts.Total)
	require.Zero(t, n.Counts.Pending)
}

func expandStatus(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	b.expand(t, batchOf(a, "", "c2", 1, 2))
	list, err := b.DeliveriesOf(t.Context(), a.Notification.ID, uuid.Nil, 10)
	require.NoError(t, err)
	b.record(t.Context(), t, outcome(list[0], 1, store.DeliverySuccess), outcome(list[1], 1, store.DeliverySuccess))
	require.Equal(t, store.NotificationProcessing, b.notification(t, a.Notification.ID).Status, "all that were made have arrived, and more will be")
	n, _, err := b.DeleteClosed(t.Context(), time.Now().Add(time.Hour), 10)
	require.NoError(t, err)
	require.Zero(t, n)
	b.expand(t, done(batchOf(a, "c2", "c3")))
	require.Equal(t, store.NotificationSuccess, b.notification(t, a.Notification.ID).Status)
}

func expandDeleted(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	b.expand(t, done(batchOf(a, "", "c2")))
	n, _, err := b.DeleteClosed(t.Context(), time.Now().Add(time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	for _, table := range []string{"notifications", "expansions", "messages"} {
		require.Zero(t, b.count(t, table), table)
	}
}

// No transaction is longer than for others.
func expandDeletedInParts(t *testing.T, b bundle) {
	for _, deliveries := range []int{6, 7} {
		a := expanding(fmt.Sprint(deliveries))
		b.accept(t, a)
		users := make([]int, deliveries)
		for i := range users {
			users[i] = i
		}
		b.expand(t, done(batchOf(a, "", "c7", users...)))
		b.close(t, a)
		for deleted := 0; deleted == 0; {
			_, err := b.Message(t.Context(), a.Messages[0].ID)
			require.NoError(t, err)
			var more bool
			deleted, more, err = b.DeleteClosed(t.Context(), time.Now().Add(time.Hour), 3)
			require.NoError(t, err)
			require.True(t, more)
			deliveries = max(0, deliveries-3)
			require.Equal(t, deliveries, b.count(t, "deliveries"))
			require.Equal(t, deliveries, b.count(t, "attempts"))
		}
		_, more, err := b.DeleteClosed(t.Context(), time.Now().Add(time.Hour), 3)
		require.NoError(t, err)
		require.False(t, more)
		for _, table := range []string{"notifications", "deliveries", "expansions", "messages"} {
			require.Zero(t, b.count(t, table), table)
		}
	}
}

func expandReplayed(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	accepted, err := b.Accept(t.Context(), []store.Acceptance{expanding("k"), Acceptance("app", "other", 1)})
	require.NoError(t, err)
	require.True(t, accepted[0].Replayed)
	require.Equal(t, a.Notification.ID, accepted[0].Notification.ID)
	require.NotNil(t, accepted[0].Notification.Expansion)
	require.Nil(t, accepted[1].Notification.Expansion)
	require.Equal(t, 1, b.count(t, "expansions"))
	byKey, err := b.NotificationByKey(t.Context(), "app", "k")
	require.NoError(t, err)
	require.Equal(t, "everyone", byKey.Expansion.Group.Name)
}

func expandListed(t *testing.T, b bundle) {
	a := expanding("k")
	b.accept(t, a)
	for status, want := range map[store.NotificationStatus]int{store.NotificationPending: 1, store.NotificationProcessing: 0} {
		listed, err := b.ListNotifications(t.Context(), store.NotificationFilter{Status: status}, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, listed, want, status)
	}
	b.expand(t, batchOf(a, "", "c1", 1))
	list, err := b.DeliveriesOf(t.Context(), a.Notification.ID, uuid.Nil, 10)
	require.NoError(t, err)
	b.record(t.Context(), t, outcome(list[0], 1, store.DeliverySuccess))
	listed, err := b.ListNotifications(t.Context(), store.NotificationFilter{Status: store.NotificationProcessing}, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, listed, 1)
	require.False(t, listed[0].Expansion.Done())
}
