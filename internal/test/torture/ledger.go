package torture

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/vendors"
)

// ledger holds what callers were told.
type ledger struct {
	mu       sync.Mutex
	accepted map[string]int // deliveries, by the id of the notification
	refused  int            // answers with 503
	slowest  time.Duration  // of the refusals
	last     time.Time      // of an acceptance
}

func newLedger() *ledger { return &ledger{accepted: map[string]int{}} }

func (l *ledger) accept(notification string, deliveries int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted[notification] = deliveries
	l.last = time.Now()
}

func (l *ledger) refuse(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused++
	l.slowest = max(l.slowest, took)
}

func (l *ledger) told() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.accepted)
}

func (l *ledger) refusals() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}

// acceptedSince reports whether a notification was accepted after t.
func (l *ledger) acceptedSince(t time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last.After(t)
}

// books is the comparison of the three ledgers.
type books struct {
	accepted int                       // deliveries that callers were told of
	lost     int                       // accepted, and neither success nor dead nor cancelled
	unsent   int                       // success, and the vendor received nothing
	dup      map[string]int            // by channel: arrivals beyond the first of a delivery
	ended    map[string]map[string]int // deliveries by channel and status
}

// twice returns the arrivals beyond the first over the channels.
func (b books) twice(channels ...string) int {
	n := 0
	for _, channel := range channels {
		n += b.dup[channel]
	}
	return n
}

func (b books) dups() int {
	n := 0
	for _, d := range b.dup {
		n += d
	}
	return n
}

// delivery is a row of the database's ledger.
type delivery struct {
	ID, Notification, Channel, Status string
	Sent                              string // the delivery that was sent: of an item of a digest, the digest's
}

// compare compares the ledgers. No delivery may be open.
func compare(t *testing.T, told *ledger, db *pgxpool.Pool, inboxes ...*vendors.Inbox) books {
	t.Helper()
	rows, err := db.Query(context.Background(), `SELECT id::text, notification_id::text, channel, status, coalesce(digest_id, id)::text FROM deliveries`)
	require.NoError(t, err)
	deliveries, err := pgx.CollectRows(rows, pgx.RowToStructByPos[delivery])
	require.NoError(t, err)

	b := books{dup: map[string]int{}, ended: map[string]map[string]int{}}
	accepted := told.told()
	for _, n := range accepted {
		b.accepted += n
		b.lost += n
	}
	arrivals := map[string]int{}
	for _, received := range inboxes {
		if received == nil {
			continue
		}
		for id, mark := range received.Marks() {
			arrivals[id] += mark.Arrivals
		}
	}
	for _, d := range deliveries {
		ended := d.Status == "success" || d.Status == "dead" || d.Status == "cancelled"
		if _, known := accepted[d.Notification]; known && ended {
			b.lost--
		}
		if d.Status == "success" && arrivals[d.Sent] == 0 {
			b.unsent++
		}
		b.dup[d.Channel] += max(0, arrivals[d.ID]-1)
		if b.ended[d.Channel] == nil {
			b.ended[d.Channel] = map[string]int{}
		}
		b.ended[d.Channel][d.Status]++
	}
	return b
}
