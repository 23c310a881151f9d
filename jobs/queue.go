package jobs

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river/rivertype"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

const (
	// lookTimeout bounds a look at the queues: a scrape waits for it.
	lookTimeout = 2 * time.Second
	// lookAge is how long a look serves all scrapes that come.
	lookAge = 5 * time.Second
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
var queueStates = []string{
	string(rivertype.JobStateAvailable), string(rivertype.JobStateRunning),
	string(rivertype.JobStateRetryable), string(rivertype.JobStateScheduled),
}

// queueCollector looks at the queues in the database when it is scraped. All
// replicas show the same.
type queueCollector struct {
	service *Service
	lease   time.Duration

	mu     sync.Mutex
	looked time.Time
	last   []prometheus.Metric
}

// QueueCollector returns a collector of the depths of all channels' queues. lease
// is what a job may run at most: one that is older than twice that was not taken
// from its worker.
func (s *Service) QueueCollector(lease time.Duration) prometheus.Collector {
	return &queueCollector{service: s, lease: lease}
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
	if time.Since(c.looked) > lookAge {
		c.last = c.look()
		c.looked = time.Now()
	}
	for _, m := range c.last {
		metrics <- m
	}
}

// look asks the database. When it does not answer, nothing is said of the queues.
func (c *queueCollector) look() []prometheus.Metric {
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout)
	defer cancel()
	depths, err := c.service.store.QueueDepths(ctx)
	if err == nil {
		var stuck int
		if stuck, err = c.service.store.CountRunning(ctx, time.Now().Add(-2*c.lease)); err == nil {
			return append(c.depths(depths), gauge(queueStuck, float64(stuck)), gauge(databaseUp, 1))
		}
	}
	c.service.log.Warn("the queues could not be looked at", zap.Error(err))
	return []prometheus.Metric{gauge(databaseUp, 0)}
}

// depths shows the channels that are on, with zeros, and those that have jobs.
func (c *queueCollector) depths(depths []store.QueueDepth) []prometheus.Metric {
	jobs, oldest := map[string]map[string]int{}, map[string]time.Duration{}
	for _, channel := range c.service.settings.Load().Registry.Channels() {
		jobs[channel] = map[string]int{}
	}
	for _, d := range depths {
		if _, isChannel := c.service.types[d.Queue]; !isChannel {
			continue
		}
		if jobs[d.Queue] == nil {
			jobs[d.Queue] = map[string]int{}
		}
		jobs[d.Queue][d.State] = d.Jobs
		if d.State == string(rivertype.JobStateAvailable) {
			oldest[d.Queue] = max(0, time.Since(d.Due))
		}
	}
	var all []prometheus.Metric
	for channel, byState := range jobs {
		all = append(all, gauge(queueOldest, oldest[channel].Seconds(), channel))
		for _, state := range queueStates {
			all = append(all, gauge(queueJobs, float64(byState[state]), channel, state))
		}
	}
	return all
}

func gauge(desc *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}
