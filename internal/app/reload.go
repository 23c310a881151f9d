package app

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/store"
)

// reloader puts the configuration into effect: at the start, and whenever it changes.
type reloader struct {
	loader   config.Loader
	database *Database
	service  *service
	auth     *api.Auth
	server   *api.Server
	level    zap.AtomicLevel
	log      *zap.Logger
	metrics  *reloadMetrics

	current *config.Checked // before the first apply: what the process was started with
	warned  []string        // values that were warned of last
	refused int             // reloads that changed nothing, since the start
}

// apply reads the files again, checks everything, and puts it into effect. The
// start and each reload call it. An error changes nothing, and neither does a call whose
// context has ended while it read: the service has been closed.
func (r *reloader) apply(ctx context.Context) error {
	next, err := r.loader.Check(r.current.Config)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	if err := r.database.SetCredentials(next.Database); err != nil {
		return err
	}
	r.service.apply(next)
	r.auth.Set(next.Credentials)
	r.server.SetIntegrations(next.Integrations)
	r.server.SetConsole(next.Console)
	r.server.CheckReceivers()
	setLevel(r.level, next.Logging)
	if len(next.RestartNeeded) > 0 {
		r.log.Warn("some changes take effect at the next start only", zap.Strings("keys", next.RestartNeeded))
	}
	if !slices.Equal(next.Warnings, r.warned) {
		r.warned = next.Warnings
		r.log.Warn("some values should not stay as they are", zap.Strings("values", r.warned))
	}
	r.current = next
	return nil
}

// reload applies the configuration, or logs why the running one stays.
func (r *reloader) reload(ctx context.Context) {
	err := r.apply(ctx)
	if err != nil && ctx.Err() != nil {
		return
	}
	if err != nil {
		r.refused++
		r.metrics.refused()
		r.audit(ctx, store.AuditRefused)
		r.log.Error("configuration not reloaded: the running one stays", zap.Int("refusedSoFar", r.refused),
			zap.Strings("problems", strings.Split(err.Error(), "\n")))
		return
	}
	r.metrics.succeeded()
	r.audit(ctx, store.AuditDone)
	r.log.Info("configuration reloaded", zap.Strings("channels", r.current.Registry.Channels()))
}

// audit notes a reload in the audit log. A database that does not answer stops no reload.
func (r *reloader) audit(ctx context.Context, outcome store.AuditOutcome) {
	host, _ := os.Hostname() // empty when it is not known
	entry := store.Actor{Address: host}.Did(store.AuditConfigReload, "")
	entry.Outcome = outcome
	r.server.Audit(ctx, entry)
}

// stopReload bounds how long a shutdown waits for a reload in progress. One may read a
// file that does not answer.
const stopReload = time.Second

// follow reloads whenever a file changes or a request arrives, until the returned
// function is called.
func (r *reloader) follow(watcher *config.Watcher, requests <-chan os.Signal) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		watcher.Run(ctx, requests, func() { r.reload(ctx) })
	}()
	return func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(stopReload):
			r.log.Warn("a reload in progress was abandoned")
		}
	}
}
