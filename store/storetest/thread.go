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

var threadCases = map[string]func(*testing.T, bundle){
	"Accept/places in a thread":                           threadPlaces,
	"Accept/a repeated notification takes no place":       threadReplayed,
	"Accept/threads of the same names in opposite orders": threadsOppositeBatches,
	"Accept/a new message of a thread":                    threadAnew,
	"ListNotifications/of a thread":                       threadListed,
	"FindDeliveries/superseded by what may be sent now":   threadSuperseded,
	"TakeTurns/one at a time, in order":                   turnsInOrder,
	"TakeTurns/a lost worker's turn ends with its lease":  turnLost,
	"TakeTurns/the message that there is to edit":         turnMessages,
	"TakeTurns/several of one message in a batch":         turnsInBatch,
	"TakeTurns/opposite batches, with outcomes":           turnsOppositeBatches,
	"Record/an outcome that is fenced ends no turn":       turnFenced,
	"Erase/the message of a thread":                       threadErased,
	"ForgetThreads":                                       forgetThreads,
}

// inThread returns an acceptance in a thread.
func inThread(name string, recipients int) store.Acceptance {
	a := Acceptance("app", uuid.NewString(), recipients)
	a.Notification.Thread = name
	return a
}

// next accepts a notification of the thread "db" and returns its delivery as a worker reads it.
func (b bundle) next(t *testing.T) store.Delivery {
	t.Helper()
	a := inThread("db", 1)
	b.accept(t, a)
	return b.waiting(t, a.Deliveries[0].ID)
}

// waiting returns a delivery as a worker reads it.
func (b bundle) waiting(t *testing.T, id uuid.UUID) store.Delivery {
	t.Helper()
	found, err := b.FindDeliveries(t.Context(), []uuid.UUID{id})
	require.NoError(t, err)
	require.Len(t, found, 1)
	return found[0]
}

func turnOf(d store.Delivery) store.Turn {
	return store.Turn{
		ThreadMessageKey: d.ThreadMessage(), DeliveryID: d.ID, Seq: d.ThreadSeq, Provider: "smtp", Anew: d.Anew, Lease: time.Hour,
	}
}

// takeTurn asks for one turn.
func (b bundle) takeTurn(t *testing.T, turn store.Turn) store.Taken {
	t.Helper()
	taken, err := b.TakeTurns(t.Context(), []store.Turn{turn})
	require.NoError(t, err)
	require.Len(t, taken, 1)
	return taken[0]
}

// turnOutcome returns an outcome that ends a turn.
func turnOutcome(d store.Delivery, attempt int, status store.DeliveryStatus, reference string) store.Outcome {
	o := outcome(d, attempt, status)
	o.Turn = &store.TurnEnd{ThreadMessageKey: d.ThreadMessage(), Reference: reference}
	return o
}

func threadPlaces(t *testing.T, b bundle) {
	other := inThread("db", 1)
	other.Notification.AppID = "another app"
	batch := []store.Acceptance{inThread("db", 2), inThread("web", 1), Acceptance("app", "none", 1), inThread("db", 1), other}
	batch[3].Notification.Resolved = true
	accepted, err := b.Accept(t.Context(), batch)
	require.NoError(t, err)
	later := inThread("db", 1)
	b.accept(t, later)
	require.Equal(t, 3, b.count(t, "threads"))
	require.Equal(t, uuid.Nil, batch[0].Deliveries[0].ThreadID, "what was given stays as it was, for another try")

	first := b.notification(t, batch[0].Notification.ID)
	for i, want := range []int64{1, 1, 0, 2, 1} {
		n := b.notification(t, batch[i].Notification.ID)
		require.Equal(t, n, accepted[i].Notification)
		require.Equal(t, want, n.ThreadSeq, i)
		require.Equal(t, i == 0 || i == 3, n.ThreadID == first.ThreadID, i)
		require.Equal(t, i == 2, n.ThreadID == uuid.Nil, i)
		require.Equal(t, batch[i].Notification.Thread, n.Thread)
		require.Equal(t, i == 3, n.Resolved)
		for _, d := range batch[i].Deliveries {
			d = b.delivery(t, d.ID)
			require.Equal(t, []any{n.ThreadID, n.ThreadSeq, n.Resolved}, []any{d.ThreadID, d.ThreadSeq, d.Resolved})
		}
	}
	n := b.notification(t, later.Notification.ID)
	require.Equal(t, []any{first.ThreadID, int64(3)}, []any{n.ThreadID, n.ThreadSeq})
}

func threadReplayed(t *testing.T, b bundle) {
	a := inThread("db", 1)
	b.accept(t, a)
	again := inThread("db", 1)
	again.Notification.IdempotencyKey = a.Notification.IdempotencyKey
	accepted, err := b.Accept(t.Context(), []store.Acceptance{again, again})
	require.NoError(t, err)
	require.True(t, accepted[0].Replayed && accepted[1].Replayed)
	require.EqualValues(t, 2, b.next(t).ThreadSeq)
}

