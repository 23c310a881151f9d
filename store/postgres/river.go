package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// This file is the engine's only door to River: its insert-only client, and every
// statement on its tables. River has no call that joins jobs with other tables or counts
// them, so these are statements. The suite in store/storetest runs them on the tables that
// River's own migrations make, and fails when those change.
const (
	// runningJob is Reader.RunningJob.
	runningJob = `river_job j ON j.id = d.job_id AND j.state = 'running'`
	// orphanedJobs is Reader.OrphanedJobs.
	orphanedJobs = `
		SELECT d.id, d.job_id, coalesce(j.state::text, ''), coalesce(j.attempt, 0), d.attempts
		FROM deliveries d LEFT JOIN river_job j ON j.id = d.job_id
		WHERE d.status IN ('pending', 'failed') AND d.id > $1
			AND (j.id IS NULL OR j.state IN ('cancelled', 'discarded', 'completed'))
		ORDER BY d.id LIMIT $2`
	// queueDepths reads only the index that River fetches by: it has all columns, and
	// finished jobs, of which there are many, are not read.
	queueDepths = `
		SELECT queue, state::text, count(*), min(scheduled_at)
		FROM river_job WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled')
		GROUP BY state, queue`
	// dueQueues returns those of the queues $1 that have a job which is due and not begun, and
	// whether one of these is not available yet. It reads one entry of the index that River
	// fetches by for each state, queue and priority: a million jobs do not make it slower.
	// River's list of jobs would read them all. Without ORDER BY the planner reads the table.
	dueQueues = `
		SELECT q.queue, bool_or(s.state <> 'available')
		FROM unnest($1::text[]) AS q(queue), generate_series(1, 4) AS p(priority),
			unnest('{available,retryable,scheduled}'::river_job_state[]) AS s(state),
			LATERAL (SELECT j.scheduled_at FROM river_job j WHERE j.state = s.state AND j.queue = q.queue
				AND j.priority = p.priority ORDER BY j.scheduled_at LIMIT 1) AS next
		WHERE next.scheduled_at <= now()
		GROUP BY q.queue`
	// announce tells the workers of the queues $1 that there are jobs. River's client
	// does so only once in its fetch cooldown, and jobs that are not announced wait for the
	// workers' next poll. TestEveryAcceptanceNotifiesRiver listens with River's own listener.
	announce = `
		SELECT pg_notify(current_schema() || '.river_insert', '{"queue": ' || to_json(queue) || '}')
		FROM (SELECT DISTINCT unnest($1::text[]) AS queue) queues`
	countRunning = `SELECT count(*) FROM river_job WHERE state = 'running' AND attempted_at < $1`
	// runningJobs are the jobs that run with the client $1, which is the last that took them.
	runningJobs = `SELECT id, attempt FROM river_job
		WHERE state = 'running' AND kind = 'deliver' AND attempted_by[array_upper(attempted_by, 1)] = $1`
)

// riverClient inserts jobs and works none.
type riverClient = *river.Client[pgx.Tx]

func newRiverClient(pool *pgxpool.Pool) (riverClient, error) {
	return river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: slog.New(slog.DiscardHandler)})
}

