package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var incidentCases = map[string]func(*testing.T, bundle){
	"Incident/accepted with its steps":     incidentAccepted,
	"Incident/accepted once":               incidentAcceptedOnce,
	"Incident/quota counts steps":          incidentQuota,
	"Incident/acknowledged":                incidentAcknowledged,
	"Incident/many acknowledge":            incidentManyAcknowledge,
	"Incident/closed":                      incidentClosed,
	"Incident/facts":                       incidentFacts,
	"Incident/cards":                       incidentCards,
	"Incident/sending":                     incidentSending,
	"Incident/deleted after its last step": incidentDeleted,
	"Incident/tells":                       incidentTells,
	"Incident/listed":                      incidentsListed,
	"Incident/of a thread":                 incidentOfThread,
	"Incident/of a thread in one batch":    incidentsInOneBatch,
}

// Escalated returns an acceptance that opens an incident, with steps that are due after so long.
func Escalated(key string, after ...time.Duration) store.Acceptance {
	a := Acceptance("app", key, 2)
	id := a.Notification.ID
	a.Incident = &store.Incident{ID: id, AppID: "app", OpenedAt: a.Notification.CreatedAt}
	partOf(&a, id)
	for i, d := range after {
		step := Acceptance("app", fmt.Sprintf("%s/%d", id, i+1), 1)
		at := a.Notification.CreatedAt.Add(d)
		step.Notification.SendAt, step.Jobs[0].Due, step.Deliveries[0].SendAt = &at, at, &at
		partOf(&step, id)
		a.Steps = append(a.Steps, step)
		a.Incident.Steps = append(a.Incident.Steps, store.IncidentStep{NotificationID: step.Notification.ID, At: at, Channels: []string{"email"}})
	}
	return a
}

func partOf(a *store.Acceptance, incident uuid.UUID) {
	a.Notification.IncidentID = incident
	for i := range a.Deliveries {
		a.Deliveries[i].IncidentID = incident
	}
}

func (b bundle) incident(t *testing.T, id uuid.UUID) store.Incident {
	t.Helper()
	i, err := b.Incident(t.Context(), id)
	require.NoError(t, err)
	found, err := b.FindIncidents(t.Context(), []uuid.UUID{id, newID()})
	require.NoError(t, err)
	require.Equal(t, []store.Incident{i}, found)
	return i
}

