package telling

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// Bounds of a replay: the events of one transaction, and of one call, and how long that takes.
const (
	replayPage    = 1000
	mostReplay    = 100_000
	longestReplay = 5 * time.Second
)

// Replay tells an endpoint again of the events from a time on, those that it was told included. It returns
// how many they are, and where a further call continues: uuid.Nil when these were all.
func (t *Teller) Replay(ctx context.Context, endpoint, after uuid.UUID, audit store.AuditEntry) (events int, next uuid.UUID, err error) {
	r := store.Replay{EndpointID: endpoint, After: after, Until: time.Now(), Limit: replayPage, Audit: []store.AuditEntry{audit}}
	for began := time.Now(); events < mostReplay && time.Since(began) < longestReplay; {
		page, err := t.store.Replay(ctx, r)
		if err != nil {
			return events, uuid.Nil, err
		}
		events += page.Events
		if page.Events < replayPage {
			return events, uuid.Nil, nil
		}
		r.After, r.Audit = page.Last, nil
	}
	return events, r.After, nil
}
