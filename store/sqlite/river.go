package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// This file is the engine's only door to River: its insert-only client, and every
// statement on its tables. River has no call that joins jobs with other tables or counts
// them, so these are statements. The suite in store/storetest runs them on the tables that
// River's own migrations make, and fails when those change.
// River writes times as text: in UTC, with milliseconds.
const (
	// runningJob is Reader.RunningJob.
	runningJob = `river_job j ON j.id = d.job_id AND j.state = 'running'`
	// orphanedJobs is Reader.OrphanedJobs.
	orphanedJobs = `
		SELECT d.id, d.job_id, coalesce(j.state, ''), coalesce(j.attempt, 0), d.attempts
		FROM deliveries d LEFT JOIN river_job j ON j.id = d.job_id
		WHERE d.status IN ('pending', 'failed') AND d.id > $1
			AND (j.id IS NULL OR j.state IN ('cancelled', 'discarded', 'completed'))
		ORDER BY d.id LIMIT $2`
	// queueDepths reads only the index that River fetches by: it has all columns, and
	// finished jobs, of which there are many, are not read.
	queueDepths = `
		SELECT queue, state, count(*), cast(1e6 * unixepoch(min(scheduled_at), 'subsec') AS INTEGER)
		FROM river_job WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled')
		GROUP BY state, queue`
	// dueQueues returns those of the queues in the JSON array $1 that have a job which is due
	// and not begun, and whether one of these is not available yet. It reads one entry of the
	// index that River fetches by for each state, queue and priority: a million jobs do not
	// make it slower. River's list of jobs would read them all.
	dueQueues = `
		SELECT q.value, max(s.value <> 'available')
		FROM json_each($1) q, json_each('[1, 2, 3, 4]') p, json_each('["available", "retryable", "scheduled"]') s
		WHERE EXISTS (SELECT 1 FROM river_job j WHERE j.state = s.value AND j.queue = q.value
			AND j.priority = p.value AND j.scheduled_at <= datetime('now', 'subsec'))
		GROUP BY q.value`
	countRunning = `SELECT count(*) FROM river_job WHERE state = 'running' AND unixepoch(attempted_at, 'subsec') < $1`
	// runningJobs are the jobs that run with the client $1, which is the last that took them.
	runningJobs = `SELECT id, attempt FROM river_job
		WHERE state = 'running' AND kind = 'deliver' AND json_extract(attempted_by, '$[#-1]') = $1`
)

// riverClient returns a River client that inserts and works nothing. It is made for one
// transaction, in 20 µs: a client announces a queue only once in its fetch cooldown, and
// jobs that are not announced wait for the workers' next poll.
func (s *Store) riverClient() (*river.Client[*sql.Tx], error) {
	return river.NewClient(riversqlite.New(s.write), &river.Config{Logger: slog.New(slog.DiscardHandler)})
}

// insertJobs inserts River jobs and returns their ids by the delivery.
func (s *Store) insertJobs(ctx context.Context, tx *sql.Tx, jobs []store.Job) (map[uuid.UUID]int64, error) {
	client, err := s.riverClient()
	if err != nil {
		return nil, err
	}
	params := make([]river.InsertManyParams, len(jobs))
	for i, j := range jobs {
		params[i] = river.InsertManyParams{Args: j.Args(), InsertOpts: &river.InsertOpts{
			Queue: j.Queue, Priority: j.Priority, MaxAttempts: j.MaxAttempts, ScheduledAt: j.Due, Metadata: j.Metadata,
		}}
	}
	results, err := client.InsertManyTx(ctx, tx, params)
	if err != nil {
		return nil, fmt.Errorf("insert jobs: %w", err)
	}
	ids := make(map[uuid.UUID]int64, len(results))
	for _, r := range results {
		var args store.JobArgs
		if err := json.Unmarshal(r.Job.EncodedArgs, &args); err != nil {
			return nil, fmt.Errorf("args of job %d: %w", r.Job.ID, err)
		}
		ids[args.DeliveryID] = r.Job.ID
	}
	return ids, nil
}

// stopJobs deletes the jobs that wait and cancels the others, and returns the deliveries
// whose job will not start any more.
func (s *Store) stopJobs(ctx context.Context, tx *sql.Tx, open []openDelivery) ([]openDelivery, error) {
	client, err := s.riverClient()
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(open))
	for i, d := range open {
		ids[i] = d.JobID
	}
	deleted, err := deleteWaiting(ctx, tx, client, ids)
	if err != nil {
		return nil, err
	}
	var stopped []openDelivery
	for _, d := range open {
		if !deleted[d.JobID] {
			// It is running or has ended. One call for each: they are few.
			job, err := client.JobCancelTx(ctx, tx, d.JobID)
			if errors.Is(err, rivertype.ErrNotFound) {
				continue // deleted by somebody else: the delivery is an orphan
			}
			if err != nil {
				return nil, fmt.Errorf("cancel job %d: %w", d.JobID, err)
			}
			if job.State != rivertype.JobStateCancelled {
				continue
			}
		}
		stopped = append(stopped, d)
	}
	return stopped, nil
}