func incidentAccepted(t *testing.T, b bundle) {
	a := Escalated("key", time.Minute, time.Hour)
	plain := Acceptance("app", "plain", 1)
	b.accept(t, plain, a)
	require.Equal(t, *a.Incident, b.incident(t, a.Notification.ID))
	for _, part := range append([]store.Acceptance{a}, a.Steps...) {
		n := b.notification(t, part.Notification.ID)
		require.Equal(t, a.Notification.ID, n.IncidentID)
		deliveries, err := b.DeliveriesOf(t.Context(), n.ID, uuid.Nil, 10)
		require.NoError(t, err)
		require.Len(t, deliveries, len(part.Deliveries))
		for _, d := range deliveries {
			require.Equal(t, a.Notification.ID, d.IncidentID)
			require.Positive(t, d.JobID)
		}
	}
	require.Equal(t, 5, b.count(t, "river_job"))
	require.Equal(t, 2, b.count(t, "river_job WHERE state = 'scheduled'"))
	require.Equal(t, uuid.Nil, b.notification(t, plain.Notification.ID).IncidentID)
	require.Equal(t, uuid.Nil, b.delivery(t, plain.Deliveries[0].ID).IncidentID)
	_, err := b.Incident(t.Context(), plain.Notification.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
}

// The same request writes no second steps, whichever way its key is found.
func incidentAcceptedOnce(t *testing.T, b bundle) {
	a, again := Escalated("key", time.Minute), Escalated("key", time.Minute)
	accepted, err := b.Accept(t.Context(), []store.Acceptance{a, again})
	require.NoError(t, err)
	require.True(t, accepted[1].Replayed)
	require.Equal(t, a.Notification.ID, accepted[1].Notification.IncidentID)
	other := Escalated("other", time.Minute)
	accepted, err = b.Accept(t.Context(), []store.Acceptance{Escalated("key", time.Minute), other})
	require.NoError(t, err)
	require.True(t, accepted[0].Replayed)
	require.False(t, accepted[1].Replayed)
	require.Equal(t, 4, b.count(t, "notifications"))
	require.Equal(t, 2, b.count(t, "incidents"))
	require.Equal(t, 6, b.count(t, "river_job"))
}

func incidentQuota(t *testing.T, b bundle) {
	a := Escalated("key", time.Minute, time.Hour)
	a.Quotas = []store.Quota{{Channel: "email", Period: store.PerDay, Most: 3}}
	accepted, err := b.Accept(t.Context(), []store.Acceptance{a})
	require.NoError(t, err)
	require.NotNil(t, accepted[0].Beyond)
	require.Zero(t, b.count(t, "notifications")+b.count(t, "incidents")+b.count(t, "river_job"))
	a.Quotas[0].Most = 4
	b.accept(t, a)
}

func acknowledgement(id uuid.UUID, by string) store.IncidentChange {
	return store.IncidentChange{
		IncidentID: id, At: store.Now(), By: by, Over: store.OverAPI, Note: "on it",
		Audit: []store.AuditEntry{actor.Did(store.AuditIncidentAcknowledge, id.String())},
	}
}

func incidentAcknowledged(t *testing.T, b bundle) {
	a := Escalated("key", time.Minute)
	id := a.Notification.ID
	b.accept(t, a)
	c := acknowledgement(id, "alice")
	i, changed, err := b.ChangeIncident(t.Context(), c)
	require.NoError(t, err)
	require.True(t, changed)
	want := *a.Incident
	want.AcknowledgedAt, want.AcknowledgedBy, want.Over, want.Note = &c.At, "alice", store.OverAPI, "on it"
	require.Equal(t, want, i)
	require.Equal(t, want, b.incident(t, id))
	require.Equal(t, 1, b.count(t, "river_job WHERE kind = 'incident' AND queue = '"+store.IncidentQueue+"'"))
	require.Equal(t, 1, b.count(t, "river_job WHERE kind = 'cards' AND queue = '"+store.CardQueue+"'"))
	require.Equal(t, c.Audit, b.audit(t, store.AuditFilter{}))

	i, changed, err = b.ChangeIncident(t.Context(), acknowledgement(id, "bob"))
	require.NoError(t, err)
	require.False(t, changed, "the first one stands")
	require.Equal(t, want, i)
	require.Equal(t, 1, b.count(t, "river_job WHERE kind = 'incident'"))
	require.Len(t, b.audit(t, store.AuditFilter{}), 1)

	_, _, err = b.ChangeIncident(t.Context(), acknowledgement(newID(), "bob"))
	require.ErrorIs(t, err, store.ErrNotFound)

	_, err = b.db.ExecContext(t.Context(), `DROP TABLE audit`)
	require.NoError(t, err)
	other := Escalated("other")
	b.accept(t, other)
	_, _, err = b.ChangeIncident(t.Context(), acknowledgement(other.Notification.ID, "bob"))
	require.Error(t, err)
	require.Nil(t, b.incident(t, other.Notification.ID).AcknowledgedAt, "neither without the other")
	require.Equal(t, 1, b.count(t, "river_job WHERE kind = 'incident'"))
}

func incidentManyAcknowledge(t *testing.T, b bundle) {
	a := Escalated("key", time.Minute)
	b.accept(t, a)
	var by [8]string
	var first [8]bool
	concurrently(t, len(by), func(i int) {
		now, changed, err := b.ChangeIncident(t.Context(), acknowledgement(a.Notification.ID, fmt.Sprint(i)))
		if err == nil {
			by[i], first[i] = now.AcknowledgedBy, changed
		}
	})
	winner := b.incident(t, a.Notification.ID).AcknowledgedBy
	for i := range by {
		require.Equal(t, winner, by[i])
		require.Equal(t, winner == fmt.Sprint(i), first[i])
	}
	require.Equal(t, 1, b.count(t, "river_job WHERE kind = 'incident'"))
}

func incidentClosed(t *testing.T, b bundle) {
	acked, open := Escalated("acked", time.Minute), Escalated("open", time.Minute)
	b.accept(t, acked, open)
	_, _, err := b.ChangeIncident(t.Context(), acknowledgement(acked.Notification.ID, "alice"))
	require.NoError(t, err)
	for _, a := range []store.Acceptance{acked, open} {
		c := store.IncidentChange{IncidentID: a.Notification.ID, At: store.Now(), ClosedBy: store.ClosedByCancel}
		i, changed, err := b.ChangeIncident(t.Context(), c)
		require.NoError(t, err)
		require.True(t, changed)
		require.Equal(t, store.IncidentClosed, i.Status())
		require.Equal(t, i, b.incident(t, a.Notification.ID))
		_, changed, err = b.ChangeIncident(t.Context(), acknowledgement(a.Notification.ID, "bob"))
		require.NoError(t, err)
		require.False(t, changed, "it is over")
	}
	require.Equal(t, "alice", b.incident(t, acked.Notification.ID).AcknowledgedBy)
}

func incidentFacts(t *testing.T, b bundle) {
	a := Escalated("key", time.Minute)
	b.accept(t, a)
	facts := func() store.IncidentFacts {
		t.Helper()
		f, err := b.IncidentFacts(t.Context(), *a.Incident)
		require.NoError(t, err)
		return f
	}
	require.Equal(t, store.IncidentFacts{}, facts())
	deliveries, err := b.DeliveriesOf(t.Context(), a.Notification.ID, uuid.Nil, 10)
	require.NoError(t, err)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliveryDead))
	require.Equal(t, store.IncidentFacts{}, facts(), "not every one")
	b.record(t.Context(), t, outcome(deliveries[1], 1, store.DeliveryDead))
	require.Equal(t, store.IncidentFacts{AllDead: true}, facts())
	for _, receipt := range []store.Receipt{store.ReceiptDelivered, store.ReceiptAnswered} {
		_, err = b.SetReceipts(t.Context(), []store.Received{{DeliveryID: a.Steps[0].Deliveries[0].ID, Receipt: receipt, At: store.Now()}})
		require.NoError(t, err)
		require.Equal(t, store.IncidentFacts{AllDead: true, Seen: receipt == store.ReceiptAnswered}, facts())
	}
}

