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
	require.Less(t, slowest, time.Minute)
}

// meddle does everything that can be done to a job, each to one of its own, and
// returns how long the slowest delivery took to follow.
func (s *stage) meddle(round int) (slowest time.Duration) {
	const cancel, retry, remove = "/riverui/api/jobs/cancel", "/riverui/api/jobs/retry", "/riverui/api/jobs/delete"
	r := s.fleet.any()
	ids := map[string]string{}
	send := func(name string) {
		a := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", request(fmt.Sprintf("%d-%s", round, name), "sms"))
		ids[name] = a.Body["notificationId"].(string)
		s.ledger.accept(ids[name], 1)
	}
	job := func(name string) int64 {
		return int64(s.count(`SELECT job_id FROM deliveries WHERE notification_id = $1`, ids[name]))
	}
	follows := func(name, status, code string) {
		started := time.Now()
		s.until(time.Minute, 1, `SELECT count(*) FROM deliveries WHERE notification_id = $1 AND status = $2 AND last_code = $3`, ids[name], status, code)
		slowest = max(slowest, time.Since(started))
	}

	// Jobs that wait for their next attempt.
	fault := s.Vendors.SMS.Fail(vendors.Fault{HTTPStatus: http.StatusInternalServerError, Code: "InternalError"})
	waiting := []string{"cancelled", "deleted", "deleted by SQL", "discarded by SQL", "completed by SQL", "retried"}
	for _, name := range waiting {
		send(name)
	}
	for _, name := range waiting {
		s.until(harness.Patience, 1, `SELECT count(*) FROM river_job WHERE id = $1 AND state IN ('retryable', 'scheduled')`, job(name))
	}
	fault.Lift()
	r.RiverUI(cancel, job("cancelled"))
	r.RiverUI(remove, job("deleted"))
	s.exec(`DELETE FROM river_job WHERE id = $1`, job("deleted by SQL"))
	for _, state := range []string{"discarded", "completed"} {
		s.exec(`UPDATE river_job SET state = $1, finalized_at = now() WHERE id = $2`, state, job(state+" by SQL"))
	}
	r.RiverUI(retry, job("retried"))
	follows("retried", "success", "")
	follows("cancelled", "cancelled", "job_cancelled")
	follows("deleted", "dead", "job_deleted")
	follows("deleted by SQL", "dead", "job_deleted")
	follows("discarded by SQL", "dead", "job_ended")
	follows("completed by SQL", "dead", "job_ended")

	// A retry in River UI sends closed deliveries again, except one that arrived.
	for _, name := range []string{"cancelled", "discarded by SQL", "completed by SQL", "retried"} {
		r.RiverUI(retry, job(name))
		follows(name, "success", "")
		s.until(time.Minute, 1, `SELECT count(*) FROM river_job WHERE id = $1 AND state = 'completed'`, job(name))
	}

	// Jobs during a send.
	hang := s.Vendors.SMS.Fail(vendors.Fault{Hang: true})
	running := []string{"cancelled in a send", "deleted in a send"}
	for _, name := range running {
		send(name)
	}
	limit.Count(s.t, hang, len(running), "hanging sends")
	r.RiverUI(cancel, job(running[0]))
	s.exec(`DELETE FROM river_job WHERE id = $1`, job(running[1]))
	hang.Lift()
	for _, name := range running {
		follows(name, "success", "")
	}
	return slowest
}

// An old and a new replica run side by side, several times, while several processes
// migrate the schema at once. At the end the newest migration is reverted and applied
// again, with open deliveries.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
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
	require.Zero(t, s.fleet.take().Terminate())
	s.fleet.add(s.StartWith([]string{"DISPATCHER_ENABLED=false"}))
	for i := range length(10, 100) {
		s.send(fmt.Sprint("on its way ", i))
	}
	require.Zero(t, s.fleet.take().Terminate())
	s.migrate("down")
	s.migrate("up")
	s.fleet.add(s.Start())

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
