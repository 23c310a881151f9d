package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/store"
)

// escalationTorture is the number of the torture.
const escalationTorture = 28

// escalating returns the body of a request that asks somebody to acknowledge, with steps.
func escalating(key string, repeat int, steps ...map[string]any) map[string]any {
	r := request(key, "feishu_app")
	r["escalation"], r["repeat"] = steps, repeat
	return r
}

// step returns a step over channels. It has the notification's params and recipients.
func step(after time.Duration, channels ...string) map[string]any {
	over := map[string]any{}
	for _, channel := range channels {
		over[channel] = map[string]any{"template": channel}
	}
	return map[string]any{"after": after.String(), "channels": over}
}

// incident is a row of the database.
type incident struct {
	ID    string
	Steps store.IncidentSteps
}

// incidents returns all incidents, and enters the deliveries of their steps into the ledger: accepting a notification
// promises them.
func (s *stage) incidents() []incident {
	s.t.Helper()
	rows, err := s.db.Query(context.Background(), `SELECT id::text, steps FROM incidents`)
	require.NoError(s.t, err)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[incident])
	require.NoError(s.t, err)
	for _, i := range found {
		for _, step := range i.Steps {
			s.ledger.accept(step.NotificationID.String(), len(step.Channels))
		}
	}
	return found
}

// acknowledge acknowledges an incident as a caller does: until there is an answer.
func (s *stage) acknowledge(id string) (answer harness.Answer) {
	for deadline := time.Now().Add(acceptLimit); time.Now().Before(deadline); {
		a, err := s.fleet.any().Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications/"+id+"/ack", map[string]any{"by": "alice"})
		if err == nil && a.Status == http.StatusOK {
			return a
		}
		select {
		case <-time.After(pause):
		case <-s.t.Context().Done():
			return answer
		}
	}
	s.t.Errorf("incident %s was not acknowledged within %s", id, acceptLimit)
	return answer
}

// strings returns the texts that a query selects.
func (s *stage) strings(sql string, args ...any) []string {
	s.t.Helper()
	rows, err := s.db.Query(context.Background(), sql, args...)
	require.NoError(s.t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(s.t, err)
	return found
}

// openIncidents accepts incidents, each with a step over all channels, and sends their notifications. No replica runs
// when it returns.
func (s *stage) openIncidents() {
	s.t.Helper()
	s.request = func(key string) map[string]any { return escalating(key, 0, step(time.Hour, all...)) }
	s.open(1)
	for i := range perRound {
		s.send(fmt.Sprint(i))
	}
	s.until(harness.Patience, perRound, `SELECT count(*) FROM deliveries WHERE status = 'success'`)
	s.until(harness.Patience, perRound*fanOut, `SELECT count(*) FROM deliveries WHERE status = 'pending'`)
	require.Zero(s.t, s.fleet.take().Terminate())
}

// comes makes the steps due.
func (s *stage) comes() {
	s.t.Helper()
	s.exec(`UPDATE deliveries SET send_at = now() WHERE send_at > now()`)
	s.exec(`UPDATE river_job SET state = 'available', scheduled_at = now() WHERE kind = 'deliver' AND state = 'scheduled'`)
}

// A worker is killed at each seam of a step that nobody has acknowledged. The step is sent, as any delivery.
func TestKillAtEachSeamOfAStep(t *testing.T) {
	t.Parallel()
	for _, seam := range seams {
		t.Run(seam.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, harness.NewPostgres(t))
			s.openIncidents()
			s.comes()
			release := seam.reach(s, perRound*fanOut)
			s.gone()
			release()
			s.rescue()
			s.incidents()
			b := s.close()
			results.add(escalationTorture, fmt.Sprintf("%d steps killed %s", perRound, seam.name), b, "%d held, all settled", s.held)
			requireNoDup(t, b, once...)
			requireNoDup(t, b, held...)
			require.Equal(t, perRound*(fanOut+1), b.accepted)
			for _, channel := range all {
				sent := perRound
				if channel == "feishu_app" {
					sent = 2 * perRound // the notifications, too
				}
				require.Equal(t, map[string]int{"success": sent}, b.ended[channel], channel)
			}
			twice := 0
			if seam.sent && !seam.recorded {
				twice = perRound
			}
			for _, channel := range resent {
				require.Equal(t, twice, b.dup[channel], channel)
			}
		})
	}
}