func incidentCards(t *testing.T, b bundle) {
	a, other := Escalated("a", time.Minute), Escalated("b")
	b.accept(t, a, other)
	find := func(provider string, to store.Recipient) string {
		t.Helper()
		card, err := b.IncidentCard(t.Context(), a.Notification.ID, provider, to)
		if err != nil {
			require.ErrorIs(t, err, store.ErrNotFound)
		}
		return card
	}
	record := func(d store.Delivery, attempt int, status store.DeliveryStatus, card string) {
		t.Helper()
		o := outcome(b.delivery(t, d.ID), attempt, status)
		o.Card = card
		require.Equal(t, []bool{true}, b.record(t.Context(), t, o))
	}
	alice, bob := a.Deliveries[0].Recipient, a.Deliveries[1].Recipient
	record(other.Deliveries[0], 1, store.DeliverySuccess, "of another incident")
	record(a.Deliveries[1], 1, store.DeliverySuccess, "bob's")
	require.Empty(t, find("smtp", alice))
	record(a.Deliveries[0], 1, store.DeliveryFailed, "")
	record(a.Deliveries[0], 2, store.DeliverySuccess, "first")
	require.Equal(t, "first", find("smtp", alice))
	require.Equal(t, "bob's", find("smtp", bob))
	require.Empty(t, find("other", alice))
	require.Empty(t, find("smtp", store.Recipient{Type: "phone", Value: alice.Value}))
	record(a.Steps[0].Deliveries[0], 1, store.DeliverySuccess, "second")
	require.Equal(t, "second", find("smtp", alice))

	first := store.Card{DeliveryID: a.Deliveries[0].ID, RecipientValue: alice.Value, Reference: "first"}
	second := store.Card{DeliveryID: a.Steps[0].Deliveries[0].ID, RecipientValue: alice.Value, Reference: "second"}
	bobs := store.Card{DeliveryID: a.Deliveries[1].ID, RecipientValue: bob.Value, Reference: "bob's"}
	list := func(after store.Card, limit int) []store.Card {
		t.Helper()
		cards, err := b.IncidentCards(t.Context(), a.Notification.ID, after, limit)
		require.NoError(t, err)
		return cards
	}
	require.Equal(t, []store.Card{first, second, bobs}, list(store.Card{}, 10))
	require.Equal(t, []store.Card{first, second}, list(store.Card{}, 2))
	require.Equal(t, []store.Card{bobs}, list(second, 2))
	require.Empty(t, list(bobs, 2))
	before := b.delivery(t, first.DeliveryID)
	require.NoError(t, b.ForgetCards(t.Context(), nil))
	require.NoError(t, b.ForgetCards(t.Context(), []uuid.UUID{first.DeliveryID, bobs.DeliveryID, newID()}))
	require.Equal(t, []store.Card{second}, list(store.Card{}, 10))
	require.Equal(t, before, b.delivery(t, first.DeliveryID))
}

