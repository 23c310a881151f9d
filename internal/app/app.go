// Package app wires the service together and runs it. The command line, `dev`,
// the tests and the benchmarks all start the same thing.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/internal/telemetry"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
)

// Options are what a process is started with.
type Options struct {
	// Version is the program's. Spans carry it.
	Version string
	// ConfigPath is the configuration file.
	ConfigPath string
	// Override puts the command line's flags over the configuration, at the start
	// and at every reload; may be nil.
	Override func(*config.Config)
	// LogOutput receives the log.
	LogOutput io.Writer
	// Probe reaches every provider before serving; one that is misconfigured stops
	// the start.
	Probe bool
	// Reload asks for a reload with each value, such as SIGHUP; may be nil.
	Reload <-chan os.Signal
	// Serving is called once, when the address is bound and the service is
	// ready; may be nil.
	Serving func(address net.Addr)
	// Metrics is called once, before Serving, with the address of the metrics if they are
	// served; may be nil.
	Metrics func(address net.Addr)
}

// Loader returns the loader of the configuration.
func (o Options) Loader() config.Loader {
	return config.Loader{Path: o.ConfigPath, Types: builtin.Types(), Override: o.Override}
}

// Run serves the API and works the queues until ctx ends. Then it answers the
// requests in flight, finishes and records the sends in flight, and returns nil.
func Run(ctx context.Context, o Options) error {
	loader := o.Loader()
	first, err := loader.Check(nil)
	if err != nil {
		return err
	}
	log, level := newLogger(first.Logging, o.LogOutput)
	defer func() { _ = log.Sync() }() // a terminal cannot be synced
	defer redirectLibraryLogs(log)()
	if o.Probe {
		if err := logProbes(ctx, first.Registry, log); err != nil {
			return err
		}
	}
	// The files are read again once the database is there. A change from here
	// on is seen by that reading or by the watcher.
	registry := telemetry.NewRegistry()
	metrics := newReloadMetrics(registry)
	watcher := loader.Watch(log, metrics.unwatched.Inc)
	defer watcher.Close()
	db, err := openMigrated(ctx, first.Database, log)
	if err != nil {
		return err
	}
	defer db.Close()
	tracer, stopTracing, err := telemetry.NewTracer(ctx, first.Tracing.Endpoint, o.Version, log)
	if err != nil {
		return err
	}
	defer stopTracing()

	p := &process{options: o, config: first.Config, log: log, db: db, tracer: tracer, metrics: registry}
	p.metrics.MustRegister(telemetry.NewPoolCollector(db.pool))
	if err := p.build(ctx); err != nil {
		return err
	}
	defer p.service.close()
	reloader := &reloader{
		loader: loader, current: first, database: db, service: p.service, auth: p.auth, server: p.server,
		level: level, log: log, metrics: metrics,
	}
	if err := reloader.apply(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	metrics.loaded()
	return p.serve(ctx, reloader, watcher)
}

// logProbes probes the providers and logs what it finds.
func logProbes(ctx context.Context, registry *channels.Registry, log *zap.Logger) error {
	return Probe(ctx, registry, func(p Probed) {
		log.Info("probe", zap.String("provider", p.Provider), zap.Stringer("result", p))
	})
}

// openMigrated opens the database and brings its schema up to date.
func openMigrated(ctx context.Context, c store.Config, log *zap.Logger) (*Database, error) {
	db, err := OpenDatabase(ctx, c, func(err error) { log.Warn("waiting for the database", zap.Error(err)) })
	if err != nil {
		return nil, err
	}
	if pg, ok := db.Store.(*postgres.Store); ok {
		if wanted, found := pg.Places(); found < wanted {
			log.Warn("there are fewer connections than this replica may need: requests that find none wait and get 503; "+
				"lower database.maxOpenConns, or raise the limit of the server or the pooler",
				zap.Int("wanted", wanted), zap.Int("found", found))
		}
	}
	db.Migrator.Waiting = func(err error) { log.Warn("a migration waits for a lock", zap.Error(err)) }
	if err := db.Migrator.Up(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// process is the running program: what lives from its start to its end.
type process struct {
	options Options
	config  *config.Config // as it was at the start; only sections that need a restart are read from it
	log     *zap.Logger
	db      *Database
	tracer  trace.Tracer // nil traces nothing
	metrics *prometheus.Registry

	service *service
	auth    *api.Auth
	server  *api.Server
	ready   atomic.Bool
}

// build makes the service and the API on top of it. Until a configuration is
// applied no channel is on and nobody is let in.
func (p *process) build(ctx context.Context) (err error) {
	p.service, err = newService(ctx, p.db, p.config.Dispatcher, p.metrics, p.tracer, p.log)
	if err != nil {
		return err
	}
	p.auth = api.NewAuth(new(api.Credentials), p.log)
	p.server, err = api.New(p.service.serveWith(api.Options{
		Config: p.config.Server, Auth: p.auth, Store: p.db.Store, Ready: p.ready.Load, Schema: p.db.schemaLacks,
		Metrics: p.metrics, Tracer: p.tracer, Log: p.log,
	}))
	if err != nil {
		p.service.close()
	}
	return err
}

// serve answers requests, works the queues and reloads until ctx ends or the
// server fails, and then shuts down.
func (p *process) serve(ctx context.Context, r *reloader, watcher *config.Watcher) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.config.Server.Address)
	if err != nil {
		return fmt.Errorf("server.address: %w", err)
	}
	defer func() { _ = listener.Close() }() // the server has closed it, if it served
	metricsAddress, closeMetrics, err := p.serveMetrics(ctx, r.current.MetricsChosen)
	if err != nil {
		return err
	}
	defer closeMetrics()
	if err := p.service.Start(ctx); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- p.server.Serve(listener) }()
	channels := r.current.Registry.Channels()
	stopReloading := r.follow(watcher, p.options.Reload)

	p.ready.Store(true)
	p.log.Info("serving", zap.Stringer("address", listener.Addr()), metricsAddress, zap.String("database", p.config.Database.Driver),
		zap.Strings("channels", channels), zap.Bool("dispatcher", p.config.Dispatcher.Enabled), zap.Bool("tracing", p.tracer != nil))
	if p.options.Serving != nil {
		p.options.Serving(listener.Addr())
	}
	var failure error
	select {
	case <-ctx.Done():
		p.log.Info("shutting down: sends in flight finish first", zap.Duration("longest", answerTime+p.service.StopTime()+telemetry.FlushTime))
	case err := <-served:
		failure = fmt.Errorf("serve: %w", err)
	}
	p.ready.Store(false)
	stopReloading()
	return errors.Join(failure, p.shutDown(ctx))
}