// Somebody acknowledges while replicas are killed. When the answer is there, nothing begins any more.
func TestKillAtEachSeamOfAnAcknowledgement(t *testing.T) {
	t.Parallel()
	for _, seam := range []struct {
		name        string
		acknowledge func(s *stage, ids []string)
		sent        bool // vendors have got the steps at the kill
	}{
		{name: "killed before their commit", acknowledge: beforeTheCommit},
		{name: "killed before their answer", acknowledge: beforeTheAnswer},
		{name: "killed after their answer", acknowledge: afterTheAnswer},
		{name: "while a worker has the steps", acknowledge: whileStepsBegin},
		{name: "while a worker has the steps, and is killed", acknowledge: whileStepsBeginAndEnd},
		{name: "while a worker sends the steps, and is killed", acknowledge: whileStepsAreSent, sent: true},
	} {
		t.Run(seam.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, harness.NewPostgres(t))
			s.openIncidents()
			s.fleet.add(s.StartWith([]string{"DISPATCHER_ENABLED=false"}))
			seam.acknowledge(s, s.strings(`SELECT id::text FROM incidents`))
			s.comes()
			s.fleet.add(s.Start())
			s.rescue()
			s.incidents()
			b := s.close()

			sent := 0
			if seam.sent {
				sent = perRound * fanOut
			}
			requests := 0
			for _, id := range s.strings(`SELECT id::text FROM deliveries WHERE incident_id <> notification_id`) {
				requests += s.Vendors.Inbox.Mark(id).Requests
			}
			results.add(escalationTorture, fmt.Sprintf("%d acknowledgements %s", perRound, seam.name), b, "%d of %d deliveries of steps had begun before", sent, perRound*fanOut)
			require.Equal(t, sent, requests, "what was not sent before the answer is not sent")
			require.Zero(t, b.dups())
			withheld := s.count(`SELECT count(*) FROM deliveries WHERE incident_id <> notification_id AND status = 'cancelled' AND last_code = 'acknowledged'`)
			if seam.sent { // those of SMS and voice were found
				withheld += s.count(`SELECT count(*) FROM deliveries WHERE incident_id <> notification_id AND status = 'success'`)
			}
			require.Equal(t, perRound*fanOut, withheld)
		})
	}
}

