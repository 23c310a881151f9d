package store

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// CodeSuperseded is the code of a delivery that was not sent because a later one of its thread was.
const CodeSuperseded = "superseded"

// Threads keeps the order of the notifications of a thread, and the message that each recipient
// has of it. Accept gives each notification its place.
type Threads interface {
	// TakeTurns lets deliveries of threads be sent, one at a time for each recipient and channel,
	// and never one after a later one of its thread. A delivery has its turn until Record records
	// its outcome, or until its lease is over. It returns one result for each of the batch, in
	// the same order.
	TakeTurns(ctx context.Context, batch []Turn) ([]Taken, error)
	// ThreadMessage returns the message that a recipient has of a thread over a channel, or
	// ErrNotFound.
	ThreadMessage(ctx context.Context, key ThreadMessageKey) (ThreadMessage, error)
	// ForgetThreads deletes threads, and messages of threads, of which nothing was accepted or sent
	// since the given time: at most limit of each. It returns how many rows it deleted.
	ForgetThreads(ctx context.Context, before time.Time, limit int) (int, error)
}

// Thread is a row of notifications that follow each other: each tells how the same thing is now.
type Thread struct {
	AppID      string
	Name       string
	ID         uuid.UUID
	Seq        int64     // of its last notification; the first has 1
	IncidentID uuid.UUID // of the last incident that was opened in it and not resolved; uuid.Nil: none
}

// inOrder compares threads by the table's key.
func (t Thread) inOrder(other Thread) int {
	return cmp.Or(cmp.Compare(t.AppID, other.AppID), cmp.Compare(t.Name, other.Name))
}

// thread returns the notification's thread, without its id.
func (n Notification) thread() Thread { return Thread{AppID: n.AppID, Name: n.Thread} }

// ThreadsOf returns the threads of acceptances, each once, in the order of the table's key:
// transactions that lock the same threads wait for each other and cannot deadlock. Seq is how many
// of the acceptances are in the thread, and ID the one that it gets when it is new.
func ThreadsOf(news []Acceptance) []Thread {
	var threads []Thread
	for _, a := range news {
		if a.Notification.Thread == "" {
			continue
		}
		t := a.Notification.thread()
		i := slices.IndexFunc(threads, func(other Thread) bool { return t.inOrder(other) == 0 })
		if i < 0 {
			i = len(threads)
			t.ID = a.Notification.ID
			threads = append(threads, t)
		}
		threads[i].Seq++
	}
	slices.SortFunc(threads, Thread.inOrder)
	return threads
}

// InThreads gives acceptances and their deliveries their places in their threads. locked has the
// threads of ThreadsOf as they are stored, already counted up. It changes nothing of the given
// acceptances, which may be tried again.
func InThreads(news []Acceptance, locked []Thread) []Acceptance {
	if len(locked) == 0 {
		return news
	}
	placed := slices.Clone(news)
	next := slices.Clone(locked)
	for i := len(placed) - 1; i >= 0; i-- {
		a := &placed[i]
		if a.Notification.Thread == "" {
			continue
		}
		t := a.Notification.thread()
		at := slices.IndexFunc(next, func(other Thread) bool { return t.inOrder(other) == 0 })
		a.Notification.ThreadID, a.Notification.ThreadSeq = next[at].ID, next[at].Seq
		next[at].Seq--
		a.Deliveries = slices.Clone(a.Deliveries)
		for j := range a.Deliveries {
			a.Deliveries[j].InThread(a.Notification)
			a.Deliveries[j].Anew = a.Anew
		}
	}
	return placed
}

// InThread gives a delivery the place of its notification.
func (d *Delivery) InThread(n Notification) {
	d.ThreadID, d.ThreadSeq, d.Resolved = n.ThreadID, n.ThreadSeq, n.Resolved
}

