package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
	"go.uber.org/zap"
)

const (
	// maxLists bounds the lists that are answered at once, and listsOfApp those for one app.
	// Each has one page in memory.
	maxLists, listsOfApp = 32, 8
	// smallAnswer is the size of an answer that does not count among those in hand, in bytes.
	smallAnswer = 16 << 10
	// answerBytes bounds the other answers that are not written yet, and answersOfApp those
	// to one app, in bytes.
	answerBytes, answersOfApp = 32 << 20, 8 << 20
)

// list is a list of rows that is read in pages and written as one answer. Every row is
// there once, as it was when its page was read.
type list[R any] struct {
	head  any                                                         // an object whose last member is the list, empty
	page  int                                                         // rows in memory at once
	limit int                                                         // 0: all rows
	read  func(ctx context.Context, after *R, limit int) ([]R, error) // nil: from the beginning
	view  func(context.Context, R) any
	next  func(R) any // what the list goes on after, when limit has ended it
}

// listOutput is an answer that is a list.
type listOutput struct{ Body func(huma.Context) }

// answerList answers a list. Its first page is read at once, so that an error of it is an
// answer. An error of a later page cuts the connection.
func answerList[R any](ctx context.Context, s *Server, l list[R]) (*listOutput, error) {
	giveBack, err := s.takeList(ctx)
	if err != nil {
		return nil, err
	}
	w := &listWriter[R]{list: l, server: s, giveBack: giveBack, caller: callerOf(ctx)}
	if err = w.readPage(ctx); err == nil {
		err = encode(&w.text, l.head)
	}
	if err != nil {
		giveBack()
		return nil, err
	}
	w.text.Truncate(w.text.Len() - len(listEnd))
	return &listOutput{w.answer}, nil
}

// answerObject answers an object that has no list.
func answerObject(v any) (*listOutput, error) {
	var text bytes.Buffer
	if err := encode(&text, v); err != nil {
		return nil, err
	}
	return &listOutput{func(ctx huma.Context) {
		ctx.SetHeader(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		_, _ = text.WriteTo(ctx.BodyWriter())
	}}, nil
}

// takeList waits until another list may be read for the caller, see maxLists.
func (s *Server) takeList(ctx context.Context) (giveBack func(), err error) {
	return s.lists.Take(ctx, callerOf(ctx).AppID, 1)
}

// listEnd is how the object ends that a list is in.
const listEnd = "]}"

// listWriter is the list as fasthttp reads it.
type listWriter[R any] struct {
	list[R]
	server   *Server
	caller   Caller
	conn     net.Conn
	giveBack func()

	rows    []R  // of the page, not written yet
	last    *R   // that was written
	more    bool // there may be more pages
	written int
	text    bytes.Buffer // not read yet
	ended   bool
}

// readPage reads the next page, with one row that may be more than the limit.
func (w *listWriter[R]) readPage(ctx context.Context) (err error) {
	limit := w.page + 1
	if w.limit > 0 {
		limit = min(limit, w.limit-w.written+1)
	}
	w.rows, err = w.read(ctx, w.last, limit)
	beyond := w.limit > 0 && len(w.rows) > w.limit-w.written
	w.more = len(w.rows) == limit && !beyond
	return err
}

// answer writes a list of one page at once, and a longer one while it is read.
func (w *listWriter[R]) answer(ctx huma.Context) {
	c := humafiber.Unwrap(ctx)
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	if w.more {
		w.conn = c.Context().Conn()
		c.Context().SetBodyStream(w, -1)
		return
	}
	defer w.giveBack()
	if _, err := io.Copy(c, w); err != nil {
		panic(err) // every row can be encoded
	}
}

// Read implements io.Reader.
func (w *listWriter[R]) Read(p []byte) (int, error) {
	for w.text.Len() == 0 {
		if w.ended {
			return 0, io.EOF
		}
		if err := w.write(); err != nil {
			w.server.log.Warn("a list was cut", zap.Error(err))
			return 0, err
		}
	}
	return w.text.Read(p)
}

// Close implements io.Closer.
func (w *listWriter[R]) Close() error {
	w.giveBack()
	return nil
}

// write makes the text of the next row, or of the end.
func (w *listWriter[R]) write() error {
	if len(w.rows) == 0 && w.more {
		if err := w.turnPage(); err != nil {
			return err
		}
	}
	if len(w.rows) == 0 || w.limit > 0 && w.written == w.limit {
		return w.end()
	}
	if w.written > 0 {
		w.text.WriteByte(',')
	}
	w.last, w.rows = &w.rows[0], w.rows[1:]
	w.written++
	// The request's context ends with its handler.
	return encode(&w.text, w.view(context.WithValue(context.Background(), callerKey{}, w.caller), *w.last))
}

// turnPage reads the next page. A caller who does not take what is written in between within the
// write timeout is cut.
func (w *listWriter[R]) turnPage() error {
	ctx, cancel := context.WithTimeout(context.Background(), handleTimeout)
	defer cancel()
	if err := w.readPage(ctx); err != nil {
		return err
	}
	return w.conn.SetWriteDeadline(time.Now().Add(w.server.writeTimeout))
}

// end makes the text that ends the list and its object.
func (w *listWriter[R]) end() error {
	w.ended = true
	if len(w.rows) == 0 {
		w.text.WriteString(listEnd)
		return nil
	}
	w.text.WriteString(`],"next":`)
	err := encode(&w.text, w.next(*w.last))
	w.text.WriteByte('}')
	return err
}

// encode appends JSON as huma writes it, without the line break.
func encode(to *bytes.Buffer, v any) error {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	to.Truncate(to.Len() - 1)
	return err
}

// weighAnswer is the middleware that counts a large answer among those in hand until it is
// written.
func (s *Server) weighAnswer(c *fiber.Ctx) error {
	if err := c.Next(); err != nil {
		return err
	}
	answer := c.Response()
	if answer.IsBodyStream() || len(answer.Body()) <= smallAnswer {
		return nil
	}
	caller, _ := c.Locals(callerKey{}).(Caller)
	giveBack, err := s.answers.Take(c.UserContext(), caller.AppID, int64(len(answer.Body())))
	if err != nil {
		answer.Reset()
		setHeaders(c)
		return err
	}
	body := answer.SwapBody(nil)
	answer.SetBodyStream(&weighedAnswer{bytes.NewReader(body), giveBack}, len(body))
	return nil
}

// weighedAnswer is the body of an answer that counts until it is closed.
type weighedAnswer struct {
	*bytes.Reader
	giveBack func()
}

// Close implements io.Closer.
func (a *weighedAnswer) Close() error {
	a.giveBack()
	return nil
}
