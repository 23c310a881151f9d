package store

import (
	"slices"

	"github.com/google/uuid"
)

// Key makes a notification unique.
type Key struct{ AppID, IdempotencyKey string }

// Key returns the notification's key.
func (n Notification) Key() Key { return Key{n.AppID, n.IdempotencyKey} }

// Decision is what becomes of the acceptances of a batch. Those in none of its fields have a
// key that is taken, in the database or by News.
type Decision struct {
	News     []Acceptance              // are to be written; each has another key
	Repeated map[uuid.UUID]uuid.UUID   // the notification that told the same, by the id of the acceptance
	Beyond   map[uuid.UUID]*QuotaError // by the id of the acceptance
	Used     []Use                     // the counters of quotas when the news are counted
}

// Decide goes through a batch in its order. An acceptance that is not written neither tells
// anything nor uses a quota. last is what was last told of the batch's groups of alerts, and
// used what was used of its quotas. taken reports whether a notification has the key.
func Decide(batch []Acceptance, last []Told, used []Use, taken func(Key) bool) Decision {
	d := Decision{Repeated: map[uuid.UUID]uuid.UUID{}, Beyond: map[uuid.UUID]*QuotaError{}}
	told := make(map[AlertGroup]Told, len(last))
	for _, t := range last {
		told[t.AlertGroup] = t
	}
	uses := make(ledger, len(used))
	for _, u := range used {
		uses[u.Counter] = u
	}
	keys := make(map[Key]bool, len(batch))
	isNew := func(a *Acceptance) bool {
		id, key := a.Notification.ID, a.Notification.Key()
		if a.Telling != nil {
			now := a.told()
			if before := told[now.AlertGroup]; now.repeats(before, a.Telling.Again) {
				d.Repeated[id] = before.NotificationID
				return false
			}
		}
		if keys[key] || taken(key) {
			return false
		}
		if beyond := uses.take(*a); beyond != nil {
			d.Beyond[id] = beyond
			return false
		}
		keys[key] = true
		if a.Telling != nil {
			told[a.told().AlertGroup] = a.told()
		}
		return true
	}
	d.News = batch
	copied := false // only when one is not new: acceptances are large
	for i := range batch {
		switch {
		case !isNew(&batch[i]):
			if !copied {
				d.News, copied = slices.Clone(batch[:i]), true
			}
		case copied:
			d.News = append(d.News, batch[i])
		}
	}
	for _, u := range used {
		d.Used = append(d.Used, uses[u.Counter])
	}
	return d
}
