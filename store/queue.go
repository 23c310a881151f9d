package store

import (
	"context"
	"time"
)

// Queues reads River's queues, over all replicas.
type Queues interface {
	// QueueDepths counts the jobs that have not ended, by queue and state. Queues and
	// states without jobs are left out.
	QueueDepths(ctx context.Context) ([]QueueDepth, error)
	// CountRunning counts the running jobs that were started before the given time.
	CountRunning(ctx context.Context, before time.Time) (int, error)
}

// QueueDepth is the number of jobs of a queue that are in one state.
type QueueDepth struct {
	Queue string
	State JobState
	Jobs  int
	Due   time.Time // the earliest time at which one of them is, or was, due
}
