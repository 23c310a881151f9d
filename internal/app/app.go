// Package app wires the service together and runs it. The command line, `dev`,
// the tests and the benchmarks all start the same thing.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"riverqueue.com/riverui"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/internal/telemetry"
	"github.com/labring/sealos-notify/jobs"
	"github.com/labring/sealos-notify/jobs/settings"
)

// Options say how to run.
type Options struct {
	// ConfigPath is the configuration file.
	ConfigPath string
	// Override puts the command line's flags over the configuration, now and at
	// every reload; may be nil.
	Override func(*config.Config)
	// LogOutput receives the log.
	LogOutput io.Writer
	// Probe reaches every provider before serving; one that is misconfigured stops
	// the start.
	Probe bool
	// Reload asks for a reload whenever something arrives; may be nil.
	Reload <-chan struct{}
	// Serving is called once, when the address is bound and the service is
	// ready; may be nil.
	Serving func(address net.Addr)
}

// Loader reads the configuration of these options.
func (o Options) Loader() config.Loader {
	return config.Loader{Path: o.ConfigPath, Types: builtin.Types(), Override: o.Override}
}

// answerTime is how long requests in flight may take once shutdown has begun.
const answerTime = 2 * time.Second

// Run serves the API and works the queues until ctx ends. Then it answers the
// requests in flight, finishes and records the sends in flight, and returns nil.
func Run(ctx context.Context, o Options) error {
	loader := o.Loader()
	cfg, err := loader.Load()
	if err != nil {
		return err
	}
	log, level, err := newLogger(cfg.Logging, o.LogOutput)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // a terminal cannot be synced
	defer takeOver(log)()

	registry, err := cfg.Registry()
	if err != nil {
		return err
	}
	credentials, err := loadCredentials(cfg.Auth)
	if err != nil {
		return err
	}
	if o.Probe {
		err := Probe(ctx, registry, func(p Probed) { log.Info("probe", zap.String("provider", p.Provider), zap.Stringer("result", p)) })
		if err != nil {
			return err
		}
	}
	db, err := OpenDatabase(ctx, cfg.Database, func(err error) {
		log.Warn("waiting for the database", zap.Error(err))
	})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Migrator.Up(ctx); err != nil {
		return err
	}

	metrics := telemetry.NewRegistry()
	tracer, stopTracing, err := telemetry.NewTracer(ctx, cfg.Tracing.Endpoint, log)
	if err != nil {
		return err
	}
	defer stopTracing()
	service := jobs.New(db.Store, builtin.Types(), settings.Settings{Defaults: cfg.Defaults, Retention: cfg.Retention, Registry: registry},
		log, jobs.Telemetry{Metrics: metrics, Tracer: tracer})
	defer service.Close()
	metrics.MustRegister(service.QueueCollector(cfg.Dispatcher.LeaseTimeout), telemetry.NewPoolCollector(db.pool))
	client, err := db.newClient(service, cfg.Dispatcher, libraryLogger(log, "river"))
	if err != nil {
		return err
	}
	ui, err := newRiverUI(ctx, client, log)
	if err != nil {
		return err
	}

	var ready atomic.Bool
	auth := api.NewAuth(credentials, log)
	server, err := api.New(api.Options{
		Config: cfg.Server, Auth: auth, Accepter: service.Accepter, DeliveryControl: service.Control, Templates: service.Renderer,
		Store: db.Store, Integrations: cfg.Integrations, RiverUI: ui, Ready: ready.Load, Metrics: metrics, Tracer: tracer, Log: log,
	})
	if err != nil {
		return err
	}

	reloader := &reloader{loader: loader, running: cfg, service: service, auth: auth, server: server, level: level, log: log, metrics: newReloadMetrics(metrics)}
	watcher, err := loader.Watch(log)
	if err != nil {
		return fmt.Errorf("watch the configuration: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Server.Address)
	if err != nil {
		return fmt.Errorf("server.address: %w", err)
	}
	scraped := zap.Skip()
	if cfg.Metrics.Address != "" {
		server, err := telemetry.ServeMetrics(ctx, cfg.Metrics.Address, metrics, log)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		defer server.Close()
		scraped = zap.Stringer("metrics", server.Address())
	}

	if err := client.Start(ctx); err != nil {
		return errors.Join(err, listener.Close())
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	reloading := reloader.start(watcher, o.Reload)
	ready.Store(true)
	log.Info("serving", zap.Stringer("address", listener.Addr()), scraped, zap.String("database", cfg.Database.Driver),
		zap.Strings("channels", registry.Channels()), zap.Bool("dispatcher", cfg.Dispatcher.Enabled), zap.Bool("tracing", tracer != nil))
	if o.Serving != nil {
		o.Serving(listener.Addr())
	}

	var failure error
	select {
	case <-ctx.Done():
		log.Info("shutting down: sends in flight finish first", zap.Duration("longest", answerTime+client.StopTime()+telemetry.FlushTime))
	case failure = <-served:
		failure = fmt.Errorf("serve: %w", failure)
	}

	ready.Store(false)
	reloading.stop()
	answering, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	if err := server.Shutdown(answering); err != nil {
		log.Warn("requests in flight were cut", zap.Error(err))
	}
	if err := client.Stop(); err != nil {
		log.Error("sends in flight were abandoned", zap.Error(err))
		failure = errors.Join(failure, err)
	}
	log.Info("stopped")
	return failure
}

// loadCredentials reads the credentials that the section asks for.
func loadCredentials(c api.AuthConfig) (*api.Credentials, error) {
	if !c.Enabled {
		return api.Unprotected(), nil
	}
	return api.LoadCredentials(c.CredentialsFilePath)
}

// newRiverUI serves River UI. In the background it counts all jobs every ten seconds,
// on each replica, which a busy database feels: that begins with the first request.
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
