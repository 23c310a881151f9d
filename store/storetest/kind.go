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

var kindCases = map[string]func(*testing.T, bundle){
	"Kinds/write, read and delete": kindWrite,
	"Kinds/list":                   kindList,
	"Accept/a stale kind":          kindStale,
}

var withholdCases = map[string]func(*testing.T, bundle){
	"Accept/beyond a cap deliveries are cancelled":      capSpent,
	"Accept/caps of kinds, channels, recipients, days":  capsApart,
	"Accept/what is not sent uses no cap":               capUnused,
	"Accept/what passes uses no cap":                    capPassed,
	"Accept/caps are exact when many accept":            capConcurrently,
	"Accept/caps of the same people in opposite orders": capOppositeBatches,
	"Requeue/a capped delivery":                         capRequeued,
	"Requeue/quiet hours":                               requeueQuiet,
	"Erase/capped deliveries and counters":              capErased,
	"ForgetRecipientUses":                               capForgotten,
}

var kindWritten, kindDeleted = actor.Did(store.AuditKindWrite, "billing"), actor.Did(store.AuditKindDelete, "billing")

// billing returns a kind with everything that a kind has.
func billing() store.Kind {
	return store.Kind{
		Name: "billing", Description: "欠费", Channels: []string{"email", "sms"}, Optional: true,
		Quiet: &store.Quiet{From: "22:00", To: "08:00", TimeZone: "Asia/Shanghai", Channels: []string{"sms"}},
		Caps:  map[string]store.Cap{"email": {Limit: 2, Per: store.PerDay}}, UpdatedAt: store.Now(), UpdatedBy: "operator",
		Digest: &store.Digest{Key: "workspace", Window: "1h30m", Template: "bills"},
	}
}

// capped returns an acceptance of a kind with a cap on its deliveries over email.
func capped(kind, key string, recipients, limit int) store.Acceptance {
	a := Acceptance("app", key, recipients)
	a.Notification.Kind = kind
	a.Kind = &store.Kind{Name: kind, Caps: map[string]store.Cap{"email": {Limit: limit, Per: store.PerDay}}}
	return a
}

// withKind stores the kinds of acceptances.
func (b bundle) withKind(t *testing.T, batch ...store.Acceptance) {
	t.Helper()
	for _, a := range batch {
		require.NoError(t, b.PutKind(t.Context(), *a.Kind, kindWritten))
	}
}

func kindWrite(t *testing.T, b bundle) {
	_, err := b.Kind(t.Context(), "billing")
	require.ErrorIs(t, err, store.ErrNotFound)
	for _, k := range []store.Kind{billing(), {Name: "billing", Critical: true, UpdatedAt: store.Now(), UpdatedBy: "operator"}, billing()} {
		require.NoError(t, b.PutKind(t.Context(), k, kindWritten))
		stored, err := b.Kind(t.Context(), "billing")
		require.NoError(t, err)
		if k.Channels == nil {
			require.Empty(t, stored.Channels)
			require.Empty(t, stored.Caps)
			stored.Channels, stored.Caps = nil, nil
		}
		require.Equal(t, k, stored)
	}
	require.NoError(t, b.DeleteKind(t.Context(), "billing", kindDeleted))
	_, err = b.Kind(t.Context(), "billing")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, b.DeleteKind(t.Context(), "billing", kindDeleted), store.ErrNotFound)
	require.Equal(t, 3, entriesOf(t, b, store.AuditKindWrite))
	require.Equal(t, 1, entriesOf(t, b, store.AuditKindDelete))
}

func kindList(t *testing.T, b bundle) {
	for _, name := range []string{"b", "C", "a", "ä"} {
		require.NoError(t, b.PutKind(t.Context(), store.Kind{Name: name, UpdatedAt: store.Now()}, kindWritten))
	}
	var names []string
	for after := ""; ; {
		page, err := b.ListKinds(t.Context(), after, 2)
		require.NoError(t, err)
		for _, k := range page {
			names = append(names, k.Name)
		}
		if len(page) < 2 {
			break
		}
		after = page[1].Name
	}
	require.Equal(t, []string{"C", "a", "b", "ä"}, names, "by bytes")
}

