package torture

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
)

// told is an endpoint that counts what it is told, by webhook-id.
type told struct {
	*httptest.Server
	release chan struct{} // what comes waits for it; nil: it is answered at once

	mu   sync.Mutex
	seen map[string]int
}

func newTold(t *testing.T) *told {
	t.Helper()
	e := &told{seen: map[string]int{}}
	e.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		e.mu.Lock()
		e.seen[r.Header.Get("webhook-id")]++
		release := e.release
		e.mu.Unlock()
		if release != nil {
			<-release
		}
	}))
	t.Cleanup(e.Close)
	return e
}

// hang makes requests wait until the returned function is called.
func (e *told) hang() (lift func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	release := make(chan struct{})
	e.release = release
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.release = nil
		close(release)
	}
}

// requests returns how many requests came, and of how many events.
func (e *told) requests() (all, events int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range e.seen {
		all += n
	}
	return all, len(e.seen)
}

// The worker that tells an endpoint of events is killed before its requests, in them, and before their
// success is noted.
func TestKillsWhileEventsAreTold(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	e := newTold(t)
	s.Configure(map[string]string{"endpoints": `{key: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", allowPrivateNetworks: true}`})
	s.open(1)
	s.fleet.any().Do(http.StatusCreated, http.MethodPost, "/api/v1/endpoints", map[string]any{
		"url": e.URL, "events": []string{"notification.finished", "delivery.success"}, // receipts come when vendors are asked
	})
	rounds, events, twice := length(1, 5), 0, 0
	for round := range rounds {
		for name, reach := range map[string]func(*stage, *told) (release func()){
			"before the request": beforeTelling, "in the request": whileTelling, "after the answer": afterTelling,
		} {
			s.killTelling(fmt.Sprintf("%s %d", name, round), e, reach)
			events += perRound * (fanOut + 1)
			all, distinct := e.requests()
			require.Equal(t, events, distinct, name)
			require.Equal(t, events, s.count(`SELECT count(*) FROM events`), name)
			if name == "before the request" {
				require.Equal(t, twice, all-distinct, name)
			}
			twice = all - distinct
		}
	}
	rows, err := s.db.Query(t.Context(), `SELECT id::text FROM events`)
	require.NoError(t, err)
	stored, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, id := range stored {
		require.Contains(t, e.seen, id)
	}
	results.add(eventsTorture, fmt.Sprintf("%d kills, %d events", 3*rounds, events), s.close(), "0 events lost, %d told twice", twice)
}

// eventsTorture is the number of the torture.
const eventsTorture = 26

// killTelling lets notifications end, kills the worker that tells of that, and waits until all is told.
func (s *stage) killTelling(key string, e *told, reach func(*stage, *told) (release func())) {
	s.exec(`CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN NEW.state = 'scheduled'; NEW.scheduled_at = now() + interval '1 hour'; RETURN NEW; END $$`)
	s.exec(`CREATE TRIGGER later BEFORE INSERT ON river_job FOR EACH ROW WHEN (NEW.kind = 'event') EXECUTE FUNCTION later()`)
	for i := range perRound {
		s.send(fmt.Sprintf("%s %d", key, i))
	}
	s.until(harness.Patience*2, 0, openDeliveries)
	s.until(harness.Patience, perRound*(fanOut+1), `SELECT count(*) FROM river_job WHERE kind = 'event' AND state = 'scheduled'`)
	require.Zero(s.t, s.fleet.take().Terminate())
	s.exec(`DROP TRIGGER later ON river_job`)
	s.exec(`DROP FUNCTION later`)
	s.exec(`UPDATE river_job SET state = 'available', scheduled_at = now() WHERE kind = 'event' AND state = 'scheduled'`)

	release := reach(s, e)
	s.gone()
	release()
	s.endLeases()
	s.fleet.add(s.Start())
	s.until(harness.Patience*2, 0, `SELECT count(*) FROM river_job WHERE kind = 'event' AND finalized_at IS NULL`)
	require.Zero(s.t, s.count(`SELECT count(*) FROM river_job WHERE kind = 'event' AND state <> 'completed'`))
}

// someTelling is 1 when a worker has taken jobs that tell events.
const someTelling = `SELECT (count(*) > 0)::int FROM river_job WHERE kind = 'event' AND state = 'running'`

// beforeTelling lets the worker take jobs and blocks it from reading the events.
func beforeTelling(s *stage, _ *told) func() {
	unlock := s.lock("events")
	r := s.Start()
	s.until(harness.Patience, 1, someTelling)
	r.Kill()
	return unlock
}

// whileTelling lets requests come, and keeps their answers.
func whileTelling(s *stage, e *told) func() {
	lift := e.hang()
	before, _ := e.requests()
	r := s.Start()
	require.Eventually(s.t, func() bool { all, _ := e.requests(); return all > before }, harness.Patience, pause)
	r.Kill()
	return lift
}

// afterTelling lets requests be answered, and blocks River from completing the jobs.
func afterTelling(s *stage, _ *told) func() {
	s.exec(`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$`)
	s.exec(`CREATE TRIGGER hold BEFORE UPDATE ON river_job FOR EACH ROW
		WHEN (NEW.state = 'completed' AND NEW.kind = 'event') EXECUTE FUNCTION hold()`)
	unlock := s.hold(`SELECT pg_advisory_xact_lock(1)`)
	r := s.Start()
	s.until(harness.Patience, 1, `SELECT (count(*) > 0)::int FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)
	r.Kill()
	return func() {
		unlock()
		s.exec(`DROP TRIGGER hold ON river_job`)
		s.exec(`DROP FUNCTION hold`)
	}
}
