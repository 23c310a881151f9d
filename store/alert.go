package store

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Telling makes an Acceptance the state of a group of alerts. It is accepted only when the
// state is news: otherwise nothing is written, and the result is what was last told.
type Telling struct {
	Receiver string // who is told
	Group    string // names the group among those of the app
	State    string // differs when there is something to tell; not empty
	// Again is the time after which the same state is told again; 0 means never.
	Again time.Duration
}

// AlertGroup names a group of alerts.
type AlertGroup struct{ AppID, Group string }

// Told is what was last told of a group of alerts.
type Told struct {
	AlertGroup
	Receiver       string
	State          string // empty: nothing yet
	At             time.Time
	NotificationID uuid.UUID
}

// told returns what an acceptance tells. It must have a Telling.
func (a Acceptance) told() Told {
	n := a.Notification
	return Told{AlertGroup{n.AppID, a.Telling.Group}, a.Telling.Receiver, a.Telling.State, n.CreatedAt, n.ID}
}

// ToldOf returns what the acceptances would tell, one for each group, in the order of
// groups: transactions that lock the same groups wait for each other and cannot deadlock.
// Of several for one group it is the last.
func ToldOf(batch []Acceptance) []Told {
	byGroup := map[AlertGroup]Told{}
	for _, a := range batch {
		if a.Telling != nil {
			byGroup[a.told().AlertGroup] = a.told()
		}
	}
	all := make([]Told, 0, len(byGroup))
	for _, told := range byGroup {
		all = append(all, told)
	}
	slices.SortFunc(all, func(a, b Told) int {
		return cmp.Or(cmp.Compare(a.AppID, b.AppID), cmp.Compare(a.Group, b.Group))
	})
	return all
}

// repeats reports whether it tells what was told before. again is the Telling's.
func (t Told) repeats(before Told, again time.Duration) bool {
	return t.State == before.State && (again == 0 || t.At.Sub(before.At) < again)
}