// InThreadOf returns the ids of the deliveries that are in threads.
func InThreadOf(deliveries []Delivery) []uuid.UUID {
	var ids []uuid.UUID
	for _, d := range deliveries {
		if d.ThreadID != uuid.Nil {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// MarkSuperseded sets Superseded of the deliveries with the ids.
func MarkSuperseded(deliveries []Delivery, ids []uuid.UUID) {
	for i := range deliveries {
		deliveries[i].Superseded = slices.Contains(ids, deliveries[i].ID)
	}
}

// ThreadMessageKey names the message that a recipient has of a thread over a channel.
type ThreadMessageKey struct {
	RecipientValue, RecipientType, Channel string
	ThreadID                               uuid.UUID
}

// ThreadMessage returns the key of the delivery's message.
func (d Delivery) ThreadMessage() ThreadMessageKey {
	return ThreadMessageKey{d.Recipient.Value, d.Recipient.Type, d.Channel, d.ThreadID}
}

// InOrder compares keys by the table's key.
func (k ThreadMessageKey) InOrder(other ThreadMessageKey) int {
	return cmp.Or(cmp.Compare(k.RecipientValue, other.RecipientValue), cmp.Compare(k.RecipientType, other.RecipientType),
		cmp.Compare(k.Channel, other.Channel), bytes.Compare(k.ThreadID[:], other.ThreadID[:]))
}

// ThreadMessage is the message that a recipient has of a thread over a channel, and whose turn it
// is to send or edit it.
type ThreadMessage struct {
	ThreadMessageKey
	// Mark is the delivery id that the vendor was given with the message. A later delivery that
	// does not know whether the message arrived presents it again.
	Mark      uuid.UUID
	Provider  string // that it went through
	Reference string // by which the provider finds it; empty: not known
	// Seq and DeliveryID are those of the delivery that had its turn last.
	Seq        int64
	DeliveryID uuid.UUID
	BusyUntil  *time.Time // the call of that delivery may run until then; nil: its outcome is recorded
}

// Turn asks to send a delivery of a thread.
type Turn struct {
	ThreadMessageKey
	DeliveryID uuid.UUID
	Seq        int64
	Provider   string
	Anew       bool          // as a message of its own, which later ones edit
	Lease      time.Duration // in which its outcome is surely recorded
}

// Taken is the result of a Turn.
type Taken struct {
	// Message is the message that the recipient has. It has the turn's delivery and provider when the turn was
	// taken.
	Message    ThreadMessage
	Superseded bool          // a later delivery had its turn
	Wait       time.Duration // until the lease of another delivery is over; 0: the turn was taken, or is superseded
}

// TakeTurns decides who has the turn. stored has the messages of the batch; those that are new have
// no Seq. It returns the messages that have changed, and one result for each of the batch. Of
// several for one message, the latest has its turn.
func TakeTurns(batch []Turn, stored []ThreadMessage, now time.Time) (changed []ThreadMessage, results []Taken) {
	messages := make(map[ThreadMessageKey]ThreadMessage, len(stored))
	for _, m := range stored {
		messages[m.ThreadMessageKey] = m
	}
	order := make([]int, len(batch))
	for i := range batch {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(batch[j].Seq, batch[i].Seq) })
	results = make([]Taken, len(batch))
	took := map[ThreadMessageKey]bool{}
	for _, i := range order {
		key := batch[i].ThreadMessageKey
		results[i] = messages[key].take(batch[i], now)
		if results[i].Wait == 0 && !results[i].Superseded {
			messages[key], took[key] = results[i].Message, true
		}
	}
	for _, key := range KeysOfTurns(batch) {
		if took[key] {
			changed = append(changed, messages[key])
		}
	}
	return changed, results
}

// KeysOfTurns returns the messages of turns, each once, in the order of the table's key.
func KeysOfTurns(batch []Turn) []ThreadMessageKey {
	keys := make([]ThreadMessageKey, len(batch))
	for i, t := range batch {
		keys[i] = t.ThreadMessageKey
	}
	slices.SortFunc(keys, ThreadMessageKey.InOrder)
	return slices.Compact(keys)
}

// take gives a delivery its turn, unless a later one had it, or another one has it now. The message
// stays the one that it is when the delivery goes through the same provider.
func (m ThreadMessage) take(t Turn, now time.Time) Taken {
	switch {
	case m.Seq > t.Seq:
		return Taken{Message: m, Superseded: true}
	case m.BusyUntil != nil && m.BusyUntil.After(now) && m.DeliveryID != t.DeliveryID:
		return Taken{Message: m, Wait: m.BusyUntil.Sub(now)}
	}
	if m.Mark == uuid.Nil || m.Provider != t.Provider || t.Anew && m.Mark != t.DeliveryID {
		m.Mark, m.Provider, m.Reference = t.DeliveryID, t.Provider, ""
	}
	until := now.Add(t.Lease)
	m.ThreadMessageKey, m.Seq, m.DeliveryID, m.BusyUntil = t.ThreadMessageKey, t.Seq, t.DeliveryID, &until
	return Taken{Message: m}
}

// TurnEnd is what an outcome tells of a delivery's turn.
type TurnEnd struct {
	ThreadMessageKey
	Reference string // of the message; empty: as before
}

// TurnsEnded returns the outcomes of a batch that end a turn, in the order of the table's key.
func TurnsEnded(batch []Outcome) []Outcome {
	var ended []Outcome
	for _, o := range batch {
		if o.Turn != nil {
			ended = append(ended, o)
		}
	}
	slices.SortFunc(ended, func(a, b Outcome) int { return a.Turn.InOrder(b.Turn.ThreadMessageKey) })
	return ended
}
