package api

import (
	"context"
	"net/http"
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

func (s *Server) health(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	if !s.databaseAnswers(ctx) {
		return unhealthy("unhealthy", ""), nil
	}
	return healthy("healthy"), nil
}

func (s *Server) live(context.Context, *struct{}) (*healthOutput, error) {
	return healthy("alive"), nil
}

func (s *Server) ready(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	missing, readable := s.schemaLacks(ctx)
	if missing != "" {
		return unhealthy("not ready", missing), nil
	}
	if !s.isReady() || !readable || !s.databaseAnswers(ctx) {
		return unhealthy("not ready", ""), nil
	}
	return healthy("ready"), nil
}

func (s *Server) databaseAnswers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	if err := s.store.Ping(ctx); err != nil {
		s.log.Warn("the database does not answer a probe", zap.Error(err))
		return false
	}
	return true
}

// schemaLacks says what the database's schema lacks; nothing when it is right. It
// reports whether the database answered.
func (s *Server) schemaLacks(ctx context.Context) (missing string, answered bool) {
	if s.schema == nil {
		return "", true
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	missing, err := s.schema(ctx)
	if missing != "" || err != nil {
		s.log.Warn("a probe finds the database's schema not ready", zap.String("missing", missing), zap.Error(err))
	}
	return missing, err == nil
}
