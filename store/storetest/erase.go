package storetest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var eraseCases = map[string]func(*testing.T, bundle){
	"Erase/a recipient":              eraseRecipient,
	"Erase/a notification":           eraseNotification,
	"Erase/what waits and what runs": eraseOpen,
	"Erase/own messages":             eraseOwnMessages,
	"Erase/nothing is written later": eraseIsFinal,
	"Erase/pages":                    erasePages,
	"EraseUnmatched":                 eraseUnmatched,
	"EraseUnmatched/pages":           eraseUnmatchedPages,
	"EraseMentions":                  eraseMentions,
	"EraseMentions/pages":            eraseMentionsPages,
}

// erasure returns an erasure of one page.
func erasure(r store.Recipient, notification uuid.UUID) store.Erasure {
	return store.Erasure{
		Recipient: r, NotificationID: notification, Limit: 100, Code: "erased", At: store.Now(),
		Audit: []store.AuditEntry{actor.Did(store.AuditRecipientErase, "")},
	}
}

// erase erases a page.
func (b bundle) erase(t *testing.T, e store.Erasure) store.Erased {
	t.Helper()
	done, err := b.Erase(t.Context(), e)
	require.NoError(t, err)
	return done
}

// answered returns an outcome with what a vendor said.
func answered(d store.Delivery, status store.DeliveryStatus) store.Outcome {
	o := outcome(d, 1, status)
	o.Attempt.Error, o.Attempt.Details = "vendor's text", []byte(`{"answer":"vendor's text"}`)
	return o
}

func eraseRecipient(t *testing.T, b bundle) {
	shared, own := Acceptance("app", "shared", 2), Acceptance("other", "own", 1)
	b.accept(t, shared, own)
	person := shared.Deliveries[0].Recipient
	require.Equal(t, person, own.Deliveries[0].Recipient)
	deliveries, err := b.DeliveriesOf(t.Context(), own.Notification.ID, uuid.Nil, 10)
	require.NoError(t, err)
	b.record(t.Context(), t, answered(deliveries[0], store.DeliveryDead))
	for typ, want := range map[string]int{"email": 2, "phone": 0} {
		n, err := b.CountErasable(t.Context(), erasure(store.Recipient{Type: typ, Value: person.Value}, uuid.Nil))
		require.NoError(t, err)
		require.Equal(t, want, n)
	}

	done := b.erase(t, erasure(person, uuid.Nil))
	require.Equal(t, store.Erased{Deliveries: 2, Cancelled: 1, Messages: 1, Shared: 1, Last: own.Deliveries[0].ID}, done)
	got := b.delivery(t, own.Deliveries[0].ID)
	require.True(t, got.IsErased())
	require.Equal(t, store.Recipient{Type: "email", Value: store.ErasedText}, got.Recipient)
	require.Equal(t, []string{"", "timeout"}, []string{got.LastError, got.LastCode})
	require.Nil(t, got.Details)
	require.Equal(t, []any{store.DeliveryDead, 1}, []any{got.Status, got.Attempts})
	attempts, err := b.Attempts(t.Context(), got.ID)
	require.NoError(t, err)
	require.Len(t, attempts, 1)
	require.Empty(t, attempts[0].Error)
	require.Nil(t, attempts[0].Details)
	for id, body := range map[uuid.UUID]string{own.Messages[0].ID: store.ErasedText, shared.Messages[0].ID: "Disk is full"} {
		m, err := b.Message(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, body, m.Body)
	}
	require.Equal(t, shared.Deliveries[1].Recipient, b.delivery(t, shared.Deliveries[1].ID).Recipient, "the other recipient's stays")
	require.Equal(t, store.Counts{Total: 1, Dead: 1}, b.notification(t, own.Notification.ID).Counts)
	require.Equal(t, store.Counts{Total: 2, Pending: 1, Cancelled: 1}, b.notification(t, shared.Notification.ID).Counts)
	require.Equal(t, store.Erased{}, b.erase(t, erasure(person, uuid.Nil)), "again")
	require.Equal(t, 2, b.count(t, "audit"))

	replayed, err := b.Accept(t.Context(), []store.Acceptance{Acceptance("other", "own", 1)})
	require.NoError(t, err)
	require.True(t, replayed[0].Replayed)
	require.Equal(t, own.Notification.ID, replayed[0].Notification.ID)
	require.Equal(t, own.Notification.RequestHash, replayed[0].Notification.RequestHash)
}