func incidentSending(t *testing.T, b bundle) {
	a, other := Escalated("a", time.Minute), Escalated("b")
	b.accept(t, a, other)
	sending := func() bool {
		t.Helper()
		is, err := b.IncidentSending(t.Context(), a.Notification.ID)
		require.NoError(t, err)
		return is
	}
	b.setJobState(t, b.delivery(t, other.Deliveries[0].ID).JobID, store.JobRunning)
	require.False(t, sending())
	d := b.delivery(t, a.Steps[0].Deliveries[0].ID)
	b.setJobState(t, d.JobID, store.JobRunning)
	require.True(t, sending())
	b.record(t.Context(), t, outcome(d, 1, store.DeliverySuccess))
	require.False(t, sending(), "its outcome is recorded")
}

func incidentDeleted(t *testing.T, b bundle) {
	short, long := Escalated("short"), Escalated("long", time.Hour)
	b.accept(t, short, long)
	deleted, err := b.DeleteIncidents(t.Context(), short.Notification.CreatedAt.Add(-time.Minute))
	require.NoError(t, err)
	require.Zero(t, deleted)
	deleted, err = b.DeleteIncidents(t.Context(), short.Notification.CreatedAt.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, 1, deleted)
	b.incident(t, long.Notification.ID)
}

// threaded returns an acceptance in a thread that opens an incident unless one is open.
func threaded(resolved bool) store.Acceptance {
	a := Escalated(newID().String(), time.Minute)
	a.Notification.Thread, a.Notification.Resolved = "disk", resolved
	return a
}

