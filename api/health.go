package api

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// pingTimeout bounds how long a probe waits for the database.
const pingTimeout = 2 * time.Second

type healthView struct {
	Status string `json:"status" example:"healthy"`
	Reason string `json:"reason,omitempty" doc:"why not, where it is known"`
}

type healthOutput struct {
	Status     int
	RetryAfter string `header:"Retry-After" doc:"seconds; with 503"`
	Body       healthView
}

func healthy(status string) *healthOutput {
	return &healthOutput{Status: http.StatusOK, Body: healthView{Status: status}}
}

func unhealthy(status, reason string) *healthOutput {
	return &healthOutput{Status: http.StatusServiceUnavailable, RetryAfter: "1", Body: healthView{Status: status, Reason: reason}}
}

// isProbe reports whether machines request a path every few seconds.
func isProbe(path string) bool { return path == "/health" || path == "/livez" || path == "/readyz" }

func (s *Server) health(context.Context, *struct{}) (*healthOutput, error) {
	if !s.database.state().answers {
		return unhealthy("unhealthy", ""), nil
	}
	return healthy("healthy"), nil
}

func (s *Server) live(context.Context, *struct{}) (*healthOutput, error) {
	return healthy("alive"), nil
}

func (s *Server) ready(context.Context, *struct{}) (*healthOutput, error) {
	if state := s.database.state(); !s.isReady() || !state.answers || !state.hasSchema {
		return unhealthy("not ready", state.lacks), nil
	}
	return healthy("ready"), nil
}

// stateAge is how long probes are told the same state of the database. Anybody may probe.
const stateAge = time.Second

// database knows the state of the database. One question serves all probes.
type database struct {
	store  Store
	schema Schema // may be nil
	log    *zap.Logger

	asking sync.Mutex
	known  atomic.Pointer[state]
}

// state is the state of the database when it was last asked.
type state struct {
	answers   bool
	hasSchema bool   // that this program needs
	lacks     string // what the schema lacks, where that is known
	at        time.Time
}

// state returns the state as it was at most stateAge ago. While somebody asks, others get the one
// before: a database that does not answer makes only one of them wait.
func (d *database) state() state {
	last := d.known.Load()
	switch {
	case last != nil && time.Since(last.at) < stateAge:
		return *last
	case last == nil:
		d.asking.Lock()
	case !d.asking.TryLock():
		return *last
	}
	defer d.asking.Unlock()
	if now := d.known.Load(); now != last { // somebody has asked meanwhile
		return *now
	}
	now := d.ask()
	d.known.Store(&now)
	return now
}

// ask asks the database, and logs what has changed.
func (d *database) ask() (now state) {
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	pinged := d.store.Ping(ctx)
	now = state{answers: pinged == nil, hasSchema: true}
	var unread error
	if d.schema != nil {
		now.lacks, unread = d.schema(ctx)
		now.hasSchema = now.lacks == "" && unread == nil
	}
	before := state{answers: true, hasSchema: true}
	if last := d.known.Load(); last != nil {
		before = *last
	}
	before.at = now.at
	switch {
	case now == before:
	case now.answers && now.hasSchema:
		d.log.Info("probes succeed again")
	default:
		d.log.Warn("probes fail", zap.NamedError("database", pinged), zap.String("missing", now.lacks), zap.NamedError("schema", unread))
	}
	now.at = time.Now()
	return now
}
