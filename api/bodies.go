package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/labring/sealos-notify/jobs/shares"
)

// What the bodies of all requests in hand may take together. Small bodies have a share of
// their own, so that large ones never hold them up.
const (
	// smallBody is what a small body has at most, in bytes.
	smallBody = 64 << 10
	// maxSignIn is what a form of a browser has at most that is not signed in, in bytes. Such
	// forms have no share that others could use up: the connections bound them.
	maxSignIn = 8 << 10
	// smallBytes and largeBytes bound the bodies as they were sent, in bytes.
	smallBytes, largeBytes = 16 << 20, 16 << 20
	// smallValues and largeValues bound the values that are decoded from them.
	smallValues, largeValues = maxValues, 2 * maxValues
)

// What is read of a body that no handler has read, in bytes. A connection that is closed
// before is often reset, and then the answer is lost.
const (
	maxDropped         = 2 * maxBody
	maxDroppedOfOthers = 64 << 10 // of callers that are not known
	// dropTime bounds the wait for it: the answer is written after it.
	dropTime = 2 * time.Second
)

// bodies weighs the bodies of all requests in hand.
type bodies struct {
	small, large weights
	turns        *shares.Pool // of processors, for decoding large ones
}

type weights struct{ bytes, values *shares.Pool }

func newBodies() *bodies {
	return &bodies{
		small: weights{shares.New(smallBytes, smallBytes/2), shares.New(smallValues, smallValues/2)},
		large: weights{shares.New(largeBytes, largeBytes/2), shares.New(largeValues, maxValues)},
		turns: shares.New(int64(max(1, runtime.GOMAXPROCS(0)/2)), 1),
	}
}

// held is the body of a request in hand, with what it takes.
type held struct {
	app     string
	content []byte
	weights weights
	turns   *shares.Pool // nil for a small body
	release []func()
}

// decode calls do when a processor is free for it. A large body takes some 0.1 s.
func (h *held) decode(ctx context.Context, do func() error) error {
	if h.turns == nil {
		return do()
	}
	giveBack, err := h.turns.Take(ctx, h.app, 1)
	if err != nil {
		return errBusy
	}
	defer giveBack()
	return do()
}

// take waits until the pool has n. The error is a *Problem.
func (h *held) take(ctx context.Context, from *shares.Pool, n int) error {
	if from == nil { // a form that is not an app's
		return nil
	}
	giveBack, err := from.Take(ctx, h.app, int64(n))
	if err != nil {
		return errBusy // whether its own patience or the request's time has ended
	}
	h.release = append(h.release, giveBack)
	return nil
}

// takeValues waits until so many values may be decoded.
func (h *held) takeValues(ctx context.Context, n int) error { return h.take(ctx, h.weights.values, n) }

func (h *held) giveBack() {
	for _, giveBack := range h.release {
		giveBack()
	}
	h.release = nil
}

type bodyKey struct{}

// heldBody returns the body that takeBody has read.
func heldBody(c *fiber.Ctx) *held {
	body, _ := c.Locals(bodyKey{}).(*held)
	return body
}

// takeBody is the middleware that reads the body of a known caller's request. Until the
// answer is made, the body counts among those in hand.
func (s *Server) takeBody(c *fiber.Ctx) error {
	caller, _ := c.Locals(callerKey{}).(Caller)
	return s.take(c, caller.AppID, maxBody)
}

// takeForm is takeBody for the console. A larger form is that of an app.
func (s *Server) takeForm(c *fiber.Ctx) error {
	h := &c.Request().Header
	if c.Request().BodyStream() != nil && (h.ContentLength() < 0 || h.ContentLength() > maxSignIn) {
		caller, known, err := s.signedIn(c.UserContext(), tokenOf(h))
		if err != nil {
			return err
		}
		if known {
			return s.take(c, caller.AppID, maxBody)
		}
	}
	return s.take(c, "", maxSignIn)
}

// take reads a body of at most so many bytes. The body of an app has a share of all of them.
func (s *Server) take(c *fiber.Ctx, app string, most int) error {
	body := &held{app: app}
	defer body.giveBack()
	if err := s.bodies.read(c, body, most); err != nil {
		return err
	}
	handling(c.Context().Conn())
	c.Locals(bodyKey{}, body)
	c.Request().SetBodyRaw(body.content) // for the pages
	return c.Next()
}

// read reads the body of a request. The error is a *Problem.
func (b *bodies) read(c *fiber.Ctx, to *held, most int) error {
	ctx, length, stream := c.UserContext(), c.Request().Header.ContentLength(), c.Request().BodyStream()
	if to.app != "" {
		to.weights = b.small
	}
	const chunked = -1
	switch {
	case length > most:
		return errBodyTooLarge
	case stream == nil:
		return nil
	case length == chunked:
		more, err := to.read(ctx, stream, min(smallBody, most))
		if err != nil || !more {
			return err
		}
		if most <= smallBody {
			return errBodyTooLarge
		}
		stream = io.MultiReader(bytes.NewReader(to.content), stream)
		to.giveBack()
		to.weights, to.turns = b.large, b.turns
		if more, err = to.read(ctx, stream, maxBody); more {
			return errBodyTooLarge
		}
		return err
	case length > smallBody:
		to.weights, to.turns = b.large, b.turns
	}
	_, err := to.read(ctx, stream, length)
	if err == nil && len(to.content) < length {
		err = errBodyEnded
	}
	return err
}

// read reads a body of at most size bytes, and reports whether there is more.
func (h *held) read(ctx context.Context, from io.Reader, size int) (more bool, err error) {
	if err := h.take(ctx, h.weights.bytes, size); err != nil {
		return false, err
	}
	content := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	_, err = content.ReadFrom(io.LimitReader(from, int64(size)+1))
	h.content = content.Bytes()
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		return false, statusProblem(http.StatusRequestTimeout, "the body did not come in time")
	case err != nil:
		return false, errBodyEnded
	}
	return len(h.content) > size, nil
}

var (
	errBodyTooLarge = statusProblem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body must have at most %d bytes", maxBody))
	errBodyEnded    = newProblem(http.StatusBadRequest, codeInvalidRequest, "the body ends too early, or is not sent as HTTP asks")
)

// dropBody reads what no handler has read of a body, or has the connection closed: what
// follows on it is not the next request.
func dropBody(c *fiber.Ctx) {
	stream := c.Request().BodyStream()
	if stream == nil {
		return
	}
	most := int64(maxDroppedOfOthers)
	if _, known := c.Locals(callerKey{}).(Caller); known {
		most = maxDropped
	}
	if int64(c.Request().Header.ContentLength()) <= most && c.Context().Conn().SetReadDeadline(time.Now().Add(dropTime)) == nil {
		if n, err := io.Copy(io.Discard, io.LimitReader(stream, most)); err == nil && n < most {
			return
		}
	}
	linger(c.Context().Conn())
	c.Context().SetConnectionClose()
}
