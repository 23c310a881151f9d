package jobs

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

const (
	// queuesTimeout bounds the read of the queues. A scrape waits for it.
	queuesTimeout = 2 * time.Second
	// queuesAge is how long one read serves all scrapes.
	queuesAge = 5 * time.Second
)

var (
	queueJobs = prometheus.NewDesc("sealos_notify_queue_jobs",
		"Jobs that have not ended, over all replicas.", []string{"channel", "state"}, nil)
	queueOldest = prometheus.NewDesc("sealos_notify_queue_oldest_seconds",
		"How long the oldest job that could be worked has waited, over all replicas; 0 when none waits.", []string{"channel"}, nil)
	queueStuck = prometheus.NewDesc("sealos_notify_stuck_jobs",
		"Running jobs that are older than twice the lease, over all replicas.", nil, nil)
	databaseUp = prometheus.NewDesc("sealos_notify_database_up",
		"Whether the database answered when it was asked for the queues.", nil, nil)
)

// queueStates are the states of jobs that have not ended.
var queueStates = []store.JobState{store.JobAvailable, store.JobRunning, store.JobRetryable, store.JobScheduled}

// queueCollector reads the queues from the database when it is scraped. All replicas show the
// same.
type queueCollector struct {
	jobs  *Jobs
	lease time.Duration

	mu     sync.Mutex
	readAt time.Time
	last   []prometheus.Metric
}

// QueueCollector returns a collector of the depths of all channels' queues. lease is the
// longest that a job may run. One that runs twice as long was not taken from its worker.
func (j *Jobs) QueueCollector(lease time.Duration) prometheus.Collector {
	return &queueCollector{jobs: j, lease: lease}
}

// Describe implements prometheus.Collector.
func (c *queueCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{queueJobs, queueOldest, queueStuck, databaseUp} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (c *queueCollector) Collect(metrics chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.readAt) > queuesAge {
		c.last = c.read()
		c.readAt = time.Now()
	}
	for _, m := range c.last {
		metrics <- m
	}
}

// read reads the queues. When the database does not answer, only that is shown.
func (c *queueCollector) read() []prometheus.Metric {
	ctx, cancel := context.WithTimeout(context.Background(), queuesTimeout)
	defer cancel()
	depths, err := c.jobs.queues.QueueDepths(ctx)
	if err == nil {
		var stuck int
		if stuck, err = c.jobs.queues.CountRunning(ctx, time.Now().Add(-2*c.lease)); err == nil {
			return append(c.depths(depths), gauge(queueStuck, float64(stuck)), gauge(databaseUp, 1))
		}
	}
	c.jobs.log.Warn("the queues could not be read", zap.Error(err))
	return []prometheus.Metric{gauge(databaseUp, 0)}
}

// depths shows the channels that are on, with zeros, and the channels that have jobs.
func (c *queueCollector) depths(depths []store.QueueDepth) []prometheus.Metric {
	jobs, oldest := map[string]map[store.JobState]int{}, map[string]time.Duration{}
	for _, channel := range c.jobs.settings.Load().Registry.Channels() {
		jobs[channel] = map[store.JobState]int{}
	}
	for _, d := range depths {
		if !slices.Contains(c.jobs.channels, d.Queue) {
			continue
		}
		if jobs[d.Queue] == nil {
			jobs[d.Queue] = map[store.JobState]int{}
		}
		jobs[d.Queue][d.State] = d.Jobs
		if d.State == store.JobAvailable {
			oldest[d.Queue] = max(0, time.Since(d.Due))
		}
	}
	var all []prometheus.Metric
	for channel, byState := range jobs {
		all = append(all, gauge(queueOldest, oldest[channel].Seconds(), channel))
		for _, state := range queueStates {
			all = append(all, gauge(queueJobs, float64(byState[state]), channel, string(state)))
		}
	}
	return all
}

func gauge(desc *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}
