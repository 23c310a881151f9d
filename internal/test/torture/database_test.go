package torture

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
)

// newCluster starts a server for this test alone, which may break it. Commits survive
// the end of its processes.
func newCluster(t *testing.T) *testdb.Cluster {
	t.Helper()
	cluster, err := testdb.NewCluster(t.Context(), "fsync=off", "full_page_writes=off")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Remove(limit.Context(t))) })
	return cluster
}

// The database server crashes under load and starts again, several times.
func TestDatabaseCrash(t *testing.T) {
	alone(t)
	cluster := newCluster(t)
	s := newStage(t, harness.NewWorld(t, cluster.Config()))
	s.open(2)
	load := s.load(4, 50*time.Millisecond)
	crashes := length(1, 10)
	var slowest time.Duration
	for range crashes {
		s.untilAccepted()
		s.run(length(time.Second, 2*time.Second)) // outcomes that waited are recorded
		require.NoError(t, cluster.Kill(t.Context()))
		s.untilRefused()
		s.run(length(time.Second, 3*time.Second))
		require.NoError(t, cluster.Start(t.Context()))
		slowest = max(slowest, s.untilAccepted())
	}
	load.stop()
	s.db.Reset() // the test's own connections are broken
	b := s.close()
	results.add(3, fmt.Sprintf("%d crashes", crashes), b, "%d refused, the slowest after %s; the slowest return %s",
		s.ledger.refused, s.ledger.slowest.Round(time.Millisecond), slowest.Round(time.Millisecond))
	requireNoDup(t, b, all...)
	require.Less(t, s.ledger.slowest, length(harness.Patience, 2*time.Second), "the slowest refusal")
	require.Less(t, slowest, length(harness.Patience, 15*time.Second), "from the start of the server to the first notification accepted")
}

// The database becomes read-only, as in a failover, and then writable again.
func TestDatabaseReadOnly(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	s := newStage(t, harness.NewWorld(t, cluster.Config()))
	// An outcome waits for the database as long as the lease. A busy machine makes even
	// the shortest outage long.
	s.Configure(map[string]string{"dispatcher": dispatcher(time.Minute)})
	s.open(2)
	load := s.load(4, 50*time.Millisecond)
	failovers := length(1, 10)
	var slowest time.Duration
	for range failovers {
		s.untilAccepted()
		s.exec(`ALTER SYSTEM SET default_transaction_read_only = on`)
		s.exec(`SELECT pg_reload_conf()`)
		s.untilRefused()
		s.run(length(3*time.Second, 5*time.Second))
		s.exec(`ALTER SYSTEM RESET default_transaction_read_only`)
		s.exec(`SELECT pg_reload_conf()`)
		slowest = max(slowest, s.untilAccepted())
	}
	load.stop()
	b := s.close()
	results.add(13, fmt.Sprintf("%d failovers", failovers), b, "%d refused; the slowest return %s", s.ledger.refused, slowest.Round(time.Millisecond))
	requireNoDup(t, b, all...)
	require.Zero(t, s.held)
	for _, channel := range held {
		require.Len(t, b.ended[channel], 1, "%s: nothing but success: %+v", channel, b)
	}
	require.Less(t, slowest, time.Minute, "from the first writes possible to the first notification accepted")
}

// untilAccepted waits until a notification is accepted and returns how long that took.
func (s *stage) untilAccepted() time.Duration {
	s.t.Helper()
	started := time.Now()
	require.Eventually(s.t, func() bool { return s.ledger.acceptedSince(started) }, acceptLimit, harness.Tick, "nothing is accepted")
	return time.Since(started)
}

// untilRefused waits until a caller gets 503.
func (s *stage) untilRefused() {
	s.t.Helper()
	before := s.ledger.refusals()
	require.Eventually(s.t, func() bool { return s.ledger.refusals() > before }, acceptLimit, harness.Tick, "nothing is refused")
}
