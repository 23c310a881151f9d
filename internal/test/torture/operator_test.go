package torture

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
)

// An operator cancels, retries, deletes and ends jobs in River UI and by SQL. Each
// delivery follows within a minute.
func TestJobsBehindOurBack(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	s.Configure(map[string]string{"defaults": fmt.Sprintf(`{maxRetry: 3, retryBackoffSeconds: [3600], timeoutSeconds: %d}`, timeout/time.Second)})
	s.open(1)
	rounds := length(1, 5)
	var slowest time.Duration
	for round := range rounds {
		slowest = max(slowest, s.meddle(round))
	}
	b := s.close()
	results.add(12, fmt.Sprintf("%d rounds", rounds), b, "the slowest delivery followed after %s", slowest.Round(time.Second))
	requireNoDup(t, b, all...)
}

// Paths of River UI's API.
const (
	cancelJobs = "/riverui/api/jobs/cancel"
	retryJobs  = "/riverui/api/jobs/retry"
	deleteJobs = "/riverui/api/jobs/delete"
)

// meddle does everything that can be done to a job, each to a job of its own, and
// returns how long the slowest delivery took to follow.
func (s *stage) meddle(round int) (slowest time.Duration) {
	m := meddling{stage: s, r: s.fleet.any(), round: round, ids: map[string]string{}}
	m.endWaiting()
	m.retryClosed()
	m.endRunning()
	return m.slowest
}

// meddling is one round of meddle. Notifications have names.
type meddling struct {
	*stage
	r       *harness.Replica
	round   int
	ids     map[string]string // of the notifications
	slowest time.Duration
}

// send sends a notification with the name to one recipient.
func (m *meddling) send(name string) {
	a := m.r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", request(fmt.Sprintf("%d-%s", m.round, name), "sms"))
	m.ids[name] = a.Body["notificationId"].(string)
	m.ledger.accept(m.ids[name], 1)
}

// job returns the id of the notification's job.
func (m *meddling) job(name string) int64 {
	return int64(m.count(`SELECT job_id FROM deliveries WHERE notification_id = $1`, m.ids[name]))
}

// follows waits until the notification's delivery has the status and the code.
func (m *meddling) follows(name, status, code string) {
	started := time.Now()
	m.until(time.Minute, 1, `SELECT count(*) FROM deliveries WHERE notification_id = $1 AND status = $2 AND last_code = $3`, m.ids[name], status, code)
	m.slowest = max(m.slowest, time.Since(started))
}

// endWaiting ends jobs that wait for their next attempt.
func (m *meddling) endWaiting() {
	fault := m.Vendors.SMS.Fail(vendors.Fault{HTTPStatus: http.StatusInternalServerError, Code: "InternalError"})
	waiting := []string{"cancelled", "deleted", "deleted by SQL", "discarded by SQL", "completed by SQL", "retried"}
	for _, name := range waiting {
		m.send(name)
	}
	for _, name := range waiting {
		m.until(harness.Patience, 1, `SELECT count(*) FROM river_job WHERE id = $1 AND state IN ('retryable', 'scheduled')`, m.job(name))
	}
	fault.Lift()
	m.r.RiverUI(cancelJobs, m.job("cancelled"))
	m.r.RiverUI(deleteJobs, m.job("deleted"))
	m.exec(`DELETE FROM river_job WHERE id = $1`, m.job("deleted by SQL"))
	for _, state := range []string{"discarded", "completed"} {
		m.exec(`UPDATE river_job SET state = $1, finalized_at = now() WHERE id = $2`, state, m.job(state+" by SQL"))
	}
	m.r.RiverUI(retryJobs, m.job("retried"))
	m.follows("retried", "success", "")
	m.follows("cancelled", "cancelled", "job_cancelled")
	m.follows("deleted", "dead", "job_deleted")
	m.follows("deleted by SQL", "dead", "job_deleted")
	m.follows("discarded by SQL", "dead", "job_ended")
	m.follows("completed by SQL", "dead", "job_ended")
}

// retryClosed retries the jobs of closed deliveries in River UI. They are sent again,
// except one that arrived.
func (m *meddling) retryClosed() {
	for _, name := range []string{"cancelled", "discarded by SQL", "completed by SQL", "retried"} {
		m.r.RiverUI(retryJobs, m.job(name))
		m.follows(name, "success", "")
		m.until(time.Minute, 1, `SELECT count(*) FROM river_job WHERE id = $1 AND state = 'completed'`, m.job(name))
	}
}

// endRunning ends jobs during a send.
func (m *meddling) endRunning() {
	hang := m.Vendors.SMS.Fail(vendors.Fault{Hang: true})
	running := []string{"cancelled in a send", "deleted in a send"}
	for _, name := range running {
		m.send(name)
	}
	limit.Count(m.t, hang, len(running), "hanging sends")
	m.r.RiverUI(cancelJobs, m.job(running[0]))
	m.exec(`DELETE FROM river_job WHERE id = $1`, m.job(running[1]))
	hang.Lift()
	for _, name := range running {
		m.follows(name, "success", "")
	}
}

// An old and a new replica run side by side, several times, while several processes
// migrate the schema at once.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	s.unhurried()
	s.open(1)
	load := s.load(2, 100*time.Millisecond)
	upgrades := length(2, 20)
	for range upgrades {
		var wg sync.WaitGroup
		for _, command := range []string{"up", "status", "up"} {
			wg.Go(func() { s.migrate(command) })
		}
		old := s.fleet.any()
		s.fleet.add(s.Start())
		limit.Group(t, &wg, "migrations")
		s.untilAccepted()
		s.fleet.remove(old)
		require.Zero(t, old.Terminate())
	}
	load.stop()

	b := s.close()
	results.add(14, fmt.Sprintf("%d upgrades", upgrades), b, "")
	requireNoDup(t, b, all...)
}

func (s *stage) migrate(command string) {
	out, err := s.Program("migrate", command, "-c", "config.yaml").CombinedOutput()
	if err != nil {
		s.t.Errorf("migrate %s: %v: %s", command, err, out)
	}
}
