package torture

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
)

// seam is a moment in the life of a delivery at which its worker is killed.
type seam struct {
	name string
	// reach brings deliveries to the seam, keeps them there and kills the worker. The
	// returned function releases them.
	reach func(s *stage, deliveries int) (release func())
	// sent reports whether the vendors have received the messages at the kill.
	sent bool
	// recorded reports whether the outcomes are in the database at the kill.
	recorded bool
}

// seams are all of them.
var seams = []seam{
	{name: "before the send", reach: beforeTheSend},
	{name: "in the send", reach: inTheSend, sent: true},
	{name: "before the record", reach: beforeTheRecord, sent: true},
	{name: "after the record", reach: afterTheRecord, sent: true, recorded: true},
}

// A worker is killed at each seam while it works on deliveries of all channels.
func TestKillAtEachSeam(t *testing.T) {
	t.Parallel()
	for _, seam := range seams {
		t.Run(seam.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, harness.NewPostgres(t))
			s.open(1)
			require.Zero(t, s.fleet.take().Terminate())
			rounds := length(1, 5)
			for round := range rounds {
				seam.kill(s, round)
			}
			seam.check(s, rounds)
		})
	}
}

// perRound is the number of notifications that a worker has taken when it is killed.
const perRound = 5

func (seam seam) kill(s *stage, round int) {
	api := s.StartWith([]string{"DISPATCHER_ENABLED=false"})
	s.fleet.add(api)
	for i := range perRound {
		s.send(fmt.Sprintf("%d-%d", round, i))
	}
	require.Zero(s.t, s.fleet.take().Terminate())

	release := seam.reach(s, perRound*fanOut)
	s.gone()
	release()

	s.rescue()
	s.until(harness.Patience*2, 0, openDeliveries)
	s.until(harness.Patience*2, 0, `SELECT count(*) FROM river_job WHERE kind = 'deliver' AND finalized_at IS NULL`)
	require.Zero(s.t, s.fleet.take().Terminate())
}

func (seam seam) check(s *stage, rounds int) {
	n := rounds * perRound
	s.fleet.add(s.Start()) // it asks about what is held
	b := s.close()
	results.add(2, fmt.Sprintf("%d kills %s", rounds, seam.name), b, "%d held, all settled", s.held)
	require.Equal(s.t, n*fanOut, b.accepted)
	requireNoDup(s.t, b, once...)
	requireNoDup(s.t, b, held...)
	for _, channel := range once {
		require.Equal(s.t, map[string]int{"success": n}, b.ended[channel], channel)
	}
	lost, twice := n*len(held), 0 // held, because it may have been sent
	if seam.recorded {
		lost = 0
	} else if seam.sent {
		twice = n
	}
	require.Equal(s.t, lost, s.held)
	for _, channel := range held { // found at the vendor, or sent again
		require.Equal(s.t, map[string]int{"success": n}, b.ended[channel], channel)
	}
	for _, channel := range resent {
		require.Equal(s.t, map[string]int{"success": n}, b.ended[channel], channel)
		require.Equal(s.t, twice, b.dup[channel], channel)
	}
	require.Equal(s.t, n*fanOut+b.dups(), s.Vendors.Inbox.Total())
}

// runningJobs counts the deliveries' jobs that workers have taken.
const runningJobs = `SELECT count(*) FROM river_job WHERE kind = 'deliver' AND state = 'running'`

// beforeTheSend lets the worker take jobs and blocks it from reading the deliveries.
func beforeTheSend(s *stage, deliveries int) func() {
	unlock := s.lock("deliveries")
	r := s.Start()
	s.until(harness.Patience, deliveries, runningJobs)
	r.Kill()
	return unlock
}

// inTheSend lets every vendor receive the message and hold back the answer.
func inTheSend(s *stage, deliveries int) func() {
	lift := s.fail(vendors.Fault{Hang: true, After: true})
	before := s.Vendors.Inbox.Total()
	r := s.Start()
	limit.Count(s.t, s.Vendors.Inbox, before+deliveries, "messages")
	r.Kill()
	return lift
}

// beforeTheRecord lets every vendor answer and blocks the writing of the outcomes.
func beforeTheRecord(s *stage, deliveries int) func() {
	unlock := s.lock("attempts")
	r := s.Start()
	for range deliveries {
		require.Empty(s.t, r.Await("attempt")["code"])
	}
	r.Kill()
	return unlock
}

// afterTheRecord lets the outcomes be written and blocks River from completing the jobs.
func afterTheRecord(s *stage, deliveries int) func() {
	s.exec(`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END $$`)
	s.exec(`CREATE TRIGGER hold BEFORE UPDATE ON river_job FOR EACH ROW
		WHEN (NEW.state = 'completed' AND NEW.kind = 'deliver') EXECUTE FUNCTION hold()`)
	unlock := s.hold(`SELECT pg_advisory_xact_lock(1)`)
	r := s.Start()
	s.until(harness.Patience, 0, openDeliveries)
	require.Equal(s.t, deliveries, s.count(runningJobs))
	r.Kill()
	return func() {
		unlock()
		s.exec(`DROP TRIGGER hold ON river_job`)
		s.exec(`DROP FUNCTION hold`)
	}
}

// gone ends the sessions of a replica that was killed: otherwise a statement that waits for a lock would still run.
func (s *stage) gone() {
	s.t.Helper()
	s.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'sealos-notify'`)
}

// lock locks the table exclusively until it is unlocked.
func (s *stage) lock(table string) (unlock func()) {
	return s.hold(`LOCK TABLE ` + table + ` IN ACCESS EXCLUSIVE MODE`)
}

// hold runs a statement that locks in a transaction of its own. The returned function
// releases the locks.
func (s *stage) hold(sql string) (release func()) {
	s.t.Helper()
	tx, err := s.db.Begin(context.Background())
	require.NoError(s.t, err)
	_, err = tx.Exec(context.Background(), sql)
	require.NoError(s.t, err)
	return func() { require.NoError(s.t, tx.Rollback(context.Background())) }
}