func kindStale(t *testing.T, b bundle) {
	of := func(k store.Kind) store.Acceptance {
		a := Acceptance("app", uuid.NewString(), 1)
		a.Kind, a.CheckKind, a.Notification.Kind = &k, true, k.Name
		return a
	}
	k := billing()
	_, err := b.Accept(t.Context(), []store.Acceptance{of(k)})
	require.ErrorIs(t, err, store.ErrStale, "there is none")
	require.NoError(t, b.PutKind(t.Context(), k, kindWritten))
	a := of(k)
	b.accept(t, a)
	require.Equal(t, "billing", b.notification(t, a.Notification.ID).Kind)

	changed := k
	changed.UpdatedAt = k.UpdatedAt.Add(time.Second)
	require.NoError(t, b.PutKind(t.Context(), changed, kindWritten))
	_, err = b.Accept(t.Context(), []store.Acceptance{of(changed), of(k)})
	require.ErrorIs(t, err, store.ErrStale)
	b.accept(t, of(changed))
	require.Equal(t, 2, b.count(t, "notifications"))
}

func capSpent(t *testing.T, b bundle) {
	batch := []store.Acceptance{capped("billing", "1", 3, 2), capped("billing", "2", 2, 2), capped("billing", "3", 4, 2), capped("billing", "4", 2, 2)}
	b.withKind(t, batch[0])
	accepted, err := b.Accept(t.Context(), batch[:3])
	require.NoError(t, err)
	last, err := b.Accept(t.Context(), batch[3:])
	require.NoError(t, err)
	// Two people had theirs with 1 and 2. The third one has the second with 3, the fourth the first.
	want := []struct {
		withheld int
		status   store.NotificationStatus
	}{{0, store.NotificationPending}, {0, store.NotificationPending}, {2, store.NotificationProcessing}, {2, store.NotificationCancelled}}
	for i, a := range append(accepted, last...) {
		total := len(batch[i].Deliveries)
		stored := b.notification(t, batch[i].Notification.ID)
		require.Equal(t, stored, a.Notification, i)
		require.Equal(t, want[i].status, stored.Status)
		require.Equal(t, store.Counts{Total: total, Pending: total - want[i].withheld, Cancelled: want[i].withheld}, stored.Counts)
		if want[i].withheld == 0 {
			require.Nil(t, a.Withheld)
			require.Nil(t, stored.Withheld)
			continue
		}
		require.Equal(t, map[store.Withheld]int{{Channel: "email", Code: store.CodeCapped}: want[i].withheld}, a.Withheld)
		require.Equal(t, store.Amounts{store.CodeCapped: want[i].withheld}, stored.Withheld)
	}
	require.Empty(t, batch[3].Notification.Withheld, "what was given stays as it was, for another try")
	require.Equal(t, store.DeliveryPending, batch[3].Deliveries[0].Status)

	d := b.delivery(t, batch[3].Deliveries[0].ID)
	require.Equal(t, store.DeliveryCancelled, d.Status)
	require.Equal(t, store.CodeCapped, d.LastCode)
	require.Equal(t, "kind billing allows a recipient 2 a day over email", d.LastError)
	require.Equal(t, int64(store.NoJob), d.JobID)
	require.False(t, d.IsErased())
	require.Equal(t, 7, b.count(t, "river_job"))
	orphans, err := b.Orphans(t.Context(), uuid.Nil, 100)
	require.NoError(t, err)
	require.Empty(t, orphans)
	counted := map[store.Counted]int{}
	counts, err := b.HourlyCounts(t.Context(), "", "", time.Now().Add(-2*time.Hour))
	require.NoError(t, err)
	for _, c := range counts {
		counted[c.Counted] += c.Amount
		require.Equal(t, c.Counted == store.CountedWithheld, c.Code == store.CodeCapped)
	}
	require.Equal(t, map[store.Counted]int{store.CountedAccepted: 11, store.CountedWithheld: 4}, counted)
}

