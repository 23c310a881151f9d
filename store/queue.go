package store

import (
	"context"
	"time"
)

// Queues looks at River's queues, over all replicas.
type Queues interface {
	// QueueDepths counts the jobs that have not ended. Queues and states without
	// jobs are left out.
	QueueDepths(ctx context.Context) ([]QueueDepth, error)
	// CountRunning counts the running jobs that were started before the given time.
	CountRunning(ctx context.Context, before time.Time) (int, error)
}

// QueueDepth is how many jobs of a queue are in one state.
type QueueDepth struct {
	Queue string
	State string // River's: available, pending, retryable, running or scheduled
	Jobs  int
	Due   time.Time // when the first of them is, or was, to be worked
}
