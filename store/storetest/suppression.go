package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var suppressionCases = map[string]func(*testing.T, bundle){
	"Record/a refused address is suppressed":                     suppressRecorded,
	"Record/a fenced outcome suppresses nothing":                 suppressFenced,
	"Record/refused and reached in one batch":                    suppressBatch,
	"Record/a success ends the suppression, a test does not":     suppressEnded,
	"Accept/suppressed addresses get cancelled deliveries":       suppressAccept,
	"Accept/what suppresses nothing":                             suppressPassed,
	"Accept/a suppression that another replica has written":      suppressUnknown,
	"Suppressions/list, filter, delete":                          suppressionList,
	"Suppressions/those that have ended count for nothing":       suppressionEnded,
	"ForgetRecipient/suppressions and preferences of an address": recipientForgotten,
}

// refused returns the outcome of an attempt whose address the vendor refuses for good.
func refused(d store.Delivery, attempt int) store.Outcome {
	o := outcome(d, attempt, store.DeliveryDead)
	o.Attempt.Class, o.Attempt.Code, o.Attempt.Error = "permanent", "smtp_5.1.1", "550 5.1.1 ***: no such user"
	until := store.Now().Add(time.Hour)
	o.SuppressUntil = &until
	return o
}

// suppressions returns those in force.
func (b bundle) suppressions(t *testing.T) []store.Suppression {
	t.Helper()
	found, err := b.ListSuppressions(t.Context(), store.SuppressionFilter{}, uuid.Nil, 100)
	require.NoError(t, err)
	return found
}

// suppress suppresses user0@example.com and returns the delivery that it was refused with.
func (b bundle) suppress(t *testing.T) store.Delivery {
	t.Helper()
	_, deliveries := b.acceptOne(t, 1)
	require.Equal(t, []bool{true}, b.record(t.Context(), t, refused(deliveries[0], 1)))
	return deliveries[0]
}

// suppressible returns an acceptance for which suppressions count.
func suppressible(key string, recipients int) store.Acceptance {
	a := Acceptance("app", key, recipients)
	a.Suppressible = true
	return a
}

// acceptSuppressible accepts a batch, and returns the deliveries of its first acceptance.
func (b bundle) acceptSuppressible(t *testing.T, batch ...store.Acceptance) []store.Delivery {
	t.Helper()
	b.accept(t, batch...)
	deliveries, err := b.DeliveriesOf(t.Context(), batch[0].Notification.ID, uuid.Nil, 100)
	require.NoError(t, err)
	return deliveries
}

func suppressRecorded(t *testing.T, b bundle) {
	d := b.suppress(t)
	first := b.suppressions(t)
	require.Len(t, first, 1)
	require.Equal(t, "email", first[0].Channel)
	require.Equal(t, store.Recipient{Type: "email", Value: d.Recipient.Value}, first[0].Recipient)
	require.Equal(t, "smtp_5.1.1", first[0].Code)
	require.Equal(t, "550 5.1.1 ***: no such user", first[0].Error)
	require.WithinDuration(t, time.Now().Add(time.Hour), first[0].Until, time.Minute)

	_, again := b.acceptOne(t, 1)
	renewed := refused(again[0], 1)
	*renewed.SuppressUntil = renewed.SuppressUntil.Add(time.Hour)
	b.record(t.Context(), t, renewed)
	second := b.suppressions(t)
	require.Len(t, second, 1, "the newest refusal counts")
	require.Equal(t, renewed.Attempt.ID, second[0].ID)
	require.Equal(t, *renewed.SuppressUntil, second[0].Until)
}

func suppressFenced(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 1)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliverySuccess))
	require.Equal(t, []bool{false}, b.record(t.Context(), t, refused(deliveries[0], 2)))
	require.Empty(t, b.suppressions(t))
}

func suppressBatch(t *testing.T, b bundle) {
	var batch []store.Outcome
	for i := range 3 {
		_, deliveries := b.acceptOne(t, 2)
		batch = append(batch, refused(deliveries[0], 1)) // the same address three times
		if i == 0 {
			batch = append(batch, refused(deliveries[1], 1))
		} else {
			batch = append(batch, outcome(deliveries[1], 1, store.DeliverySuccess))
		}
	}
	b.record(t.Context(), t, batch...)
	found := b.suppressions(t)
	require.Len(t, found, 1, "what was reached is not suppressed")
	require.Equal(t, "user0@example.com", found[0].Recipient.Value)
}

func suppressEnded(t *testing.T, b bundle) {
	b.suppress(t)
	test := Acceptance("app:test", "test", 1)
	test.Deliveries[0].Test = true
	b.accept(t, test)
	deliveries, err := b.DeliveriesOf(t.Context(), test.Notification.ID, uuid.Nil, 1)
	require.NoError(t, err)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliverySuccess))
	require.Len(t, b.suppressions(t), 1)

	_, deliveries = b.acceptOne(t, 1)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliverySuccess))
	require.Empty(t, b.suppressions(t))
}

