package store

import (
	"context"
	"time"
)

// Queues are River's queues, over all replicas.
type Queues interface {
	// AnnounceDue announces to the workers the queues of the channels that have a job which is
	// due and not begun, and returns what it has Announced. Scheduled jobs that are due become
	// available first, and jobs whose delivery has expired leave their lines for the one with the
	// channel's name.
	AnnounceDue(ctx context.Context, channels []string) ([]string, error)
	// BusyLines returns the lines of a channel that have a job which is available and due, in
	// no order. A job without a line is in one that has the channel's name.
	BusyLines(ctx context.Context, channel string) ([]BusyLine, error)
	// QueueDepths counts the jobs that have not ended, by channel and state. Channels and
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

// QueueDepth is the number of jobs of a channel that are in one state.
type QueueDepth struct {
	Queue string // the channel, or a queue that is none's
	State JobState
	Jobs  int
	Due   time.Time // the earliest time at which one of them is, or was, due
}