func incidentOfThread(t *testing.T, b bundle) {
	opens, joins, resolves, again := threaded(false), threaded(false), threaded(true), threaded(false)
	b.accept(t, opens)
	want := *opens.Incident
	want.Thread = "disk"
	require.Equal(t, want, b.incident(t, want.ID))
	_, _, err := b.ChangeIncident(t.Context(), acknowledgement(want.ID, "alice"))
	require.NoError(t, err)

	b.accept(t, joins)
	require.Equal(t, want.ID, b.notification(t, joins.Notification.ID).IncidentID)
	require.Equal(t, want.ID, b.delivery(t, joins.Deliveries[0].ID).IncidentID)
	require.Equal(t, 1, b.count(t, "incidents"), "an acknowledged one is open for later notifications")
	require.Equal(t, 3, b.count(t, "notifications"), "without its step")
	deleted, err := b.DeleteIncidents(t.Context(), store.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Zero(t, deleted, "the thread is in it")

	b.accept(t, resolves)
	require.Equal(t, want.ID, b.notification(t, resolves.Notification.ID).IncidentID)
	closed := b.incident(t, want.ID)
	require.Equal(t, store.ClosedByResolve, closed.ClosedBy)
	require.Equal(t, "alice", closed.AcknowledgedBy)
	require.Equal(t, 2, b.count(t, "river_job WHERE kind = 'incident'"), "one for the acknowledgement")
	require.False(t, closed.Stops(resolves.Notification.ID))

	late := threaded(true)
	b.accept(t, late)
	require.Equal(t, uuid.Nil, b.notification(t, late.Notification.ID).IncidentID, "nothing is open")
	b.accept(t, again)
	require.Equal(t, store.IncidentOpen, b.incident(t, again.Notification.ID).Status())
	deleted, err = b.DeleteIncidents(t.Context(), store.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, deleted)
}

func incidentsInOneBatch(t *testing.T, b bundle) {
	batch := []store.Acceptance{threaded(false), threaded(false), threaded(true), threaded(false)}
	b.accept(t, batch...)
	require.Equal(t, 2, b.count(t, "incidents"))
	require.Equal(t, 6, b.count(t, "notifications"))
	first, last := b.incident(t, batch[0].Notification.ID), b.incident(t, batch[3].Notification.ID)
	require.Equal(t, store.ClosedByResolve, first.ClosedBy)
	require.Equal(t, store.IncidentOpen, last.Status())
	for _, i := range []int{1, 2} {
		require.Equal(t, first.ID, b.notification(t, batch[i].Notification.ID).IncidentID)
	}
	b.accept(t, threaded(true))
	require.Equal(t, store.ClosedByResolve, b.incident(t, last.ID).ClosedBy)
}

func incidentsListed(t *testing.T, b bundle) {
	open, acked, closed := threaded(false), Escalated("acked"), Escalated("closed")
	closed.Notification.AppID, closed.Incident.AppID = "other", "other"
	b.accept(t, open, acked, closed)
	_, _, err := b.ChangeIncident(t.Context(), acknowledgement(acked.Notification.ID, "alice"))
	require.NoError(t, err)
	_, _, err = b.ChangeIncident(t.Context(), store.IncidentChange{IncidentID: closed.Notification.ID, At: store.Now(), ClosedBy: store.ClosedByCancel})
	require.NoError(t, err)
	for _, c := range []struct {
		filter store.IncidentFilter
		after  uuid.UUID
		limit  int
		want   []store.Acceptance
	}{
		{store.IncidentFilter{}, uuid.Nil, 10, []store.Acceptance{closed, acked, open}},
		{store.IncidentFilter{}, uuid.Nil, 1, []store.Acceptance{closed}},
		{store.IncidentFilter{}, closed.Notification.ID, 1, []store.Acceptance{acked}},
		{store.IncidentFilter{AppID: "app"}, uuid.Nil, 10, []store.Acceptance{acked, open}},
		{store.IncidentFilter{Thread: "disk"}, uuid.Nil, 10, []store.Acceptance{open}},
		{store.IncidentFilter{Status: store.IncidentOpen}, uuid.Nil, 10, []store.Acceptance{open}},
		{store.IncidentFilter{Status: store.IncidentAcknowledged}, uuid.Nil, 10, []store.Acceptance{acked}},
		{store.IncidentFilter{Status: store.IncidentClosed}, uuid.Nil, 10, []store.Acceptance{closed}},
	} {
		list, err := b.ListIncidents(t.Context(), c.filter, c.after, c.limit)
		require.NoError(t, err)
		require.Len(t, list, len(c.want), c.filter)
		for i, want := range c.want {
			require.Equal(t, b.incident(t, want.Notification.ID), list[i])
		}
	}
}

// The acknowledgement that stands is told.
func incidentTells(t *testing.T, b bundle) {
	b.endpoint(t, "app", store.EventAcknowledged)
	a := Escalated("a", time.Minute)
	b.accept(t, a)
	for _, by := range []string{"alice", "bob"} {
		_, _, err := b.ChangeIncident(t.Context(), acknowledgement(a.Notification.ID, by))
		require.NoError(t, err)
	}
	_, _, err := b.ChangeIncident(t.Context(), store.IncidentChange{IncidentID: a.Notification.ID, At: store.Now(), ClosedBy: store.ClosedByCancel})
	require.NoError(t, err)
	require.Equal(t, []string{"notification.acknowledged a acknowledged"}, b.events(t, named(a)))
}
