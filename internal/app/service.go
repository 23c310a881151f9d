package app

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"riverqueue.com/riverui"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/jobs"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store/postgres"
	"github.com/labring/sealos-notify/store/sqlite"
)

// service is what accepts and delivers notifications: everything of package jobs,
// and River UI. Nothing is accepted before apply, and nothing delivered before Start.
type service struct {
	*jobs.Client // works the queues, from Start to Stop

	jobs    *jobs.Jobs
	riverUI http.Handler
}

// newService makes the service on the database. ctx ends what River UI does in the
// background. Close the service after the API has stopped.
func newService(ctx context.Context, db *Database, d jobs.Dispatcher, metrics *prometheus.Registry, tracer trace.Tracer, log *zap.Logger) (*service, error) {
	none := settings.Settings{Registry: channels.NewRegistry(nil)} // until apply
	s := &service{jobs: jobs.New(db.Store, builtin.Types(), none, log, jobs.Telemetry{Metrics: metrics, Tracer: tracer})}
	metrics.MustRegister(s.jobs.QueueCollector(d.LeaseTimeout))
	var err error
	if s.Client, err = newClient(db, s.jobs, d, log); err == nil {
		s.riverUI, err = newRiverUI(ctx, s.Client, log)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func newClient(db *Database, j *jobs.Jobs, d jobs.Dispatcher, log *zap.Logger) (*jobs.Client, error) {
	riverLog := libraryLogger(log, "river")
	switch engine := db.Store.(type) {
	case *postgres.Store:
		return jobs.NewClient(riverpgxv5.New(engine.Pool()), engine, j, d, db.announces, riverLog)
	case *sqlite.Store:
		return jobs.NewClient(riversqlite.New(engine.DB()), engine, j, d, db.announces, riverLog)
	default:
		return nil, fmt.Errorf("no River driver for %T", engine)
	}
}

// apply puts a configuration into effect. Work in flight finishes with the one before.
func (s *service) apply(c *config.Checked) {
	s.jobs.Apply(settings.Settings{Defaults: c.Defaults, Retention: c.Retention, Templates: c.Templates, Endpoints: c.Endpoints, Registry: c.Registry, Weights: c.Credentials.Weights(), PublicURL: c.Server.PublicURL})
}

// serveWith adds to the server's options what the API calls.
func (s *service) serveWith(o api.Options) api.Options {
	o.Accepter, o.DeliveryControl, o.Templates, o.RiverUI = s.jobs.Accepter, s.jobs.Control, s.jobs.Renderer, s.riverUI
	o.RecipientTypes = channels.RecipientTypeNames(builtin.Types()...)
	o.Overview, o.OptOut, o.Endpoints = s.jobs.Overview, s.jobs.OptOut, s.jobs.Teller
	return o
}

// close commits what is queued. Nothing can be accepted or recorded afterwards.
func (s *service) close() { s.jobs.Close() }

// newRiverUI returns the handler of River UI. Its background work, counting all jobs
// every ten seconds on each replica, loads a busy database, so it begins with the
// first request.
func newRiverUI(ctx context.Context, client *jobs.Client, log *zap.Logger) (http.Handler, error) {
	ui, err := riverui.NewHandler(&riverui.HandlerOpts{
		Endpoints: client.UI, Logger: libraryLogger(log, "river"), Prefix: "/riverui", JobListHideArgsByDefault: true,
	})
	if err != nil {
		return nil, fmt.Errorf("river ui: %w", err)
	}
	start := sync.OnceFunc(func() {
		if err := ui.Start(ctx); err != nil {
			log.Error("River UI shows no fresh counts", zap.Error(err))
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start()
		ui.ServeHTTP(w, r)
	}), nil
}
