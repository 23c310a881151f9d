package app

import (
	"context"
	"strings"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/jobs"
	"github.com/labring/sealos-notify/jobs/settings"
)

// reloader puts a changed configuration into the running service: it builds
// everything, checks everything, and only then swaps.
type reloader struct {
	loader  config.Loader
	service *jobs.Service
	auth    *api.Auth
	server  *api.Server
	level   zap.AtomicLevel
	log     *zap.Logger
	metrics *reloadMetrics

	mu      sync.Mutex // a signal and a changed file may come at once
	running *config.Config
	refused int // reloads that changed nothing, since the start
}

// reloading is a reloader at work.
type reloading struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// start reloads whenever a file changes or something arrives on requests.
func (r *reloader) start(watcher *config.Watcher, requests <-chan struct{}) *reloading {
	ctx, cancel := context.WithCancel(context.Background())
	work := &reloading{cancel: cancel}
	work.done.Go(func() { watcher.Run(ctx, r.reload) })
	work.done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-requests:
				r.reload()
			}
		}
	})
	return work
}

func (w *reloading) stop() {
	w.cancel()
	w.done.Wait()
}

func (r *reloader) reload() {
	r.mu.Lock()
	defer r.mu.Unlock()

	next, restart, err := r.loader.Reload(r.running)
	if err != nil {
		r.refuse(err)
		return
	}
	registry, err := next.Registry()
	if err != nil {
		r.refuse(err)
		return
	}
	credentials, err := loadCredentials(next.Auth)
	if err != nil {
		r.refuse(err)
		return
	}
	level, err := zapcore.ParseLevel(next.Logging.Level)
	if err != nil {
		r.refuse(err)
		return
	}

	// From here on nothing can fail.
	r.service.Apply(settings.Settings{Defaults: next.Defaults, Retention: next.Retention, Registry: registry})
	r.auth.Set(credentials)
	r.server.SetIntegrations(next.Integrations)
	r.level.SetLevel(level)
	if len(restart) > 0 {
		r.log.Warn("some changes take effect at the next start only", zap.Strings("keys", restart))
	}
	if next.Logging.Format != r.running.Logging.Format {
		r.log.Warn("some changes take effect at the next start only", zap.Strings("keys", []string{"logging.format"}))
	}
	r.running = next
	r.metrics.succeeded()
	r.log.Info("configuration reloaded", zap.Strings("channels", registry.Channels()))
}

// refuse says why the running configuration stays. The reason may have many lines.
func (r *reloader) refuse(err error) {
	r.refused++
	r.metrics.refused()
	r.log.Error("configuration not reloaded: the running one stays", zap.Int("refusedSoFar", r.refused),
		zap.Strings("problems", strings.Split(err.Error(), "\n")))
}