func threadsOppositeBatches(t *testing.T, b bundle) {
	const callers, threads = 4, 50
	errs := make([]error, callers)
	concurrently(t, callers, func(i int) {
		var batch []store.Acceptance
		for k := range threads {
			batch = append(batch, inThread(fmt.Sprint(k), 1))
		}
		if i%2 == 1 {
			slices.Reverse(batch)
		}
		_, errs[i] = b.Accept(t.Context(), batch)
	})
	for _, err := range errs {
		require.NoError(t, err)
	}
	found, err := b.ListNotifications(t.Context(), store.NotificationFilter{Thread: "7"}, uuid.Nil, 10)
	require.NoError(t, err)
	var places []int64
	for _, n := range found {
		places = append(places, n.ThreadSeq)
	}
	require.ElementsMatch(t, []int64{1, 2, 3, 4}, places)
}

func threadAnew(t *testing.T, b bundle) {
	a := inThread("db", 2)
	a.Anew = true
	b.accept(t, a)
	for _, d := range a.Deliveries {
		require.True(t, b.delivery(t, d.ID).Anew)
	}
	require.False(t, b.next(t).Anew)
}

func threadListed(t *testing.T, b bundle) {
	first, second, other := inThread("db", 1), inThread("db", 1), inThread("web", 1)
	other.Notification.AppID = "another app"
	b.accept(t, first, Acceptance("app", "none", 1))
	b.accept(t, second, other)
	for _, c := range []struct {
		filter store.NotificationFilter
		want   []uuid.UUID
	}{
		{store.NotificationFilter{Thread: "db"}, []uuid.UUID{second.Notification.ID, first.Notification.ID}},
		{store.NotificationFilter{Thread: "db", AppID: "app"}, []uuid.UUID{second.Notification.ID, first.Notification.ID}},
		{store.NotificationFilter{Thread: "db", AppID: "another app"}, nil},
		{store.NotificationFilter{Thread: "nothing"}, nil},
	} {
		found, err := b.ListNotifications(t.Context(), c.filter, uuid.Nil, 10)
		require.NoError(t, err)
		var ids []uuid.UUID
		for _, n := range found {
			ids = append(ids, n.ID)
		}
		require.Equal(t, c.want, ids)
	}
}

func threadSuperseded(t *testing.T, b bundle) {
	tomorrow, yesterday := store.Now().AddDate(0, 0, 1), store.Now().AddDate(0, 0, -1)
	const quiet = "22:00-07:00 UTC"
	for i, c := range []struct {
		earlier, later func(a *store.Acceptance)
		superseded     bool
	}{
		{superseded: true},
		{later: func(a *store.Acceptance) { a.Notification.Thread = "another" }},
		{later: func(a *store.Acceptance) { a.Notification.AppID = "another app" }},
		{later: func(a *store.Acceptance) { a.Deliveries[0].Recipient.Value = "another@example.com" }},
		{later: func(a *store.Acceptance) { a.Deliveries[0].Recipient.Type = "another" }},
		{later: func(a *store.Acceptance) { a.Deliveries[0].Channel = "sms" }},
		{later: func(a *store.Acceptance) { a.Deliveries[0].SendAt = &tomorrow }},
		{later: func(a *store.Acceptance) { a.Deliveries[0].SendAt = &yesterday }, superseded: true},
		{later: func(a *store.Acceptance) { a.Deliveries[0].Quiet = quiet }},
		{
			earlier: func(a *store.Acceptance) { a.Deliveries[0].Quiet = quiet }, superseded: true,
			later: func(a *store.Acceptance) { a.Deliveries[0].Quiet = quiet },
		},
		{earlier: func(a *store.Acceptance) { a.Deliveries[0].Quiet = quiet }, superseded: true},
	} {
		earlier, later := inThread(fmt.Sprint(i), 1), inThread(fmt.Sprint(i), 1)
		if c.earlier != nil {
			c.earlier(&earlier)
		}
		if c.later != nil {
			c.later(&later)
		}
		b.accept(t, earlier)
		require.False(t, b.waiting(t, earlier.Deliveries[0].ID).Superseded, i)
		b.accept(t, later)
		require.Equal(t, c.superseded, b.waiting(t, earlier.Deliveries[0].ID).Superseded, i)
		require.False(t, b.waiting(t, later.Deliveries[0].ID).Superseded, i)
	}

	// One that is over counts when it had its turn.
	first, second, third := b.next(t), b.next(t), b.next(t)
	b.record(t.Context(), t, outcome(third, 1, store.DeliveryDead))
	require.True(t, b.waiting(t, first.ID).Superseded)
	require.False(t, b.waiting(t, second.ID).Superseded)
	b.takeTurn(t, turnOf(second))
	b.record(t.Context(), t, turnOutcome(second, 1, store.DeliveryDead, ""))
	require.True(t, b.waiting(t, first.ID).Superseded)
	require.False(t, b.waiting(t, second.ID).Superseded)
}