// insertJobs inserts River jobs and returns their ids by the delivery. The caller announces
// them with what it sends next, to save a round trip.
func (s *Store) insertJobs(ctx context.Context, tx pgx.Tx, jobs []store.Job) (map[uuid.UUID]int64, error) {
	results, err := s.river.InsertManyTx(ctx, tx, column(jobs, func(j *store.Job) river.InsertManyParams {
		return river.InsertManyParams{Args: j.Args(), InsertOpts: &river.InsertOpts{
			Queue: j.Queue, Priority: j.Priority, MaxAttempts: j.MaxAttempts, ScheduledAt: j.Due, Metadata: j.Metadata,
		}}
	}))
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

// queuesOf returns the argument of announce.
func queuesOf(jobs []store.Job) []string {
	return column(jobs, func(j *store.Job) string { return j.Queue })
}

// stopping runs a transaction that calls stopJobs, and once more when it ended in a deadlock: River
// locks many jobs at once, in another order, when they come due.
func (s *Store) stopping(ctx context.Context, f func(pgx.Tx) error) error {
	const deadlockDetected = "40P01"
	err := pgx.BeginFunc(ctx, s.pool, f)
	var ended *pgconn.PgError
	if errors.As(err, &ended) && ended.Code == deadlockDetected {
		err = pgx.BeginFunc(ctx, s.pool, f)
	}
	return err
}

// stopJobs deletes the jobs that wait and cancels the others, and returns the deliveries
// whose job will not start any more. River decides on the job's own row, so a worker
// that fetches the job at that moment has it or does not.
func (s *Store) stopJobs(ctx context.Context, tx pgx.Tx, open []openDelivery) ([]openDelivery, error) {
	deleted, err := s.deleteWaiting(ctx, tx, column(open, func(d *openDelivery) int64 { return d.JobID }))
	if err != nil {
		return nil, err
	}
	var stopped []openDelivery
	for _, d := range open {
		if !deleted[d.JobID] {
			// It is running or has ended. One call for each: they are few.
			job, err := s.river.JobCancelTx(ctx, tx, d.JobID)
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
func (s *Store) deleteWaiting(ctx context.Context, tx pgx.Tx, jobs []int64) (map[int64]bool, error) {
	waiting, err := s.river.JobDeleteManyTx(ctx, tx, river.NewJobDeleteManyParams().IDs(jobs...).
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

// AnnounceDue implements store.Queues.
func (s *Store) AnnounceDue(ctx context.Context, queues []string) ([]string, error) {
	var waiting bool // some are not available yet
	due, err := query(ctx, s.pool, func(row sqlread.Row) (queue string, err error) {
		var some bool
		err = row.Scan(&queue, &some)
		waiting = waiting || some
		return queue, err
	}, dueQueues, pgx.QueryExecModeExec, queues) // a cached plan of an empty table would read all of it when it has grown
	if err == nil && len(due) > 0 {
		err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			if waiting {
				river := riverpgxv5.New(s.pool).UnwrapExecutor(tx)
				if _, err := river.JobSchedule(ctx, &riverdriver.JobScheduleParams{Max: store.ScheduleBatch}); err != nil {
					return err
				}
			}
			_, err := tx.Exec(ctx, announce, due)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("announce due jobs: %w", marked(err))
	}
	return due, nil
}

// QueueDepths implements store.Queues.
func (s *Store) QueueDepths(ctx context.Context) ([]store.QueueDepth, error) {
	depths, err := query(ctx, s.pool, func(row sqlread.Row) (d store.QueueDepth, err error) {
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
	if err := s.pool.QueryRow(ctx, countRunning, before).Scan(&n); err != nil {
		return 0, fmt.Errorf("running jobs: %w", marked(err))
	}
	return n, nil
}

// RunningJobs implements store.Queues.
func (s *Store) RunningJobs(ctx context.Context, client string) ([]store.RunningJob, error) {
	jobs, err := query(ctx, s.pool, sqlread.RunningJob, runningJobs, client)
	if err != nil {
		return nil, fmt.Errorf("running jobs of %s: %w", client, err)
	}
	return jobs, nil
}

// GiveBack implements store.Queues.
func (s *Store) GiveBack(ctx context.Context, client string, jobs []store.RunningJob) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		running, err := query(ctx, tx, sqlread.RunningJob, runningJobs+` AND id = ANY ($2) FOR UPDATE`, client,
			column(jobs, func(j *store.RunningJob) int64 { return j.ID }))
		if err != nil {
			return err
		}
		executor := riverpgxv5.New(s.pool).UnwrapExecutor(tx)
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
		return fmt.Errorf("give jobs back: %w", marked(err))
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