func suppressAccept(t *testing.T, b bundle) {
	b.suppress(t)
	a := suppressible("a", 3)
	deliveries := b.acceptSuppressible(t, a, suppressible("b", 1))
	require.Equal(t, store.DeliveryCancelled, deliveries[0].Status)
	require.Equal(t, store.CodeSuppressed, deliveries[0].LastCode)
	require.Contains(t, deliveries[0].LastError, "smtp_5.1.1")
	require.NotContains(t, deliveries[0].LastError, "@")
	require.EqualValues(t, store.NoJob, deliveries[0].JobID)
	require.Equal(t, store.DeliveryPending, deliveries[1].Status)
	n := b.notification(t, a.Notification.ID)
	require.Equal(t, store.Counts{Total: 3, Pending: 2, Cancelled: 1}, n.Counts)
	require.Equal(t, store.Amounts{store.CodeSuppressed: 1}, n.Withheld)

	other := suppressible("other channel", 1)
	other.Deliveries[0].Channel = "inapp"
	require.Equal(t, store.DeliveryPending, b.acceptSuppressible(t, other)[0].Status)
	other = suppressible("other type", 1)
	other.Deliveries[0].Recipient.Type = "user_id"
	require.Equal(t, store.DeliveryPending, b.acceptSuppressible(t, other)[0].Status)
}

func suppressPassed(t *testing.T, b bundle) {
	b.suppress(t)
	passes := suppressible("passes", 1)
	passes.Passes = true
	require.Equal(t, store.DeliveryPending, b.acceptSuppressible(t, passes)[0].Status)
	unasked := Acceptance("app", "unasked", 1)
	require.Equal(t, store.DeliveryPending, b.acceptSuppressible(t, unasked, suppressible("asked", 1))[0].Status)
}

func suppressUnknown(t *testing.T, b bundle) {
	require.Equal(t, store.DeliveryPending, b.acceptSuppressible(t, suppressible("before", 1))[0].Status)
	_, err := b.db.ExecContext(t.Context(), `INSERT INTO suppressions
		(id, channel, recipient_type, recipient_value, code, error, created_at, until)
		SELECT id, channel, recipient_type, recipient_value, '', '', created_at, created_at FROM deliveries LIMIT 1`)
	require.NoError(t, err)
	b.suppress(t) // as another replica does, for this store has accepted nothing since
	for i := range 3 {
		require.Equal(t, store.DeliveryCancelled, b.acceptSuppressible(t, suppressible(fmt.Sprint(i), 1))[0].Status)
	}
	require.NoError(t, b.DeleteSuppression(t.Context(), b.suppressions(t)[0].ID, actor.Did(store.AuditSuppressionDelete, "")))
	for i := range 3 {
		require.Equal(t, store.DeliveryPending, b.acceptSuppressible(t, suppressible(fmt.Sprint("free", i), 1))[0].Status)
	}
}

func suppressionList(t *testing.T, b bundle) {
	var batch []store.Outcome
	_, deliveries := b.acceptOne(t, 5)
	for _, d := range deliveries {
		batch = append(batch, refused(d, 1))
	}
	b.record(t.Context(), t, batch...)
	var seen []string
	for after := uuid.Nil; ; {
		page, err := b.ListSuppressions(t.Context(), store.SuppressionFilter{Channel: "email"}, after, 2)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, s := range page {
			seen = append(seen, s.Recipient.Value)
		}
		after = page[len(page)-1].ID
	}
	require.Equal(t, []string{"user4@example.com", "user3@example.com", "user2@example.com", "user1@example.com", "user0@example.com"}, seen)
	found, err := b.ListSuppressions(t.Context(), store.SuppressionFilter{Recipient: "user3@example.com"}, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, found, 1)
	none, err := b.ListSuppressions(t.Context(), store.SuppressionFilter{Channel: "sms"}, uuid.Nil, 10)
	require.NoError(t, err)
	require.Empty(t, none)

	entry := actor.Did(store.AuditSuppressionDelete, found[0].ID.String())
	require.NoError(t, b.DeleteSuppression(t.Context(), found[0].ID, entry))
	require.ErrorIs(t, b.DeleteSuppression(t.Context(), found[0].ID, entry), store.ErrNotFound)
	require.Equal(t, 1, entriesOf(t, b, store.AuditSuppressionDelete))
	require.Len(t, b.suppressions(t), 4)
}

func suppressionEnded(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 3)
	for _, d := range deliveries {
		over := refused(d, 1)
		*over.SuppressUntil = store.Now().Add(-time.Minute)
		b.record(t.Context(), t, over)
	}
	require.Empty(t, b.suppressions(t))
	for i := range 2 {
		require.Equal(t, store.DeliveryPending, b.acceptSuppressible(t, suppressible(fmt.Sprint(i), 1))[0].Status)
	}
	b.record(t.Context(), t, refused(b.acceptSuppressible(t, Acceptance("app", "more", 2))[1], 1))
	for _, want := range []int{1, 1, 0} {
		forgotten, err := b.ForgetSuppressions(t.Context(), store.Now(), 1)
		require.NoError(t, err)
		require.Equal(t, want, forgotten)
	}
	require.Equal(t, 1, b.count(t, "suppressions"))
}

func recipientForgotten(t *testing.T, b bundle) {
	b.suppress(t)
	alice := store.Recipient{Type: "email", Value: "user0@example.com"}
	bob := store.Recipient{Type: "email", Value: "bob@example.com"}
	for _, r := range []store.Recipient{alice, bob} {
		require.NoError(t, b.SwitchOff(t.Context(), store.Preference{Recipient: r, Kind: "billing", Source: store.SourceLink, CreatedAt: store.Now()}))
	}
	forgotten, err := b.ForgetRecipient(t.Context(), alice)
	require.NoError(t, err)
	require.Equal(t, 2, forgotten)
	require.Empty(t, b.suppressions(t))
	off, err := b.Preferences(t.Context(), alice)
	require.NoError(t, err)
	require.Empty(t, off)
	off, err = b.Preferences(t.Context(), bob)
	require.NoError(t, err)
	require.Len(t, off, 1)
	forgotten, err = b.ForgetRecipient(t.Context(), alice)
	require.NoError(t, err)
	require.Zero(t, forgotten)
}