func turnsInOrder(t *testing.T, b bundle) {
	first, second, third := b.next(t), b.next(t), b.next(t)
	taken := b.takeTurn(t, turnOf(first))
	require.Zero(t, taken.Wait)
	require.Equal(t, []any{first.ID, first.ID, "smtp", ""},
		[]any{taken.Message.Mark, taken.Message.DeliveryID, taken.Message.Provider, taken.Message.Reference})

	taken = b.takeTurn(t, turnOf(second))
	require.InDelta(t, time.Hour.Seconds(), taken.Wait.Seconds(), 60)
	require.False(t, taken.Superseded)
	require.Zero(t, b.takeTurn(t, turnOf(first)).Wait, "it is tried again")
	require.Equal(t, []bool{true}, b.record(t.Context(), t, turnOutcome(first, 1, store.DeliveryFailed, "")))

	taken = b.takeTurn(t, turnOf(third))
	require.Zero(t, taken.Wait)
	require.Equal(t, first.ID, taken.Message.Mark, "it may have arrived")
	for _, earlier := range []store.Delivery{first, second} {
		taken = b.takeTurn(t, turnOf(earlier))
		require.True(t, taken.Superseded)
		require.Zero(t, taken.Wait)
	}
	b.record(t.Context(), t, turnOutcome(third, 1, store.DeliverySuccess, "om_1"))
	require.True(t, b.takeTurn(t, turnOf(second)).Superseded)
}

func turnLost(t *testing.T, b bundle) {
	first, second := b.next(t), b.next(t)
	turn := turnOf(first)
	turn.Lease = -time.Second
	require.Zero(t, b.takeTurn(t, turn).Wait)
	taken := b.takeTurn(t, turnOf(second))
	require.Zero(t, taken.Wait)
	require.Equal(t, first.ID, taken.Message.Mark)

	// It was not lost after all.
	require.Equal(t, []bool{true}, b.record(t.Context(), t, turnOutcome(first, 1, store.DeliverySuccess, "late")))
	m, err := b.ThreadMessage(t.Context(), second.ThreadMessage())
	require.NoError(t, err)
	require.Equal(t, taken.Message, m)
}

func turnMessages(t *testing.T, b bundle) {
	send := func(provider string, anew bool, reference string) store.ThreadMessage {
		t.Helper()
		d := b.next(t)
		turn := turnOf(d)
		turn.Provider, turn.Anew = provider, anew
		m := b.takeTurn(t, turn).Message
		require.Equal(t, []any{d.ID, d.ThreadSeq, provider}, []any{m.DeliveryID, m.Seq, m.Provider})
		require.Equal(t, []bool{true}, b.record(t.Context(), t, turnOutcome(d, 1, store.DeliverySuccess, reference)))
		stored, err := b.ThreadMessage(t.Context(), d.ThreadMessage())
		require.NoError(t, err)
		require.Nil(t, stored.BusyUntil)
		if reference != "" {
			require.Equal(t, reference, stored.Reference)
		}
		m.DeliveryID = d.ID
		return m
	}
	first := send("a", false, "om_1")
	require.Equal(t, []any{first.DeliveryID, ""}, []any{first.Mark, first.Reference})
	for range 2 {
		edit := send("a", false, "")
		require.Equal(t, []any{first.Mark, "om_1"}, []any{edit.Mark, edit.Reference})
	}
	anew := send("a", true, "om_2")
	require.Equal(t, []any{anew.DeliveryID, ""}, []any{anew.Mark, anew.Reference})
	edit := send("a", false, "om_2")
	require.Equal(t, []any{anew.Mark, "om_2"}, []any{edit.Mark, edit.Reference})
	other := send("b", false, "om_3")
	require.Equal(t, []any{other.DeliveryID, ""}, []any{other.Mark, other.Reference})

	// A new message is tried again as the same one.
	d := b.next(t)
	turn := turnOf(d)
	turn.Provider, turn.Anew = "b", true
	b.takeTurn(t, turn)
	b.record(t.Context(), t, turnOutcome(d, 1, store.DeliveryFailed, "om_4"))
	m := b.takeTurn(t, turn).Message
	require.Equal(t, []any{d.ID, "om_4"}, []any{m.Mark, m.Reference})

	_, err := b.ThreadMessage(t.Context(), store.ThreadMessageKey{ThreadID: newID()})
	require.ErrorIs(t, err, store.ErrNotFound)
}

