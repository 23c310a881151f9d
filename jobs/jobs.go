// Package jobs accepts notifications and moves their deliveries. Each thing that happens has a
// folder of its own; this package puts them together and holds River's working client, the only
// place towards the workers that names River.
package jobs

import (
	"context"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/delivering"
	"github.com/labring/sealos-notify/jobs/groupcommit"
	"github.com/labring/sealos-notify/jobs/listening"
	"github.com/labring/sealos-notify/jobs/optout"
	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/receipts"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/jobs/sealing"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/jobs/telling"
	"github.com/labring/sealos-notify/jobs/upkeep"
	"github.com/labring/sealos-notify/store"
)

// Telemetry is where metrics and spans go. The zero value shows nothing.
type Telemetry struct {
	Metrics prometheus.Registerer
	Tracer  trace.Tracer // for the jobs of traced requests
}

// Jobs are the parts of this package on one store. Close them after the API and the Client
// have stopped.
type Jobs struct {
	Renderer  *rendering.Renderer
	Accepter  *accepting.Accepter
	Deliverer *delivering.Deliverer
	Control   *steering.Control
	Orphans   *upkeep.Orphans
	Retention *upkeep.Retention
	Receipts  *receipts.Receipts
	Overview  *overview.Overview
	OptOut    *optout.OptOut
	Teller    *telling.Teller
	Listening *listening.Listening

	channels   []string
	settings   *settings.Live
	queues     store.Queues
	expansions store.Expansions
	endpoints  store.Endpoints
	weights    atomic.Pointer[map[string]int] // by app, as store.LinePart has it
	ping       func(context.Context) error    // of the database
	hand       hand
	river      *riverMetrics
	log        *zap.Logger
}

// New starts the parts. types is the table of provider types, one for each channel.
func New(st store.Store, types []channels.Type, initial settings.Settings, log *zap.Logger, telemetry Telemetry) *Jobs {
	live := &settings.Live{}
	live.Store(&initial)
	batches := groupcommit.NewMetrics(telemetry.Metrics)
	sealer := sealing.New(st)
	renderer, optOut := rendering.New(types, live), optout.New(st, types, sealer)
	control := steering.New(st, live, log)
	j := &Jobs{
		Renderer: renderer,
		Accepter: accepting.New(st, types, renderer, live, log, telemetry.Metrics, batches),
		Deliverer: delivering.New(st, delivering.Options{
			Types: types, Renderer: renderer, Settings: live, Links: optOut, Sealer: sealer, Log: log,
			Registry: telemetry.Metrics, Batches: batches, Tracer: telemetry.Tracer,
		}),
		Control:   control,
		Orphans:   upkeep.NewOrphans(st, log, telemetry.Metrics),
		Retention: upkeep.NewRetention(st, live, log), OptOut: optOut,
		Teller: telling.New(st, live, log, telemetry.Metrics), endpoints: st,
		Listening: listening.New(st, sealer, steering.Buttons{Control: control}, log, telemetry.Metrics),
		settings:  live, queues: st, expansions: st, ping: st.Ping, river: newRiverMetrics(telemetry.Metrics), log: log,
	}
	for _, t := range types {
		j.channels = append(j.channels, t.Channel)
	}
	j.Receipts = receipts.New(st, j.Control, live, log, telemetry.Metrics)
	j.Overview = overview.New(st, j.channels, live)
	j.Apply(initial)
	return j
}

// Apply puts settings in force. Work in flight finishes with the old ones.
func (j *Jobs) Apply(s settings.Settings) {
	weights := make(map[string]int, 2*len(s.Weights))
	for app, weight := range s.Weights {
		weights[store.LinePart(app)], weights[store.LinePart(app+accepting.TestSuffix)] = weight, weight
	}
	j.weights.Store(&weights)
	j.Accepter.Expect(s.Registry)
	j.Deliverer.Expect(s.Registry)
	j.Receipts.Expect(s.Registry)
	j.Listening.Apply(s.Registry)
	if old := j.settings.Swap(&s); old.Registry != s.Registry {
		old.Registry.Close() // its idle connections would keep their places from the new ones
	}
}

// weight returns the weight of an app, as store.LinePart has it.
func (j *Jobs) weight(app string) int { return max(1, (*j.weights.Load())[app]) }

// Close commits what is queued.
func (j *Jobs) Close() {
	j.Accepter.Close()
	j.settings.Load().Registry.Close()
	j.Deliverer.Close()
}
