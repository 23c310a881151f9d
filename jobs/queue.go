package jobs

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

const (
	// pingTimeout bounds the question whether the database is up.
	pingTimeout = 2 * time.Second
	// queuesTimeout bounds the read of the queues, which takes seconds when millions of jobs wait.
	// A scrape waits for it; Prometheus waits for 10 s.
	queuesTimeout = 6 * time.Second
)

var (
	queueJobs = prometheus.NewDesc("sealos_notify_queue_jobs",
		"Jobs that have not ended, over all replicas.", []string{"channel", "state"}, nil)
	queueOldest = prometheus.NewDesc("sealos_notify_queue_oldest_seconds",
		"How long the oldest job that could be worked has waited, over all replicas; 0 when none waits.", []string{"channel"}, nil)
	queueStuck = prometheus.NewDesc("sealos_notify_stuck_jobs",
		"Running jobs that are older than twice the lease, over all replicas.", nil, nil)
	expansionsOpen = prometheus.NewDesc("sealos_notify_expansions_open",
		"Notifications to large groups whose deliveries are still being made, over all replicas.", nil, nil)
	eventJobs = prometheus.NewDesc("sealos_notify_event_jobs",
		"Events that endpoints are still to be told of, one for each endpoint, over all replicas.", []string{"state"}, nil)
	endpointsBy = prometheus.NewDesc("sealos_notify_endpoints",
		"Endpoints by state, over all replicas: on, failing (they are on), off (they were switched off because they failed).", []string{"state"}, nil)
	databaseUp = prometheus.NewDesc("sealos_notify_database_up",
		"Whether the database answers and can be written to.", nil, nil)
)

// queueStates are the states of jobs that have not ended.
var queueStates = []store.JobState{store.JobAvailable, store.JobRunning, store.JobRetryable, store.JobScheduled}

// queueCollector reads the queues from the database when it is scraped. All replicas show the
// same.
type queueCollector struct {
	jobs  *Jobs
	lease time.Duration
}

// QueueCollector returns a collector of the depths of all channels' queues. lease is the
// longest that a job may run. One that runs twice as long was not taken from its worker.
func (j *Jobs) QueueCollector(lease time.Duration) prometheus.Collector {
	return &queueCollector{jobs: j, lease: lease}
}

// Describe implements prometheus.Collector.
func (c *queueCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{queueJobs, queueOldest, queueStuck, expansionsOpen, eventJobs, endpointsBy, databaseUp} {
		descs <- d
	}
}

// Collect implements prometheus.Collector. What the database does not tell is not shown.
func (c *queueCollector) Collect(metrics chan<- prometheus.Metric) {
	if err := c.ping(); err != nil {
		c.jobs.log.Warn("the database does not answer", zap.Error(err))
		metrics <- gauge(databaseUp, 0)
		return
	}
	metrics <- gauge(databaseUp, 1)
	ctx, cancel := context.WithTimeout(context.Background(), queuesTimeout)
	defer cancel()
	depths, err := c.jobs.Overview.Depths(ctx)
	var stuck, expanding int
	var endpoints store.EndpointAmounts
	if err == nil {
		endpoints, err = c.jobs.endpoints.CountEndpoints(ctx)
	}
	if err == nil {
		expanding, err = c.jobs.expansions.CountExpansions(ctx)
	}
	if err == nil {
		stuck, err = c.jobs.queues.CountRunning(ctx, time.Now().Add(-2*c.lease))
	}
	if err != nil {
		c.jobs.log.Warn("the queues could not be read", zap.Error(err))
		return
	}
	all := append(c.depths(depths), eventDepths(depths)...)
	for state, n := range map[string]int{"on": endpoints.On, "failing": endpoints.Failing, "off": endpoints.Off} {
		all = append(all, gauge(endpointsBy, float64(n), state))
	}
	for _, m := range append(all, gauge(queueStuck, float64(stuck)), gauge(expansionsOpen, float64(expanding))) {
		metrics <- m
	}
}

// eventDepths shows the jobs of events.
func eventDepths(depths []store.QueueDepth) []prometheus.Metric {
	byState := map[store.JobState]int{}
	for _, d := range depths {
		if d.Queue == store.EventQueue {
			byState[d.State] = d.Jobs
		}
	}
	var all []prometheus.Metric
	for _, state := range queueStates {
		all = append(all, gauge(eventJobs, float64(byState[state]), string(state)))
	}
	return all
}

func (c *queueCollector) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	return c.jobs.ping(ctx)
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
