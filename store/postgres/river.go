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
		SELECT d.id, d.job_id, coalesce(j.state::text, ''), coalesce(j.attempt, 0), d.attempts, d.incident_id
		FROM deliveries d LEFT JOIN river_job j ON j.id = d.job_id
		WHERE d.status IN ('pending', 'failed') AND d.id > $1
			AND d.job_id <> -1 AND (j.id IS NULL OR j.state IN ('cancelled', 'discarded', 'completed'))
		ORDER BY d.id LIMIT $2`
	// lostExpansions are the expansions whose job will not run any more.
	lostExpansions = `
		SELECT e.notification_id FROM expansions e LEFT JOIN river_job j ON j.id = e.job_id
		WHERE e.done_at IS NULL AND (j.id IS NULL OR j.state IN ('cancelled', 'discarded', 'completed'))`
	// queueDepths reads only the index that River fetches by: it has all columns, and
	// finished jobs, of which there are many, are not read.
	queueDepths = `
		SELECT split_part(queue, '|', 1) AS channel, state::text, sum(jobs)::bigint, min(due) FROM (
			SELECT queue, state, count(*) AS jobs, min(scheduled_at) AS due
			FROM river_job WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled')
			GROUP BY state, queue
		) lines
		GROUP BY state, channel`
	// leaveLine moves the waiting jobs of expired deliveries to the line that has no limit: what is not
	// sent waits for no slot.
	leaveLine = `
		UPDATE river_job SET queue = split_part(queue, '|', 1) WHERE id IN (
			SELECT j.id FROM deliveries d JOIN river_job j ON j.id = d.job_id
			WHERE d.status IN ('pending', 'failed') AND d.expires_at <= now() AND j.state = 'available' AND strpos(j.queue, '|') > 0
			LIMIT $1 FOR UPDATE OF j SKIP LOCKED)`
	// moveJobs is the part of a statement that moves jobs to other lines. It reads the rows of
	// changed_deliveries: job_id, line.
	moveJobs = `moved_jobs AS (
		UPDATE river_job j SET queue = c.line FROM changed_deliveries c WHERE j.id = c.job_id AND c.line <> ''
	)`
	// announce tells the workers of the queues $1 that there are jobs. River's client
	// does so only once in its fetch cooldown, and jobs that are not announced wait for the
	// workers' next poll. TestEveryAcceptanceNotifiesRiver listens with River's own listener.
	announce = `
		SELECT pg_notify(current_schema() || '.river_insert', '{"queue": ' || to_json(queue) || '}')
		FROM (SELECT DISTINCT unnest($1::text[]) AS queue) queues`
	// insertEventJobs is the end of a statement that inserts the jobs of events: the rows of the query
	// before it are args, queue. River's own call needs rows that the program has; these are known to
	// the statement alone, and a second round trip would make every batch of outcomes slower. The jobs
	// are announced where they are inserted, so that a statement that inserts none announces none.
	// TestEventJobsAreAsRiverInserts compares them with River's.
	insertEventJobs   = `INSERT INTO river_job (args, queue, kind, max_attempts) `
	announceEventJobs = ` RETURNING pg_notify(current_schema() || '.river_insert', json_build_object('queue', queue)::text)`
	// anyWaiting is whether a job waits, due or not. Its ORDER BY is for the planner, as that of lines.
	anyWaiting = `SELECT count(*) > 0 FROM unnest('{available,retryable,scheduled}'::river_job_state[]) AS s(state),
		LATERAL (SELECT j.queue FROM river_job j WHERE j.state = s.state ORDER BY j.queue LIMIT 1) AS first`
	countRunning = `SELECT count(*) FROM river_job WHERE state = 'running' AND attempted_at < $1`
	// runningJobs are the jobs that run with the client $1, which is the last that took them.
	runningJobs = `SELECT id, attempt FROM river_job
		WHERE state = 'running' AND kind = 'deliver' AND attempted_by[array_upper(attempted_by, 1)] = $1`
)

// lines is the part of a statement that finds the queues of the channels $1 which have jobs that
// are due and in one of the states, with the first job of each priority. It goes from one entry
// of the index that River fetches by to the first of the next queue: a million jobs do not make
// it slower. Without ORDER BY the planner reads the table.
func lines(states string) string {
	return `
		WITH RECURSIVE lines AS (
			SELECT s.state, first.queue FROM unnest('{` + states + `}'::river_job_state[]) AS s(state),
				LATERAL (SELECT j.queue FROM river_job j WHERE j.state = s.state ORDER BY j.queue LIMIT 1) AS first
			UNION ALL
			SELECT l.state, next.queue FROM lines l,
				LATERAL (SELECT j.queue FROM river_job j WHERE j.state = l.state AND j.queue > l.queue ORDER BY j.queue LIMIT 1) AS next
		), due AS (
			SELECT l.state, l.queue, split_part(l.queue, '|', 1) AS channel, p.priority, head.scheduled_at
			FROM lines l, generate_series(1, 4) AS p(priority),
				LATERAL (SELECT j.scheduled_at FROM river_job j WHERE j.state = l.state AND j.queue = l.queue
					AND j.priority = p.priority ORDER BY j.scheduled_at LIMIT 1) AS head
			WHERE split_part(l.queue, '|', 1) = ANY ($1::text[]) AND head.scheduled_at <= now()
		)`
}

var (
	// dueQueues returns the queues of the channels $1 that have a job which is due and not begun,
	// and whether one of these is not available yet.
	dueQueues = lines("available,retryable,scheduled") + `
		SELECT queue, bool_or(state <> 'available') FROM due GROUP BY queue`
	// busyLines is BusyLines.
	busyLines = lines("available") + `
		SELECT queue, min(priority), min(scheduled_at) FROM due GROUP BY queue`
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
			Queue: j.Line().Queue(), Priority: j.Priority, MaxAttempts: j.MaxAttempts, ScheduledAt: j.Due, Metadata: j.Metadata,
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

// insertIncidentJobs inserts the jobs that follow a change of an incident.
func (s *Store) insertIncidentJobs(ctx context.Context, tx pgx.Tx, incident uuid.UUID) error {
	_, err := s.river.InsertManyTx(ctx, tx, []river.InsertManyParams{
		{Args: store.IncidentArgs{IncidentID: incident}, InsertOpts: &river.InsertOpts{Queue: store.IncidentQueue, MaxAttempts: store.IncidentAttempts}},
		{Args: store.CardArgs{IncidentID: incident}, InsertOpts: &river.InsertOpts{Queue: store.CardQueue, MaxAttempts: store.IncidentAttempts}},
	})
	if err != nil {
		return fmt.Errorf("insert jobs: %w", err)
	}
	return nil
}

// insertExpandJobs inserts the jobs of expansions and returns their ids in the same order.
func (s *Store) insertExpandJobs(ctx context.Context, tx pgx.Tx, notifications []uuid.UUID) ([]int64, error) {
	results, err := s.river.InsertManyTx(ctx, tx, column(notifications, func(id *uuid.UUID) river.InsertManyParams {
		return river.InsertManyParams{Args: store.ExpandArgs{NotificationID: *id}, InsertOpts: &river.InsertOpts{
			Queue: store.ExpandQueue, MaxAttempts: store.ExpandAttempts,
		}}
	}))
	if err != nil {
		return nil, fmt.Errorf("insert jobs: %w", err)
	}
	ids := make([]int64, len(results))
	for i, r := range results {
		ids[i] = r.Job.ID
	}
	return ids, nil
}

// insertAskJobs inserts the jobs of questions. They are due later, so they need no announcement.
func (s *Store) insertAskJobs(ctx context.Context, tx pgx.Tx, questions []store.Question) error {
	if len(questions) == 0 {
		return nil
	}
	_, err := s.river.InsertManyTx(ctx, tx, column(questions, func(q *store.Question) river.InsertManyParams {
		return river.InsertManyParams{Args: store.AskArgs{DeliveryID: q.DeliveryID}, InsertOpts: &river.InsertOpts{
			Queue: store.AskQueue, MaxAttempts: store.AskAttempts, ScheduledAt: q.At,
		}}
	}))
	if err != nil {
		return fmt.Errorf("insert questions: %w", err)
	}
	return nil
}

// queuesOf returns the argument of announce.
func queuesOf(jobs []store.Job) []string {
	return column(jobs, func(j *store.Job) string { return j.Line().Queue() })
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
		if d.JobID == store.NoJob && !d.Leaves {
			continue // its digest is being sent
		}
		if !deleted[d.JobID] && d.JobID != store.NoJob {
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
	if len(jobs) == 0 { // River refuses to delete none
		return nil, nil
	}
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
func (s *Store) AnnounceDue(ctx context.Context, channels []string) ([]string, error) {
	// Every replica asks this every second, and mostly in vain. To plan the other statements costs far more than to
	// run this one.
	var some bool
	switch err := s.pool.QueryRow(ctx, anyWaiting, pgx.QueryExecModeExec).Scan(&some); {
	case err != nil:
		return nil, fmt.Errorf("look for jobs: %w", marked(err))
	case !some:
		return nil, nil
	}
	if _, err := s.pool.Exec(ctx, leaveLine, pgx.QueryExecModeExec, store.ScheduleBatch); err != nil {
		return nil, fmt.Errorf("announce expired jobs: %w", marked(err))
	}
	var waiting bool // some are not available yet
	due, err := query(ctx, s.pool, func(row sqlread.Row) (queue string, err error) {
		var some bool
		err = row.Scan(&queue, &some)
		waiting = waiting || some
		return queue, err
	}, dueQueues, pgx.QueryExecModeExec, channels) // a cached plan of an empty table would read all of it when it has grown
	due = store.Announced(due)
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

// BusyLines implements store.Queues.
func (s *Store) BusyLines(ctx context.Context, channel string) ([]store.BusyLine, error) {
	busy, err := query(ctx, s.pool, sqlread.BusyLine, busyLines, pgx.QueryExecModeExec, []string{channel})
	if err != nil {
		return nil, fmt.Errorf("lines of %s: %w", channel, err)
	}
	return busy, nil
}

// takeSlots locks the provider's row and returns how many slots are free until the horizon, and
// the seconds until the first.
const takeSlots = `
	WITH provider AS (
		INSERT INTO provider_slots AS s (provider, next_at) VALUES ($1, clock_timestamp())
		ON CONFLICT (provider) DO UPDATE SET next_at = greatest(s.next_at, clock_timestamp())
		RETURNING extract(epoch FROM next_at - clock_timestamp())::float8 AS wait
	)
	SELECT wait, greatest(0, 1 + floor((extract(epoch FROM $3::interval) - wait) / extract(epoch FROM $2::interval)))::int FROM provider`

// FetchPaced calls fetch with the number of the provider's slots that are free until the horizon,
// if there are any, and reserves as many as fetch returns. Both are one transaction, so no slot is
// lost when other replicas fetch at the same time. first is the time until the first slot, also
// when none is free until the horizon.
func (s *Store) FetchPaced(
	ctx context.Context, p store.Pace, fetch func(ctx context.Context, in riverdriver.Executor, slots int) (int, error),
) (first time.Duration, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var wait float64
		var slots int
		if err := tx.QueryRow(ctx, takeSlots, p.Provider, p.Interval, p.Horizon).Scan(&wait, &slots); err != nil {
			return err
		}
		first = max(0, time.Duration(wait*float64(time.Second)))
		if slots == 0 {
			return nil
		}
		n, err := fetch(ctx, riverpgxv5.New(s.pool).UnwrapExecutor(tx), slots)
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE provider_slots SET next_at = next_at + $2 WHERE provider = $1`, p.Provider, time.Duration(n)*p.Interval)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("fetch for %s: %w", p.Provider, marked(err))
	}
	return first, nil
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
