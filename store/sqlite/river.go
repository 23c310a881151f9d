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
		SELECT d.id, d.job_id, coalesce(j.state, ''), coalesce(j.attempt, 0), d.attempts, d.incident_id
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
		SELECT substr(queue, 1, instr(queue || '|', '|') - 1) AS channel, state, sum(jobs), cast(1e6 * unixepoch(min(due), 'subsec') AS INTEGER)
		FROM (
			SELECT queue, state, count(*) AS jobs, min(scheduled_at) AS due
			FROM river_job WHERE state IN ('available', 'pending', 'retryable', 'running', 'scheduled')
			GROUP BY state, queue
		)
		GROUP BY state, channel`
	// leaveLine moves the waiting jobs $1 of expired deliveries to the line that has no limit: what
	// is not sent waits for no slot.
	leaveLine = `
		UPDATE river_job SET queue = substr(queue, 1, instr(queue, '|') - 1)
		WHERE state = 'available' AND instr(queue, '|') > 0 AND id IN (SELECT value FROM json_each($1))`
	countRunning = `SELECT count(*) FROM river_job WHERE state = 'running' AND unixepoch(attempted_at, 'subsec') < $1`
	// runningJobs are the jobs that run with the client $1, which is the last that took them.
	runningJobs = `SELECT id, attempt FROM river_job
		WHERE state = 'running' AND kind = 'deliver' AND json_extract(attempted_by, '$[#-1]') = $1`
)

// lines is the part of a statement that finds the queues of the channels in the JSON array $1
// which have jobs that are due and in one of the states, with the first job of each priority. It
// goes from one entry of the index that River fetches by to the first of the next queue: a
// million jobs do not make it slower.
func lines(states string) string {
	return `
		WITH RECURSIVE lines AS (
			SELECT s.value AS state, (SELECT min(j.queue) FROM river_job j WHERE j.state = s.value) AS queue FROM json_each('` + states + `') s
			UNION ALL
			SELECT l.state, (SELECT min(j.queue) FROM river_job j WHERE j.state = l.state AND j.queue > l.queue) FROM lines l
			WHERE l.queue IS NOT NULL
		), heads AS (
			SELECT l.state, l.queue, substr(l.queue, 1, instr(l.queue || '|', '|') - 1) AS channel, p.value AS priority,
				(SELECT min(j.scheduled_at) FROM river_job j WHERE j.state = l.state AND j.queue = l.queue
					AND j.priority = p.value) AS scheduled_at
			FROM lines l, json_each('[1, 2, 3, 4]') p
			WHERE l.queue IS NOT NULL
		), due AS (
			SELECT * FROM heads WHERE channel IN (SELECT value FROM json_each($1)) AND scheduled_at <= datetime('now', 'subsec')
		)`
}

var (
	// dueQueues returns the queues that have a job which is due and not begun, and whether one
	// of these is not available yet.
	dueQueues = lines(`["available", "retryable", "scheduled"]`) + `
		SELECT queue, max(state <> 'available') FROM due GROUP BY queue`
	// busyLines is BusyLines.
	busyLines = lines(`["available"]`) + `
		SELECT queue, min(priority), cast(1e6 * unixepoch(min(scheduled_at), 'subsec') AS INTEGER) FROM due GROUP BY queue`
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
			Queue: j.Line().Queue(), Priority: j.Priority, MaxAttempts: j.MaxAttempts, ScheduledAt: j.Due, Metadata: j.Metadata,
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

// insertIncidentJobs inserts the jobs that follow a change of an incident.
func (s *Store) insertIncidentJobs(ctx context.Context, tx *sql.Tx, incident uuid.UUID) error {
	client, err := s.riverClient()
	if err != nil {
		return err
	}
	_, err = client.InsertManyTx(ctx, tx, []river.InsertManyParams{
		{Args: store.IncidentArgs{IncidentID: incident}, InsertOpts: &river.InsertOpts{Queue: store.IncidentQueue, MaxAttempts: store.IncidentAttempts}},
		{Args: store.CardArgs{IncidentID: incident}, InsertOpts: &river.InsertOpts{Queue: store.CardQueue, MaxAttempts: store.IncidentAttempts}},
	})
	if err != nil {
		return fmt.Errorf("insert jobs: %w", err)
	}
	return nil
}

// insertExpandJob inserts the job of an expansion and returns its id.
func (s *Store) insertExpandJob(ctx context.Context, tx *sql.Tx, notification uuid.UUID) (int64, error) {
	client, err := s.riverClient()
	if err != nil {
		return 0, err
	}
	result, err := client.InsertTx(ctx, tx, store.ExpandArgs{NotificationID: notification}, &river.InsertOpts{
		Queue: store.ExpandQueue, MaxAttempts: store.ExpandAttempts,
	})
	if err != nil {
		return 0, fmt.Errorf("insert job: %w", err)
	}
	return result.Job.ID, nil
}

// insertAskJob inserts the job of a question that is asked at that time; nil: of none.
func (s *Store) insertAskJob(ctx context.Context, tx *sql.Tx, delivery uuid.UUID, at *time.Time) error {
	if at == nil {
		return nil
	}
	client, err := s.riverClient()
	if err != nil {
		return err
	}
	_, err = client.InsertTx(ctx, tx, store.AskArgs{DeliveryID: delivery}, &river.InsertOpts{
		Queue: store.AskQueue, MaxAttempts: store.AskAttempts, ScheduledAt: *at,
	})
	if err != nil {
		return fmt.Errorf("insert a question: %w", err)
	}
	return nil
}

// insertEventJobs inserts the jobs that tell events.
func (s *Store) insertEventJobs(ctx context.Context, tx *sql.Tx, jobs []store.EventArgs) error {
	if len(jobs) == 0 { // River refuses to insert none
		return nil
	}
	client, err := s.riverClient()
	if err != nil {
		return err
	}
	params := make([]river.InsertManyParams, len(jobs))
	for i, args := range jobs {
		params[i] = river.InsertManyParams{Args: args, InsertOpts: &river.InsertOpts{
			Queue: store.Endpoint{ID: args.EndpointID}.Line(), MaxAttempts: store.EventAttempts,
		}}
	}
	if _, err := client.InsertManyTx(ctx, tx, params); err != nil {
		return fmt.Errorf("insert jobs: %w", err)
	}
	return nil
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
		if d.JobID == store.NoJob && !d.Leaves {
			continue // its digest is being sent
		}
		if !deleted[d.JobID] && d.JobID != store.NoJob {
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

// moveJob moves a job to another line; empty: it stays.
func moveJob(ctx context.Context, tx *sql.Tx, job int64, line string) error {
	if line == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, `UPDATE river_job SET queue = ? WHERE id = ?`, line, job)
	return err
}

// AnnounceDue implements store.Queues.
func (s *Store) AnnounceDue(ctx context.Context, channels []string) ([]string, error) {
	names, err := json.Marshal(channels)
	if err != nil {
		return nil, fmt.Errorf("announce due jobs: %w", err)
	}
	if err := s.leaveLines(ctx); err != nil {
		return nil, fmt.Errorf("announce expired jobs: %w", marked(err))
	}
	var waiting bool // some are not available yet
	due, err := query(ctx, s.read, func(row sqlread.Row) (queue string, err error) {
		var some bool
		err = row.Scan(&queue, &some)
		waiting = waiting || some
		return queue, err
	}, dueQueues, string(names))
	due = store.Announced(due)
	if err == nil && len(due) > 0 {
		err = s.inTx(ctx, func(tx *sql.Tx) error { return s.announce(ctx, tx, due, waiting) })
	}
	if err != nil {
		return nil, fmt.Errorf("announce due jobs: %w", marked(err))
	}
	return due, nil
}

// leaveLines moves the waiting jobs of expired deliveries. It writes only when there are some.
func (s *Store) leaveLines(ctx context.Context) error {
	expired, err := query(ctx, s.read, func(row sqlread.Row) (job int64, err error) { return job, row.Scan(&job) }, `
		SELECT d.job_id FROM deliveries d JOIN river_job j ON j.id = d.job_id AND j.state = 'available' AND instr(j.queue, '|') > 0
		WHERE d.status IN ('pending', 'failed') AND d.expires_at <= ? ORDER BY d.expires_at LIMIT ?`,
		time.Now().UnixMicro(), store.ScheduleBatch)
	if err != nil || len(expired) == 0 {
		return err
	}
	jobs, err := json.Marshal(expired)
	if err != nil {
		return err
	}
	return s.inTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, leaveLine, string(jobs))
		return err
	})
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

// BusyLines implements store.Queues.
func (s *Store) BusyLines(ctx context.Context, channel string) ([]store.BusyLine, error) {
	channels, err := json.Marshal([]string{channel})
	if err != nil {
		return nil, fmt.Errorf("lines of %s: %w", channel, err)
	}
	busy, err := query(ctx, s.read, sqlread.BusyLine, busyLines, string(channels))
	if err != nil {
		return nil, fmt.Errorf("lines of %s: %w", channel, err)
	}
	return busy, nil
}

// FetchPaced calls fetch with the number of the provider's slots that are free until the horizon,
// if there are any, and reserves as many as fetch returns. Both are one transaction. first is the
// time until the first slot, also when none is free until the horizon.
func (s *Store) FetchPaced(
	ctx context.Context, p store.Pace, fetch func(ctx context.Context, in riverdriver.Executor, slots int) (int, error),
) (first time.Duration, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		slot, now, err := nextSlot(ctx, tx, p.Provider)
		if err != nil {
			return err
		}
		if first = slot.Sub(now); first > p.Horizon {
			return nil
		}
		n, err := fetch(ctx, riversqlite.New(s.write).UnwrapExecutor(tx), 1+int((p.Horizon-first)/p.Interval))
		if err != nil || n == 0 {
			return err
		}
		return setNextSlot(ctx, tx, p.Provider, slot.Add(time.Duration(n)*p.Interval))
	})
	if err != nil {
		return 0, fmt.Errorf("fetch for %s: %w", p.Provider, err)
	}
	return first, nil
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