func capsApart(t *testing.T, b bundle) {
	withheld := func(a store.Acceptance) int {
		b.withKind(t, a)
		accepted, err := b.Accept(t.Context(), []store.Acceptance{a})
		require.NoError(t, err)
		return accepted[0].Notification.Withheld.Sum()
	}
	require.Zero(t, withheld(capped("billing", "1", 1, 1)))
	require.Equal(t, 1, withheld(capped("billing", "2", 1, 1)))
	require.Zero(t, withheld(capped("news", "3", 1, 1)), "another kind")
	require.Equal(t, 1, withheld(capped("billing", "4", 2, 1)), "another recipient beside")
	other := capped("billing", "5", 1, 1)
	other.Deliveries[0].Recipient.Type = "userid"
	require.Zero(t, withheld(other), "another type of address")
	sms := capped("billing", "6", 1, 1)
	sms.Deliveries[0].Channel = "sms"
	require.Zero(t, withheld(sms), "the channel has no cap")
	require.Zero(t, withheld(capped("billing", "7", 1, 2)), "the limit has grown")
	require.Equal(t, 1, withheld(capped("billing", "8", 1, 2)))

	// Tomorrow's begin at midnight in the kind's zone, and quiet hours carry a delivery there.
	shanghai, err := store.LoadZone("Asia/Shanghai")
	require.NoError(t, err)
	year, month, day := time.Now().In(shanghai).Date()
	at := func(hour int) *time.Time { at := time.Date(year, month, day+1, hour, 0, 0, 0, shanghai); return &at }
	for i, at := range []struct {
		sendAt *time.Time
		quiet  string
		capped bool
	}{{at(0), "", false}, {at(1), "", true}, {at(25), "", false}, {at(23), "22:00-08:00 Asia/Shanghai", true}, {at(47), "22:00-08:00 Asia/Shanghai", false}} {
		a := capped("zoned", fmt.Sprint("zoned", i), 1, 1)
		a.Kind.Quiet = &store.Quiet{From: "22:00", To: "08:00", TimeZone: "Asia/Shanghai"}
		a.Notification.SendAt, a.Deliveries[0].SendAt, a.Deliveries[0].Quiet = at.sendAt, at.sendAt, at.quiet
		require.Equal(t, at.capped, withheld(a) == 1, i)
	}
}

func capUnused(t *testing.T, b bundle) {
	first := capped("billing", "k", 1, 2)
	b.withKind(t, first)
	b.accept(t, first)
	for range 3 {
		accepted, err := b.Accept(t.Context(), []store.Acceptance{capped("billing", "k", 1, 2), capped("billing", "k", 1, 2)})
		require.NoError(t, err)
		require.True(t, accepted[0].Replayed)
		require.Nil(t, accepted[0].Withheld)
		stale := capped("billing", "stale", 1, 2)
		stale.Templates = []store.Template{{Name: "gone", Version: 1}}
		_, err = b.Accept(t.Context(), []store.Acceptance{stale})
		require.ErrorIs(t, err, store.ErrStale)
		beyond := capped("billing", "beyond", 1, 2)
		beyond.Quotas = []store.Quota{{Period: store.PerDay, Most: 0}}
		require.NotNil(t, b.take(t, beyond)[0])
	}
	accepted, err := b.Accept(t.Context(), []store.Acceptance{capped("billing", "l", 1, 2), capped("billing", "l", 1, 2), capped("billing", "m", 1, 2)})
	require.NoError(t, err)
	require.Zero(t, accepted[0].Notification.Withheld.Sum())
	require.True(t, accepted[1].Replayed)
	require.Equal(t, 1, accepted[2].Notification.Withheld.Sum())

	again, err := b.Accept(t.Context(), []store.Acceptance{capped("billing", "m", 1, 2)})
	require.NoError(t, err)
	require.True(t, again[0].Replayed)
	require.Equal(t, accepted[2].Notification, again[0].Notification, "a repetition has the same answer")
}

func capPassed(t *testing.T, b bundle) {
	for i := range 3 {
		a := capped("billing", fmt.Sprint(i), 1, 1)
		a.Passes = true
		b.withKind(t, a)
		b.accept(t, a)
		require.Equal(t, store.NotificationPending, b.notification(t, a.Notification.ID).Status)
	}
	require.Zero(t, b.count(t, "recipient_use"))
	b.accept(t, Acceptance("app", "none", 1))
	require.Zero(t, b.count(t, "recipient_use"), "without a kind")
}