// beforeTheCommit kills the replica whose acknowledgements wait for their rows: none is made, and the callers ask again.
func beforeTheCommit(s *stage, ids []string) {
	unlock := s.hold(`SELECT FROM incidents FOR UPDATE`)
	r := s.fleet.take()
	var callers sync.WaitGroup
	for _, id := range ids {
		callers.Go(func() {
			_, err := r.Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications/"+id+"/ack", map[string]any{})
			if err == nil {
				s.t.Errorf("there is an answer, although the row of %s was locked", id)
			}
		})
	}
	s.until(harness.Patience, len(ids), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM incidents%'`)
	r.Kill()
	limit.Group(s.t, &callers, "the callers")
	s.gone()
	unlock()
	require.Zero(s.t, s.count(`SELECT count(*) FROM incidents WHERE acknowledged_at IS NOT NULL`))
	s.fleet.add(s.StartWith([]string{"DISPATCHER_ENABLED=false"}))
	for _, id := range ids {
		require.Equal(s.t, true, s.acknowledge(id).Body["changed"])
	}
}

// beforeTheAnswer kills the replica when its acknowledgements are in the database and no caller knows. The callers ask
// again, and hear that it was done.
func beforeTheAnswer(s *stage, ids []string) {
	r := s.fleet.take()
	link := newLink(s.t, strings.TrimPrefix(r.Base, "http://"))
	link.spoil("timeout", map[string]int{"timeout": 0})
	caller := s.At("http://" + link.address())
	var callers sync.WaitGroup
	for _, id := range ids {
		callers.Go(func() {
			_, err := caller.Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications/"+id+"/ack", map[string]any{})
			if err == nil {
				s.t.Errorf("the answer for %s came through", id)
			}
		})
	}
	s.until(harness.Patience, len(ids), `SELECT count(*) FROM incidents WHERE acknowledged_at IS NOT NULL`)
	r.Kill()
	link.cut()
	limit.Group(s.t, &callers, "the callers")
	s.fleet.add(s.StartWith([]string{"DISPATCHER_ENABLED=false"}))
	for _, id := range ids {
		require.Equal(s.t, false, s.acknowledge(id).Body["changed"])
	}
}

// afterTheAnswer kills the replica that has answered. The job that cancels what waits has not run.
func afterTheAnswer(s *stage, ids []string) {
	for _, id := range ids {
		require.Equal(s.t, true, s.acknowledge(id).Body["changed"])
	}
	s.fleet.take().Kill()
	s.fleet.add(s.StartWith([]string{"DISPATCHER_ENABLED=false"}))
	require.Equal(s.t, len(ids)*fanOut, s.count(openDeliveries), "nothing is cancelled yet")
}

// whileStepsBegin acknowledges when a worker has taken the steps and has not read them.
func whileStepsBegin(s *stage, ids []string) {
	worker, unlock := s.acknowledgeWhatBegins(ids)
	unlock()
	s.fleet.add(worker)
}

// whileStepsBeginAndEnd is whileStepsBegin, and then the worker is killed. SMS and calls are held then, until their vendors
// say that they have none; they are not sent again.
func whileStepsBeginAndEnd(s *stage, ids []string) {
	worker, unlock := s.acknowledgeWhatBegins(ids)
	worker.Kill()
	s.gone()
	unlock()
}

func (s *stage) acknowledgeWhatBegins(ids []string) (worker *harness.Replica, unlock func()) {
	s.comes()
	unlock = s.lock("deliveries")
	worker = s.Start()
	s.until(harness.Patience, len(ids)*fanOut, runningJobs)
	for _, id := range ids {
		require.Equal(s.t, true, s.acknowledge(id).Body["changed"])
	}
	return worker, unlock
}

// whileStepsAreSent acknowledges when vendors have got all steps, and kills the worker. Nothing is sent again.
func whileStepsAreSent(s *stage, ids []string) {
	s.comes()
	lift := s.fail(vendors.Fault{Hang: true, After: true})
	before := s.Vendors.Inbox.Total()
	worker := s.Start()
	limit.Count(s.t, s.Vendors.Inbox, before+len(ids)*fanOut, "messages")
	for _, id := range ids {
		require.Equal(s.t, true, s.acknowledge(id).Body["changed"])
	}
	worker.Kill()
	s.gone()
	lift()
}

// Incidents escalate over all channels, twice, while one of three replicas is killed again and again. Every other one
// is acknowledged at some time.
func TestKillWhileIncidentsEscalate(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	const repeat = 1
	s.request = func(key string) map[string]any {
		return escalating(key, repeat, step(time.Second, once...), step(2*time.Second, held...), step(3*time.Second, resent...))
	}
	s.open(3)
	defer s.fail(vendors.Fault{After: true, Delay: 200 * time.Millisecond})()

	// From each caller's incidents every other one is acknowledged, within the time of its steps or a little later.
	var mu sync.Mutex
	answered := map[string]time.Time{} // by incident: when the caller of the acknowledgement knew
	stopped, stop := context.WithCancel(t.Context())
	var people sync.WaitGroup
	people.Go(func() {
		seen := map[string]bool{}
		for n := 0; stopped.Err() == nil; s.run(pause) {
			for id := range s.ledger.told() {
				if seen[id] {
					continue
				}
				seen[id] = true
				if n++; n%2 == 0 {
					continue
				}
				people.Go(func() {
					s.run(rand.N(7 * time.Second))
					s.acknowledge(id)
					mu.Lock()
					defer mu.Unlock()
					answered[id] = time.Now()
				})
			}
		}
	})
	load := s.load(1, 200*time.Millisecond)
	kills := length(3, 30)
	for range kills {
		s.run(length(time.Second, 3*time.Second))
		s.fleet.take().Kill()
		s.fleet.add(s.Start())
	}
	load.stop()
	s.run(2 * pause) // those who acknowledge see the last one
	stop()
	limit.Group(t, &people, "those who acknowledge")
	s.rescue()
	incidents := s.incidents()
	b := s.close()

	const rounds = repeat + 1
	inFlight, twice, steps, withheld := s.count(lostSends, resent), b.twice(resent...), 0, 0
	for _, i := range incidents {
		require.Len(t, i.Steps, 3*rounds)
		at, acknowledged := answered[i.ID]
		for _, step := range i.Steps {
			steps++
			ended := map[string]int{}
			for _, status := range s.strings(`SELECT status FROM deliveries WHERE notification_id::text = $1`, step.NotificationID.String()) {
				ended[status]++
			}
			require.Equal(t, len(step.Channels), ended["success"]+ended["cancelled"], "%+v", step)
			if !acknowledged {
				require.Zero(t, ended["cancelled"], "nobody has acknowledged %s, and its step of %s was not sent", i.ID, step.At)
				continue
			}
			if step.At.After(at) {
				withheld++
				require.Zero(t, ended["success"], "%s was acknowledged at %s, and its step of %s was sent", i.ID, at, step.At)
			}
		}
	}
	results.add(escalationTorture, fmt.Sprintf("%d kills, %d incidents", kills, len(incidents)), b,
		"%d acknowledged, %d steps, %d of them due after the answer, 0 sent of those; e-mail, Feishu's and WeCom's bots: %d twice, of %d in flight; SMS and voice: %d held, all settled",
		len(answered), steps, withheld, twice, inFlight, s.held)
	requireNoDup(t, b, once...)
	requireNoDup(t, b, held...)
	require.LessOrEqual(t, twice, inFlight)
	require.Positive(t, withheld)
	require.Less(t, len(answered), len(incidents))
	require.Positive(t, s.count(lostSends, all), "no kill met a send")
}
