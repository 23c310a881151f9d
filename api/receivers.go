package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/jobs/refusal"
)

const (
	// receiversTimeout bounds the check of all receivers. A scrape waits for it.
	receiversTimeout = 2 * time.Second
	// receiversAge is how long one check serves all scrapes.
	receiversAge = time.Minute
)

var receiversBroken = prometheus.NewDesc("sealos_notify_broken_receivers",
	"Receivers of alerts with a channel that cannot send as it is configured.", nil, nil)

// receivers checks that the receivers of alerts can send as they are configured. Their
// templates are in the database and may change at any time.
type receivers struct {
	server *Server

	mu        sync.Mutex
	checkedAt time.Time
	found     map[string][]*refusal.Error // what is wrong, by receiver
	problems  []string                    // the same, as they were logged
}

// CheckReceivers logs which receivers of alerts cannot send as they are configured.
func (s *Server) CheckReceivers() {
	s.receivers.mu.Lock()
	defer s.receivers.mu.Unlock()
	s.receivers.problems = nil // each is logged again
	_ = s.receivers.check()    // it is logged
}

// Describe implements prometheus.Collector.
func (r *receivers) Describe(descs chan<- *prometheus.Desc) { descs <- receiversBroken }

// Collect implements prometheus.Collector.
func (r *receivers) Collect(metrics chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.checkedAt) > receiversAge {
		_ = r.check() // it is logged
	}
	metrics <- prometheus.MustNewConstMetric(receiversBroken, prometheus.GaugeValue, float64(len(r.found)))
}

// shownAge is how long one check serves those who look at the receivers.
const shownAge = time.Second

// wrong returns what is wrong with the receivers, by name.
func (r *receivers) wrong() (map[string][]*refusal.Error, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.checkedAt) < shownAge {
		return r.found, nil
	}
	err := r.check()
	return r.found, err
}

// check checks all receivers and logs what it did not find the last time.
func (r *receivers) check() error {
	ctx, cancel := context.WithTimeout(context.Background(), receiversTimeout)
	defer cancel()
	r.checkedAt = time.Now()
	all := r.server.integrations.Load().Receivers
	wrong, problems := map[string][]*refusal.Error{}, []string(nil)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		found, err := r.server.checkReceiver(ctx, name, all[name])
		if err != nil {
			r.server.log.Warn("the receivers of alerts could not be checked", zap.Error(err))
			return err
		}
		if len(found) > 0 {
			wrong[name] = found
		}
		for _, problem := range found {
			line := fmt.Sprintf("integrations.receivers.%s.%s: %s", name, problem.Field, problem.Message)
			problems = append(problems, line)
			if !slices.Contains(r.problems, line) {
				r.server.log.Error("a receiver of alerts cannot send as it is configured", zap.String("problem", line))
			}
		}
	}
	r.found, r.problems = wrong, problems
	return nil
}

func (s *Server) checkReceiver(ctx context.Context, name string, receiver Receiver) ([]*refusal.Error, error) {
	sample := sampleGroup()
	sample.Receiver = name
	request, err := receiver.request(alertmanager, sample)
	if err != nil {
		return nil, err
	}
	return s.accepter.CheckAlerts(ctx, request)
}

// sampleGroup returns a group with everything that both sources send.
func sampleGroup() alertGroupRequest {
	texts := alertTexts{"alertname": "Sample", "severity": "critical", "instance": "a", "summary": "a sample", "description": "a sample"}
	now := time.Now()
	alert := alertRequest{
		Status: alertFiring, Labels: texts, Annotations: texts, StartsAt: now, Fingerprint: "0", GeneratorURL: "https://example.com",
		Values: alertValues{"A": json.Number("1")},
	}
	resolved := alert
	resolved.Status, resolved.EndsAt = alertResolved, now
	return alertGroupRequest{
		Status: alertFiring, GroupKey: "sample", GroupLabels: texts, CommonLabels: texts, CommonAnnotations: texts,
		ExternalURL: "https://example.com", Alerts: []alertRequest{alert, resolved},
	}
}