func capConcurrently(t *testing.T, b bundle) {
	const callers, each, people, most = 8, 5, 3, 7
	b.withKind(t, capped("billing", "", 1, most))
	errs := make([]error, callers)
	concurrently(t, callers, func(i int) {
		for j := range each {
			_, err := b.Accept(t.Context(), []store.Acceptance{
				capped("billing", fmt.Sprint(i, "-", j), people, most), capped("billing", fmt.Sprint("same-", j), people, most),
			})
			if err != nil {
				errs[i] = err
			}
		}
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, people*(callers*each+each), b.count(t, "deliveries"))
	require.Equal(t, people*most, b.count(t, "deliveries WHERE status = 'pending'"), "as many as the cap allows")
	require.Equal(t, people*most, b.count(t, "river_job"))
	for i := range people {
		require.Equal(t, most, b.count(t, fmt.Sprintf("deliveries WHERE status = 'pending' AND recipient_value = 'user%d@example.com'", i)))
	}
}

func capOppositeBatches(t *testing.T, b bundle) {
	const callers, people = 8, 50
	b.withKind(t, capped("billing", "", 1, 1000))
	errs := make([]error, callers)
	concurrently(t, callers, func(i int) {
		for j := range 3 {
			a := capped("billing", fmt.Sprint(i, "-", j), people, 1000)
			if i%2 == 0 {
				slices.Reverse(a.Deliveries)
				slices.Reverse(a.Jobs)
			}
			if _, err := b.Accept(t.Context(), []store.Acceptance{a}); err != nil {
				errs[i] = err
			}
		}
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
}

func capRequeued(t *testing.T, b bundle) {
	b.withKind(t, capped("billing", "", 1, 1))
	b.accept(t, capped("billing", "1", 1, 1))
	a := capped("billing", "2", 1, 1)
	b.accept(t, a)
	d := b.delivery(t, a.Deliveries[0].ID)
	r := store.Requeue{DeliveryID: d.ID, JobID: d.JobID, Job: jobOf(d), At: store.Now(), Audit: actor.Did(store.AuditDeliveryRetry, d.ID.String())}
	requeued, err := b.Requeue(t.Context(), []store.Requeue{r})
	require.NoError(t, err)
	require.Equal(t, []bool{true}, requeued)
	n := b.notification(t, a.Notification.ID)
	require.Equal(t, store.Counts{Total: 1, Pending: 1}, n.Counts)
	require.Equal(t, store.Amounts{store.CodeCapped: 1}, n.Withheld, "what happened when it was accepted")
	d = b.delivery(t, d.ID)
	require.Positive(t, d.JobID)
	require.Empty(t, d.LastCode)
	require.Equal(t, []bool{true}, b.record(t.Context(), t, outcome(d, 1, store.DeliverySuccess)))
	require.Equal(t, store.NotificationSuccess, b.notification(t, a.Notification.ID).Status)
}

func requeueQuiet(t *testing.T, b bundle) {
	const hours = "22:00-08:00 Asia/Shanghai"
	for _, keeps := range []bool{true, false} {
		a := Acceptance("app", uuid.NewString(), 1)
		a.Deliveries[0].Quiet, a.Deliveries[0].Kind = hours, "billing"
		b.accept(t, a)
		d := b.delivery(t, a.Deliveries[0].ID)
		require.Equal(t, hours, d.Quiet)
		require.Equal(t, "billing", d.Kind)
		b.record(t.Context(), t, outcome(d, 1, store.DeliveryDead))
		requeued, err := b.Requeue(t.Context(), []store.Requeue{{DeliveryID: d.ID, JobID: d.JobID, Job: jobOf(d), Quiet: keeps, At: store.Now(), Audit: actor.Did(store.AuditDeliveryRetry, "")}})
		require.NoError(t, err)
		require.Equal(t, []bool{true}, requeued)
		require.Equal(t, keeps, b.delivery(t, d.ID).Quiet == hours)
	}
}

func capErased(t *testing.T, b bundle) {
	b.withKind(t, capped("billing", "", 1, 1))
	a := capped("billing", "2", 2, 1)
	b.accept(t, capped("billing", "1", 2, 1), a)
	person := a.Deliveries[0].Recipient
	done := b.erase(t, erasure(person, uuid.Nil))
	require.Equal(t, 2, done.Deliveries)
	require.True(t, b.delivery(t, a.Deliveries[0].ID).IsErased())
	require.Equal(t, 2, b.count(t, "recipient_use"))
	erased, err := b.EraseRecipientUses(t.Context(), person)
	require.NoError(t, err)
	require.Equal(t, 1, erased)
	require.Zero(t, b.count(t, "recipient_use WHERE recipient_value = '"+person.Value+"'"))
	require.Equal(t, 1, b.count(t, "recipient_use"))
}

func capForgotten(t *testing.T, b bundle) {
	a := capped("billing", "1", 3, 1)
	later := store.Now().Add(48 * time.Hour)
	a.Notification.SendAt, a.Deliveries[1].SendAt, a.Deliveries[2].SendAt = &later, &later, &later
	b.withKind(t, a)
	b.accept(t, a)
	for _, c := range []struct {
		before      time.Time
		limit, want int
	}{{store.Now().Add(-24 * time.Hour), 10, 0}, {store.Now().Add(24 * time.Hour), 10, 1}, {store.Now().Add(72 * time.Hour), 1, 1}, {store.Now().Add(72 * time.Hour), 10, 1}} {
		forgotten, err := b.ForgetRecipientUses(t.Context(), c.before, c.limit)
		require.NoError(t, err)
		require.Equal(t, c.want, forgotten)
	}
	require.Zero(t, b.count(t, "recipient_use"))
}