// serveMetrics serves the metrics, if they have an address. The field shows it. A taken
// address stops the start only when somebody chose it: by default other programs, or
// another replica on the machine, may have it.
func (p *process) serveMetrics(ctx context.Context, chosen bool) (address zap.Field, stop func(), err error) {
	if p.config.Metrics.Address == "" {
		return zap.Skip(), func() {}, nil
	}
	metrics, err := telemetry.ServeMetrics(ctx, p.config.Metrics.Address, p.metrics, p.log)
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && !chosen:
		p.log.Warn("metrics are not served: the default address is taken; choose another by metrics.address", zap.Error(err))
		return zap.Skip(), func() {}, nil
	case err != nil:
		return zap.Skip(), nil, err
	}
	if p.options.Metrics != nil {
		p.options.Metrics(metrics.Address())
	}
	return zap.Stringer("metrics", metrics.Address()), metrics.Close, nil
}

// answerTime is how long requests in flight may take once shutdown has begun.
const answerTime = 2 * time.Second

// shutDown finishes the requests and then the sends in flight.
func (p *process) shutDown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	if err := p.server.Shutdown(ctx); err != nil {
		p.log.Warn("requests in flight were cut", zap.Error(err))
	}
	err := p.service.Stop()
	if err != nil {
		p.log.Error("sends in flight were abandoned", zap.Error(err))
	}
	p.log.Info("stopped")
	return err
}
