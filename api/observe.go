package api

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// requestIDPattern is what a caller's X-Request-Id must match to be kept.
var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// maxLoggedPath bounds what one request can put into a log line, in bytes.
const maxLoggedPath = 256

// observe wraps every handler. It sets the request's id and time limit, answers
// errors and panics, and writes one log line. The line has no query, body, header
// or address.
func (s *Server) observe(c *fiber.Ctx) error {
	start := time.Now()
	id := setHeaders(c)
	ctx, cancel := context.WithTimeout(contextOf(c.Context().Conn()), handleTimeout)
	defer cancel()
	c.SetUserContext(ctx)

	if err := s.next(c); err != nil {
		if err := s.writeError(c, err); err != nil {
			return err
		}
	}
	dropBody(c)

	s.metrics.countRequest(c, time.Since(start))
	level := zapcore.InfoLevel
	if isProbe(c.Path()) {
		level = zapcore.DebugLevel
	}
	if line := s.log.Check(level, "request"); line != nil {
		caller, _ := c.Locals(callerKey{}).(Caller)
		line.Write(
			zap.String("method", c.Method()),
			zap.String("path", loggedPath(c.Path())),
			zap.Int("status", c.Response().StatusCode()),
			zap.Duration("duration", time.Since(start)),
			zap.String("appId", caller.AppID),
			zap.String("requestId", id),
			traceField(c),
		)
	}
	return nil
}

// answerUnrouted answers a request that fasthttp refused before observe ran: it is not
// HTTP.
func (s *Server) answerUnrouted(c *fiber.Ctx, err error) error {
	linger(c.Context().Conn())
	c.Context().Response.SkipBody = c.Request().Header.IsHead()
	setHeaders(c)
	return s.writeError(c, err)
}

// setHeaders sets the headers that every answer has and returns the request's id.
func setHeaders(c *fiber.Ctx) (requestID string) {
	requestID = c.Get(fiber.HeaderXRequestID)
	if !requestIDPattern.MatchString(requestID) {
		requestID = uuid.NewString()
	}
	c.Set(fiber.HeaderXRequestID, requestID)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderXFrameOptions, "DENY")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	return requestID
}

// next runs the handlers and returns a panic as an error.
func (s *Server) next(c *fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			// The value may hold an address.
			s.log.Error("panic in a handler", zap.String("panicType", fmt.Sprintf("%T", r)), zap.Stack("stack"))
			c.Response().ResetBody()
			err = errors.New("panic in a handler")
		}
	}()
	return c.Next()
}