func eraseNotification(t *testing.T, b bundle) {
	a := Acceptance("app", "key", 3)
	a.Messages[0].Params = []byte(`{"name":"Alice"}`)
	b.accept(t, a, Acceptance("app", "other", 1))
	done := b.erase(t, erasure(store.Recipient{}, a.Notification.ID))
	require.Equal(t, store.Erased{Deliveries: 3, Cancelled: 3, Messages: 1, Last: a.Deliveries[2].ID}, done)
	m, err := b.Message(t.Context(), a.Messages[0].ID)
	require.NoError(t, err)
	require.Equal(t, []string{"", store.ErasedText, ""}, []string{m.Subject, m.Body, string(m.Params)})
	require.Equal(t, store.NotificationCancelled, b.notification(t, a.Notification.ID).Status)
	require.Equal(t, 1, b.count(t, "river_job"), "only the other's job waits")
}

func eraseOpen(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 2)
	b.setJobState(t, deliveries[0].JobID, store.JobRunning)
	done := b.erase(t, erasure(store.Recipient{}, n.ID))
	require.Equal(t, store.Erased{Deliveries: 1, Cancelled: 1, Running: 1, Shared: 1, Last: deliveries[1].ID}, done)
	require.Equal(t, deliveries[0].Recipient, b.delivery(t, deliveries[0].ID).Recipient)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliverySuccess))
	done = b.erase(t, erasure(store.Recipient{}, n.ID))
	require.Equal(t, store.Erased{Deliveries: 1, Messages: 1, Last: deliveries[0].ID}, done)
	require.Equal(t, store.Counts{Total: 2, Success: 1, Cancelled: 1}, b.notification(t, n.ID).Counts)
}

// Where recipients have messages of their own, those are erased too, but for one that a running
// delivery needs.
func eraseOwnMessages(t *testing.T, b bundle) {
	const own = 20
	a := Acceptance("app", "key", own+1)
	for i := 1; i < own; i++ { // the last two share the last one
		m := a.Messages[0]
		m.ID, m.Body = uuid.Must(uuid.NewV7()), "own"
		a.Messages = append(a.Messages, m)
		a.Deliveries[i].MessageID = m.ID
	}
	a.Deliveries[own].MessageID = a.Messages[own-1].ID
	b.accept(t, a)
	deliveries, err := b.DeliveriesOf(t.Context(), a.Notification.ID, uuid.Nil, own+1)
	require.NoError(t, err)
	b.setJobState(t, deliveries[own].JobID, store.JobRunning)
	done := b.erase(t, erasure(store.Recipient{}, a.Notification.ID))
	require.Equal(t, store.Erased{Deliveries: own, Cancelled: own, Running: 1, Messages: own - 1, Shared: 1, Last: deliveries[own].ID}, done)
	for i, m := range a.Messages {
		stored, err := b.Message(t.Context(), m.ID)
		require.NoError(t, err)
		require.Equal(t, i == own-1, stored.Body != store.ErasedText, i)
	}
}