func turnsInBatch(t *testing.T, b bundle) {
	first, second := b.next(t), b.next(t)
	other := inThread("web", 1)
	b.accept(t, other)
	taken, err := b.TakeTurns(t.Context(), []store.Turn{turnOf(first), turnOf(b.waiting(t, other.Deliveries[0].ID)), turnOf(second)})
	require.NoError(t, err)
	require.True(t, taken[0].Superseded)
	require.Equal(t, other.Deliveries[0].ID, taken[1].Message.DeliveryID)
	require.Equal(t, second.ID, taken[2].Message.DeliveryID)
	require.Equal(t, 2, b.count(t, "thread_messages"))
}

// Replicas that take and end the turns of the same people in opposite orders do not deadlock.
func turnsOppositeBatches(t *testing.T, b bundle) {
	const callers, rounds, people = 4, 5, 20
	for range rounds {
		var batches [callers][]store.Delivery
		for i := range batches {
			a := inThread("db", people)
			b.accept(t, a)
			found, err := b.FindDeliveries(t.Context(), column(a.Deliveries))
			require.NoError(t, err)
			batches[i] = found
		}
		errs := make([]error, callers+1)
		concurrently(t, callers+1, func(i int) {
			if i == callers {
				_, errs[i] = b.ForgetThreads(t.Context(), time.Now().Add(-time.Hour), 10)
				return
			}
			if i%2 == 1 {
				slices.Reverse(batches[i])
			}
			var turns []store.Turn
			var outcomes []store.Outcome
			for _, d := range batches[i] {
				turns, outcomes = append(turns, turnOf(d)), append(outcomes, turnOutcome(d, 1, store.DeliverySuccess, d.ID.String()))
			}
			if _, errs[i] = b.TakeTurns(t.Context(), turns); errs[i] == nil {
				_, errs[i] = b.Record(t.Context(), outcomes)
			}
		})
		for _, err := range errs {
			require.NoError(t, err)
		}
	}
}

// column returns the ids of deliveries.
func column(deliveries []store.Delivery) []uuid.UUID {
	ids := make([]uuid.UUID, len(deliveries))
	for i, d := range deliveries {
		ids[i] = d.ID
	}
	return ids
}

func turnFenced(t *testing.T, b bundle) {
	d := b.next(t)
	b.takeTurn(t, turnOf(d))
	require.Equal(t, []bool{true}, b.record(t.Context(), t, turnOutcome(d, 2, store.DeliveryFailed, "")))
	b.takeTurn(t, turnOf(d))
	require.Equal(t, []bool{false}, b.record(t.Context(), t, turnOutcome(d, 1, store.DeliverySuccess, "late")))
	m, err := b.ThreadMessage(t.Context(), d.ThreadMessage())
	require.NoError(t, err)
	require.NotNil(t, m.BusyUntil)
	require.Empty(t, m.Reference)
}

func threadErased(t *testing.T, b bundle) {
	send := func(thread string, recipients int) store.Acceptance {
		a := inThread(thread, recipients)
		b.accept(t, a)
		for _, d := range a.Deliveries {
			d = b.waiting(t, d.ID)
			b.takeTurn(t, turnOf(d))
			b.record(t.Context(), t, turnOutcome(d, 1, store.DeliverySuccess, "om_1"))
		}
		return a
	}
	send("db", 2)
	web := send("web", 1)
	_, err := b.Erase(t.Context(), store.Erasure{NotificationID: web.Notification.ID, Limit: 10, At: store.Now()})
	require.NoError(t, err)
	require.Equal(t, 2, b.count(t, "thread_messages"))
	_, err = b.Erase(t.Context(), store.Erasure{Recipient: store.Recipient{Type: "email", Value: "user0@example.com"}, Limit: 10, At: store.Now()})
	require.NoError(t, err)
	require.Equal(t, 1, b.count(t, "thread_messages"))
	n, err := b.ForgetRecipient(t.Context(), store.Recipient{Type: "email", Value: "user1@example.com"})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Zero(t, b.count(t, "thread_messages"))
}

func forgetThreads(t *testing.T, b bundle) {
	d := b.next(t)
	b.takeTurn(t, turnOf(d))
	b.accept(t, inThread("web", 1))
	for _, c := range []struct {
		before      time.Time
		limit, want int
	}{{time.Now().Add(-time.Hour), 10, 0}, {time.Now().Add(time.Hour), 1, 2}, {time.Now().Add(time.Hour), 1, 1}, {time.Now().Add(time.Hour), 1, 0}} {
		n, err := b.ForgetThreads(t.Context(), c.before, c.limit)
		require.NoError(t, err)
		require.Equal(t, c.want, n)
	}
	later := b.next(t)
	require.EqualValues(t, 1, later.ThreadSeq)
	require.NotEqual(t, d.ThreadID, later.ThreadID, "it is another thread")
}
