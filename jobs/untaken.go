package jobs

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

const (
	// untakenInterval is the time between two looks for jobs that were given out and never
	// arrived. A job is given back at the second look that finds it.
	untakenInterval = 10 * time.Second
	// untakenTimeout bounds a look.
	untakenTimeout = 5 * time.Second
)

// hand holds the jobs that this replica works, and those that ended without a certain record
// of their outcome. The zero value is ready for use.
type hand struct {
	mu   sync.Mutex
	jobs map[int64]time.Time // when the job began
}

// take adds a job.
func (h *hand) take(job int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.jobs == nil {
		h.jobs = map[int64]time.Time{}
	}
	h.jobs[job] = time.Now()
}

// drop removes a job.
func (h *hand) drop(job int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.jobs, job)
}

// without returns the jobs that are not in the hand. It forgets those that began before the
// given time.
func (h *hand) without(jobs []store.RunningJob, before time.Time) []store.RunningJob {
	h.mu.Lock()
	defer h.mu.Unlock()
	for job, began := range h.jobs {
		if began.Before(before) {
			delete(h.jobs, job)
		}
	}
	return slices.DeleteFunc(jobs, func(j store.RunningJob) bool {
		_, in := h.jobs[j.ID]
		return in
	})
}

// giveBackUntaken gives back, until ctx ends, the jobs that run with this client according to the
// queue and not in fact: the connection was cut when they were given out, so the answer was lost.
// River would take them for running until their lease ends.
func (j *Jobs) giveBackUntaken(ctx context.Context, client string, lease time.Duration) {
	ticker := time.NewTicker(untakenInterval)
	defer ticker.Stop()
	var suspects []store.RunningJob // of the look before
	var looked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		// After a pause of the whole process, jobs may be on their way from the connection to
		// their workers: looks count only when they follow each other in time.
		if time.Since(looked) > 3*untakenInterval/2 {
			suspects = nil
		}
		looked = time.Now()
		next, err := j.giveBackOnce(ctx, client, suspects, looked.Add(-2*lease))
		if err != nil && ctx.Err() == nil {
			j.log.Warn("jobs that were given out and did not arrive could not be looked for", zap.Error(err))
		}
		suspects = next
	}
}

// giveBackOnce gives back the suspects that are still not in the hand, and returns the next
// suspects.
func (j *Jobs) giveBackOnce(ctx context.Context, client string, suspects []store.RunningJob, before time.Time) ([]store.RunningJob, error) {
	ctx, cancel := context.WithTimeout(ctx, untakenTimeout)
	defer cancel()
	running, err := j.queues.RunningJobs(ctx, client)
	if err != nil {
		return nil, err
	}
	untaken := j.hand.without(running, before)
	certain := slices.DeleteFunc(slices.Clone(untaken), func(r store.RunningJob) bool { return !slices.Contains(suspects, r) })
	if len(certain) == 0 {
		return untaken, nil
	}
	if err := j.queues.GiveBack(ctx, client, certain); err != nil {
		return nil, err
	}
	j.log.Warn("jobs that were given out and did not arrive are given back", zap.Int("jobs", len(certain)))
	return untaken, nil
}