// A late outcome and a retry would bring back what was erased.
func eraseIsFinal(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 1)
	d := deliveries[0]
	b.erase(t, erasure(store.Recipient{}, n.ID))
	require.Equal(t, []bool{false}, b.record(t.Context(), t, answered(d, store.DeliveryDead)))
	requeued, err := b.Requeue(t.Context(), []store.Requeue{{DeliveryID: d.ID, JobID: d.JobID, Job: jobOf(d), At: store.Now(), Audit: actor.Did(store.AuditDeliveryRetry, d.ID.String())}})
	require.NoError(t, err)
	require.Equal(t, []bool{false}, requeued)
	reopened, err := b.Reopen(t.Context(), d.ID, d.JobID, 0)
	require.NoError(t, err)
	require.False(t, reopened)
	orphans, err := b.Orphans(t.Context(), uuid.Nil, 10)
	require.NoError(t, err)
	require.Empty(t, orphans)
}

func erasePages(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 5)
	e := erasure(store.Recipient{}, n.ID)
	e.Limit = 2
	for i, want := range []int{2, 2, 1, 0} {
		done := b.erase(t, e)
		require.Equal(t, want, done.Deliveries)
		if want > 0 {
			e.After = done.Last
			require.Equal(t, deliveries[min(2*i+1, 4)].ID, done.Last)
		}
	}
	m, err := b.Message(t.Context(), deliveries[0].MessageID)
	require.NoError(t, err)
	require.Equal(t, store.ErasedText, m.Body)
}

