package store

import (
	"context"
	"time"
)

// Queues are River's queues, over all replicas.
type Queues interface {
	// AnnounceDue announces to the workers those of the queues that have a job which is due
	// and not begun, and returns them. Scheduled jobs that are due become available first.
	AnnounceDue(ctx context.Context, queues []string) ([]string, error)
	// QueueDepths counts the jobs that have not ended, by queue and state. Queues and
	// states without jobs are left out.
	QueueDepths(ctx context.Context) ([]QueueDepth, error)
	// CountRunning counts the running jobs that were started before the given time.
	CountRunning(ctx context.Context, before time.Time) (int, error)
	// RunningJobs returns the running jobs of deliveries that the River client with the id
	// has taken.
	RunningJobs(ctx context.Context, client string) ([]RunningJob, error)
	// GiveBack makes jobs available again that the client has taken and not begun: the
	// attempt is not spent. One that was to be cancelled is cancelled. Jobs that do not run
	// any more, or in another attempt, are left alone.
	GiveBack(ctx context.Context, client string, jobs []RunningJob) error
}

// RunningJob is a River job in an attempt.
type RunningJob struct {
	ID      int64
	Attempt int
}

// ScheduleBatch is the most jobs that one AnnounceDue makes available, as in River.
const ScheduleBatch = 10_000

// QueueDepth is the number of jobs of a queue that are in one state.
type QueueDepth struct {
	Queue string
	State JobState
	Jobs  int
	Due   time.Time // the earliest time at which one of them is, or was, due
}
