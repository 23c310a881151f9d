// Package jobs accepts notifications and moves their deliveries: it decides what
// is sent to whom, hands each delivery to River, makes the provider call, and
// settles what became of it. It is the only package with a working River client.
package jobs

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/sync/singleflight"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/templates"
)

const (
	// acceptTimeout bounds the commit of accepted notifications: past it the
	// caller is told to come back.
	acceptTimeout = 8 * time.Second
	// readTimeout bounds the reading of a group of deliveries, and of a template for
	// several requests. It leaves most of a job's lease for the send.
	readTimeout = 5 * time.Second
	// recordTimeout bounds one try at recording outcomes; recording is tried
	// again until the job's time is up.
	recordTimeout = 3 * time.Second
	// awayPause is between two tries while the database is away.
	awayPause = 200 * time.Millisecond
)

// Settings are what a reload can change.
type Settings struct {
	Defaults  Defaults
	Retention Retention
	Registry  *channels.Registry
}

// Telemetry is where the service shows what it does. The zero value shows nothing.
type Telemetry struct {
	Metrics prometheus.Registerer
	// Tracer makes the spans of jobs whose request was traced.
	Tracer trace.Tracer
}

// Service accepts notifications and delivers them. Create it with New, close it
// after the API and the River client have stopped.
type Service struct {
	store    store.Store
	types    map[string]channels.Type // by channel
	settings atomic.Pointer[Settings]
	log      *zap.Logger
	metrics  *metrics
	tracer   trace.Tracer // may be nil

	accepts  *flusher[store.Acceptance, store.Accepted]
	loads    *flusher[uuid.UUID, *loaded] // by delivery; nil when there is none
	records  *flusher[store.Outcome, bool]
	known    cache[string, store.Template] // templates as they were last read, by name
	reads    singleflight.Group            // of templates that are not known, by name
	parsed   cache[parsedKey, *templates.Template]
	messages cache[uuid.UUID, store.Message]

	queued       queues
	draining     chan struct{} // closed when the queues are about to stop
	stopDraining func()
}

// New starts a service on the store. types is the table of provider types, one a channel.
func New(st store.Store, types []channels.Type, settings Settings, log *zap.Logger, watch Telemetry) *Service {
	s := &Service{
		store: st, types: make(map[string]channels.Type, len(types)), log: log, draining: make(chan struct{}),
		metrics: newMetrics(watch.Metrics), tracer: watch.Tracer,
		known: cache[string, store.Template]{maxEntries: 1024, maxBytes: 4 << 20},
		// Parsing can take a hundred times the source's size in memory.
		parsed: cache[parsedKey, *templates.Template]{maxEntries: 256, maxBytes: 1 << 20},
		// A message never changes, and all recipients of a channel share one. A text
		// has some 64 KiB at the most.
		messages: cache[uuid.UUID, store.Message]{maxEntries: flushMaxItems, maxBytes: flushMaxItems << 16},
	}
	s.stopDraining = sync.OnceFunc(func() { close(s.draining) })
	for _, t := range types {
		s.types[t.Channel] = t
	}
	s.Apply(settings)
	s.loads = newFlusher(s.metrics.batch("load"), readTimeout, func(uuid.UUID) int { return 1 }, s.loadBatch)
	s.accepts = newFlusher(s.metrics.batch("accept"), acceptTimeout, func(a store.Acceptance) int { return len(a.Deliveries) }, st.Accept)
	s.records = newFlusher(s.metrics.batch("record"), recordTimeout, func(store.Outcome) int { return 1 }, s.recordBatch)
	return s
}

// Apply swaps the settings. Work in flight finishes on the old ones.
func (s *Service) Apply(settings Settings) {
	s.metrics.expect(settings.Registry)
	s.settings.Store(&settings)
}

// Close commits what is waiting and stops.
func (s *Service) Close() {
	s.accepts.close()
	s.loads.close()
	s.records.close()
}

// recordBatch records outcomes. The store wants each delivery once in a batch;
// twice happens when a stuck attempt wakes up beside its successor.
func (s *Service) recordBatch(ctx context.Context, batch []store.Outcome) ([]bool, error) {
	seen := make(map[[16]byte]struct{}, len(batch))
	for i, o := range batch {
		if _, twice := seen[o.Attempt.DeliveryID]; twice {
			first, err := s.store.Record(ctx, batch[:i])
			if err != nil {
				return nil, err
			}
			rest, err := s.recordBatch(ctx, batch[i:])
			if err != nil {
				return nil, err
			}
			return append(first, rest...), nil
		}
		seen[o.Attempt.DeliveryID] = struct{}{}
	}
	return s.store.Record(ctx, batch)
}