func eraseUnmatched(t *testing.T, b bundle) {
	alice, bob := store.Recipient{Type: "phone", Value: "+8613800000001"}, store.Recipient{Type: "user_id", Value: "bob"}
	both, one, none := Acceptance("app", "1", 1), Acceptance("app", "2", 1), Acceptance("app", "3", 1)
	both.Notification.Unmatched = []store.Recipient{bob, alice}
	one.Notification.Unmatched = []store.Recipient{alice}
	b.accept(t, both, one, none)
	unmatched := func(a store.Acceptance) []store.Recipient { return b.notification(t, a.Notification.ID).Unmatched }

	for _, want := range []int{2, 0} {
		n, err := b.EraseUnmatched(t.Context(), erasure(alice, uuid.Nil))
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	gone := store.Recipient{Type: "phone", Value: store.ErasedText}
	require.Equal(t, []store.Recipient{bob, gone}, unmatched(both))
	require.Equal(t, []store.Recipient{gone}, unmatched(one))
	require.Empty(t, unmatched(none))

	for _, want := range []int{1, 0} {
		n, err := b.EraseUnmatched(t.Context(), erasure(store.Recipient{}, both.Notification.ID))
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	require.Equal(t, []store.Recipient{{Type: "user_id", Value: store.ErasedText}, gone}, unmatched(both))
}

// A page is a few notifications, however many there are, and the addresses of deleted ones are gone.
func eraseUnmatchedPages(t *testing.T, b bundle) {
	alice, bob := store.Recipient{Type: "phone", Value: "+8613800000001"}, store.Recipient{Type: "user_id", Value: "bob"}
	var all []store.Acceptance
	for _, key := range []string{"1", "2", "3"} {
		a := Acceptance("app", key, 1)
		a.Notification.Unmatched = []store.Recipient{alice, bob, alice}
		all = append(all, a)
	}
	b.accept(t, all...)
	require.Equal(t, 6, b.count(t, "unmatched_recipients"))
	e := erasure(alice, uuid.Nil)
	e.Limit = 2
	for _, want := range []int{2, 1, 0} {
		n, err := b.EraseUnmatched(t.Context(), e)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	for _, r := range []store.Recipient{{Type: "phone", Value: store.ErasedText}, {Type: "user_id", Value: "carol"}} {
		n, err := b.EraseUnmatched(t.Context(), erasure(r, uuid.Nil))
		require.NoError(t, err)
		require.Zero(t, n)
	}
	require.Equal(t, []store.Recipient{{Type: "phone", Value: store.ErasedText}, bob, {Type: "phone", Value: store.ErasedText}},
		b.notification(t, all[2].Notification.ID).Unmatched)

	for _, a := range all {
		b.erase(t, erasure(store.Recipient{}, a.Notification.ID)) // cancels what waits
	}
	deleted, _, err := b.DeleteClosed(t.Context(), store.Now().AddDate(0, 0, 1), 100)
	require.NoError(t, err)
	require.Equal(t, 3, deleted)
	require.Zero(t, b.count(t, "unmatched_recipients"))
}

func eraseMentions(t *testing.T, b bundle) {
	alice, bob := store.Recipient{Type: "feishu_user_id", Value: "ou_alice"}, store.Recipient{Type: "feishu_user_id", Value: "ou_bob", Configured: true}
	both, one, none := Acceptance("app", "1", 1), Acceptance("app", "2", 1), Acceptance("app", "3", 1)
	both.Messages[0].Mention = []store.Recipient{bob, alice}
	one.Messages[0].Mention = []store.Recipient{alice}
	b.accept(t, both, one, none)
	mention := func(a store.Acceptance) []store.Recipient {
		t.Helper()
		m, err := b.Message(t.Context(), a.Messages[0].ID)
		require.NoError(t, err)
		found, err := b.FindMessages(t.Context(), []uuid.UUID{m.ID})
		require.NoError(t, err)
		require.Equal(t, []store.Message{m}, found)
		require.Equal(t, a.Messages[0].Body, m.Body, "the text stays")
		return m.Mention
	}
	require.Equal(t, both.Messages[0].Mention, mention(both))
	require.Empty(t, mention(none))

	for _, want := range []int{2, 0} {
		n, err := b.EraseMentions(t.Context(), erasure(alice, uuid.Nil))
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	gone := store.Recipient{Type: "feishu_user_id", Value: store.ErasedText}
	require.Equal(t, []store.Recipient{bob, gone}, mention(both))
	require.Equal(t, []store.Recipient{gone}, mention(one))

	b.erase(t, erasure(store.Recipient{}, both.Notification.ID))
	m, err := b.Message(t.Context(), both.Messages[0].ID)
	require.NoError(t, err)
	require.Empty(t, m.Mention, "with the text go the mentions")
}

// A page is a few messages, however many mention the recipient, and the mentions of deleted ones are gone.
func eraseMentionsPages(t *testing.T, b bundle) {
	alice, bob := store.Recipient{Type: "feishu_user_id", Value: "ou_alice"}, store.Recipient{Type: "feishu_user_id", Value: "ou_bob"}
	var all []store.Acceptance
	for _, key := range []string{"1", "2", "3"} {
		a := Acceptance("app", key, 1)
		a.Messages[0].Mention = []store.Recipient{alice, bob, alice}
		all = append(all, a)
	}
	b.accept(t, append(all, Acceptance("app", "4", 1))...)
	require.Equal(t, 6, b.count(t, "mentioned_recipients"))
	e := erasure(alice, uuid.Nil)
	e.Limit = 2
	for _, want := range []int{2, 1, 0} {
		n, err := b.EraseMentions(t.Context(), e)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	gone := store.Recipient{Type: alice.Type, Value: store.ErasedText}
	for _, r := range []store.Recipient{gone, {Type: "email", Value: bob.Value}, {Type: bob.Type, Value: "ou_carol"}} {
		n, err := b.EraseMentions(t.Context(), erasure(r, uuid.Nil))
		require.NoError(t, err)
		require.Zero(t, n)
	}
	m, err := b.Message(t.Context(), all[2].Messages[0].ID)
	require.NoError(t, err)
	require.Equal(t, []store.Recipient{gone, bob, gone}, m.Mention)

	b.erase(t, erasure(store.Recipient{}, all[0].Notification.ID)) // which erases the list
	require.Equal(t, 4, b.count(t, "mentioned_recipients"))
	for _, a := range all[1:] {
		b.close(t, a)
	}
	deleted, _, err := b.DeleteClosed(t.Context(), store.Now().AddDate(0, 0, 1), 100)
	require.NoError(t, err)
	require.Equal(t, 3, deleted)
	require.Zero(t, b.count(t, "mentioned_recipients"))
}
