package jobs

import (
	"context"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/labring/sealos-notify/jobs/telling"
	"github.com/labring/sealos-notify/store"
)

// tellWorker runs the jobs that tell endpoints of events.
type tellWorker struct {
	river.WorkerDefaults[store.EventArgs]
	teller *telling.Teller
	room   *room
}

// Work implements river.Worker.
func (w *tellWorker) Work(ctx context.Context, job *river.Job[store.EventArgs]) error {
	defer w.room.leave(job.ID)
	return w.teller.Tell(ctx, job.Args, job.Attempt >= job.MaxAttempts)
}

// NextRetry returns when the job runs again after an error.
func (w *tellWorker) NextRetry(job *river.Job[store.EventArgs]) time.Time {
	return time.Now().Add(telling.Wait(job.Attempt))
}

// room keeps a line from taking all workers of its queue: it gets no more than it leaves. So an endpoint
// that is slow does not hold up the others, however many are.
type room struct {
	workers int
	lease   time.Duration

	mu     sync.Mutex
	jobs   map[int64]roomJob
	lacked bool          // a line had room for less than it may have
	again  chan struct{} // a job has ended since: there is room again
}

type roomJob struct {
	line  string
	began time.Time
}

func newRoom(workers int, lease time.Duration) *room {
	return &room{workers: workers, lease: lease, jobs: map[int64]roomJob{}, again: make(chan struct{}, 1)}
}

// of returns how many more jobs of a line may be taken. A nil room has no bound.
func (r *room) of(line string, most int) int {
	if r == nil {
		return most
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	own := 0
	for id, job := range r.jobs {
		switch {
		case time.Since(job.began) > r.lease: // River has taken it from its worker
			delete(r.jobs, id)
		case job.line == line:
			own++
		}
	}
	free := r.workers - len(r.jobs)
	if own == 0 && free > 0 {
		return min(most, max(1, free/2))
	}
	return min(most, max(0, (free-own)/2))
}

// lack notes that a line has got all that it had room for, and may have more jobs.
func (r *room) lack() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lacked = true
}

// enter notes jobs that were taken.
func (r *room) enter(jobs []*rivertype.JobRow) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, job := range jobs {
		r.jobs[job.ID] = roomJob{job.Queue, time.Now()}
	}
}

// leave notes that a job has ended.
func (r *room) leave(job int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.jobs, job)
	if r.lacked {
		r.lacked = false
		select {
		case r.again <- struct{}{}:
		default:
		}
	}
}