// deleteWaiting deletes those of the jobs that wait, and returns them.
func deleteWaiting(ctx context.Context, tx *sql.Tx, client *river.Client[*sql.Tx], jobs []int64) (map[int64]bool, error) {
	waiting, err := client.JobDeleteManyTx(ctx, tx, river.NewJobDeleteManyParams().IDs(jobs...).
		States(rivertype.JobStateAvailable, rivertype.JobStateScheduled, rivertype.JobStateRetryable).
		First(len(jobs)))
	if err != nil {
		return nil, fmt.Errorf("delete jobs: %w", err)
	}
	deleted := make(map[int64]bool, len(jobs))
	for _, job := range waiting.Jobs {
		deleted[job.ID] = true
	}
	return deleted, nil
}

// stopWaiting deletes a job that waits, and reports whether it did.
func (s *Store) stopWaiting(ctx context.Context, tx *sql.Tx, job int64) (bool, error) {
	client, err := s.riverClient()
	if err != nil {
		return false, err
	}
	deleted, err := deleteWaiting(ctx, tx, client, []int64{job})
	return deleted[job], err
}

// AnnounceDue implements store.Queues.
func (s *Store) AnnounceDue(ctx context.Context, queues []string) ([]string, error) {
	names, err := json.Marshal(queues)
	if err != nil {
		return nil, fmt.Errorf("announce due jobs: %w", err)
	}
	var waiting bool // some are not available yet
	due, err := query(ctx, s.read, func(row sqlread.Row) (queue string, err error) {
		var some bool
		err = row.Scan(&queue, &some)
		waiting = waiting || some
		return queue, err
	}, dueQueues, string(names))
	if err == nil && len(due) > 0 {
		err = s.inTx(ctx, func(tx *sql.Tx) error { return s.announce(ctx, tx, due, waiting) })
	}
	if err != nil {
		return nil, fmt.Errorf("announce due jobs: %w", marked(err))
	}
	return due, nil
}

// announce tells the workers of the queues that there are jobs. With schedule it makes the
// due ones available first.
func (s *Store) announce(ctx context.Context, tx *sql.Tx, queues []string, schedule bool) error {
	river := riversqlite.New(s.write).UnwrapExecutor(tx)
	if schedule {
		if _, err := river.JobSchedule(ctx, &riverdriver.JobScheduleParams{Max: store.ScheduleBatch}); err != nil {
			return err
		}
	}
	notifications := &riverdriver.NotifyManyParams{Topic: "river_insert"}
	for _, queue := range queues {
		notifications.Payload = append(notifications.Payload, fmt.Sprintf(`{"queue": %q}`, queue))
	}
	return river.NotifyMany(ctx, notifications)
}

// QueueDepths implements store.Queues.
func (s *Store) QueueDepths(ctx context.Context) ([]store.QueueDepth, error) {
	depths, err := query(ctx, s.read, func(row sqlread.Row) (d store.QueueDepth, err error) {
		err = row.Scan(&d.Queue, &d.State, &d.Jobs, &d.Due)
		return d, err
	}, queueDepths)
	if err != nil {
		return nil, fmt.Errorf("depths of queues: %w", err)
	}
	return depths, nil
}

// CountRunning implements store.Queues.
func (s *Store) CountRunning(ctx context.Context, before time.Time) (int, error) {
	var n int
	err := s.read.QueryRowContext(ctx, countRunning, float64(before.UnixMilli())/1e3).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("running jobs: %w", marked(err))
	}
	return n, nil
}

// RunningJobs implements store.Queues.
func (s *Store) RunningJobs(ctx context.Context, client string) ([]store.RunningJob, error) {
	jobs, err := query(ctx, s.read, sqlread.RunningJob, runningJobs, client)
	if err != nil {
		return nil, fmt.Errorf("running jobs of %s: %w", client, err)
	}
	return jobs, nil
}

// GiveBack implements store.Queues.
func (s *Store) GiveBack(ctx context.Context, client string, jobs []store.RunningJob) error {
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		running, err := query(ctx, tx, sqlread.RunningJob, runningJobs, client)
		if err != nil {
			return err
		}
		executor := riversqlite.New(s.write).UnwrapExecutor(tx)
		for _, job := range jobs {
			if !slices.Contains(running, job) {
				continue
			}
			if _, err := executor.JobSetStateIfRunningMany(ctx, givenBack(job)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("give jobs back: %w", err)
	}
	return nil
}

// givenBack returns the change of a job that was taken and not begun, which is River's of a job
// that its client's stop has interrupted.
func givenBack(job store.RunningJob) *riverdriver.JobSetStateIfRunningManyParams {
	p := riverdriver.JobSetStateInterrupted(job.ID, time.Now(), job.Attempt-1, nil)
	return &riverdriver.JobSetStateIfRunningManyParams{
		ID: []int64{p.ID}, Attempt: []*int{p.Attempt}, ErrData: [][]byte{nil}, FinalizedAt: []*time.Time{nil},
		MetadataDoMerge: []bool{false}, MetadataUpdates: [][]byte{nil},
		ScheduledAt: []*time.Time{p.ScheduledAt}, State: []rivertype.JobState{p.State},
	}
}
