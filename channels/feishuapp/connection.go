package feishuapp

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/labring/sealos-notify/channels"
)

const (
	// defaultPing is the time from one ping to the next, until the platform names another.
	defaultPing = 2 * time.Minute
	// eventTime bounds what an event takes. The platform waits 3 s.
	eventTime = 2500 * time.Millisecond
	// eventsAtOnce bounds the events that are taken at the same time; the others wait.
	eventsAtOnce = 16
	// writeTime bounds the write of a frame.
	writeTime = 5 * time.Second
	// partsTime is how long the parts of an event are kept while others are missing, and maxParts
	// how many events may have some.
	partsTime = 5 * time.Second
	maxParts  = 64
)

// connection is an open long connection.
type connection struct {
	sender  *sender
	events  channels.Events
	service uint64
	ping    atomic.Int64 // a time.Duration

	writing sync.Mutex
	conn    *websocket.Conn

	parts map[string]*parts // by message id; only the reader uses it
}

// parts are those of an event that came in several frames.
type parts struct {
	since time.Time
	list  [][]byte
}

func newConnection(s *sender, conn *websocket.Conn, address *url.URL, config clientConfig, events channels.Events) *connection {
	c := &connection{sender: s, events: events, conn: conn, parts: map[string]*parts{}}
	c.service, _ = strconv.ParseUint(address.Query().Get("service_id"), 10, 31) // 0 as the SDK has it
	c.configure(config)
	return c
}

func (c *connection) configure(config clientConfig) {
	interval := time.Duration(config.PingInterval) * time.Second
	if interval <= 0 {
		interval = defaultPing
	}
	c.ping.Store(int64(interval))
}

// serve takes events until ctx ends or the connection breaks. Those that were begun are answered
// in both cases.
func (c *connection) serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = c.conn.NetConn().SetReadDeadline(time.Now()) })() // it wakes the reader
	ctx, cancel := context.WithCancel(ctx)
	var pinger sync.WaitGroup
	pinger.Go(func() { c.pingUntil(ctx) })
	c.events.Listening()

	var taking errgroup.Group
	taking.SetLimit(eventsAtOnce)
	err := c.read(ctx, &taking)
	_ = taking.Wait() // its functions return no error
	cancel()
	pinger.Wait()
	goodbye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = c.conn.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(time.Second)) // it may be broken
	_ = c.conn.Close()
	return &channels.Error{Class: channels.Transient, Code: codeDisconnected, Message: "the long connection broke", Cause: err}
}

// pingUntil pings until ctx ends. A ping that cannot be written breaks the connection.
func (c *connection) pingUntil(ctx context.Context) {
	for {
		ping := frame{service: c.service, method: methodControl, headers: []header{{"type", "ping"}}}
		if c.write(&ping) != nil {
			_ = c.conn.Close()
			return
		}
		select {
		case <-time.After(time.Duration(c.ping.Load())):
		case <-ctx.Done():
			return
		}
	}
}

func (c *connection) write(f *frame) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	return c.conn.WriteMessage(websocket.BinaryMessage, f.marshal())
}

// read reads frames until ctx ends or the connection breaks. A platform that has answered no ping
// for two of them is gone.
func (c *connection) read(ctx context.Context, taking *errgroup.Group) error {
	for {
		silence := 2*time.Duration(c.ping.Load()) + writeTime
		if err := c.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		if ctx.Err() != nil { // after the deadline was set, which would undo the one that ends it
			return ctx.Err()
		}
		kind, message, err := c.conn.ReadMessage()
		if err != nil {
			return err
		}
		f, err := unmarshalFrame(message)
		if kind != websocket.BinaryMessage || err != nil {
			continue // as the SDK does
		}
		switch {
		case f.method == methodControl && f.get("type") == "pong":
			var config clientConfig
			if json.Unmarshal(f.payload, &config) == nil { // it may have none
				c.configure(config)
			}
		case f.method == methodData && f.get("type") == "event":
			if payload := c.whole(f); payload != nil {
				taking.Go(func() error {
					c.take(ctx, f, payload)
					return nil
				})
			}
		}
	}
}

// whole returns the payload of a frame's event; nil while parts of it are missing.
func (c *connection) whole(f *frame) []byte {
	id, sum, seq := f.get("message_id"), f.number("sum"), f.number("seq")
	if sum <= 1 {
		return f.payload
	}
	for other, p := range c.parts {
		if time.Since(p.since) > partsTime {
			delete(c.parts, other)
		}
	}
	p := c.parts[id]
	if p == nil {
		if len(c.parts) == maxParts || sum > maxParts {
			return nil
		}
		p = &parts{since: time.Now(), list: make([][]byte, sum)}
		c.parts[id] = p
	}
	if seq < 0 || seq >= len(p.list) {
		return nil
	}
	p.list[seq] = f.payload
	if slices.ContainsFunc(p.list, func(part []byte) bool { return part == nil }) {
		return nil
	}
	delete(c.parts, id)
	return slices.Concat(p.list...)
}

// take takes an event and answers its frame: with the same headers, as the SDK does. The end of
// the connection does not cut it.
func (c *connection) take(ctx context.Context, f *frame, payload []byte) {
	started := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eventTime)
	defer cancel()
	answer := struct {
		Code    int               `json:"code"`
		Headers map[string]string `json:"headers"`
		Data    []byte            `json:"data"`
	}{Code: http.StatusOK}
	data, err := c.sender.takeEvent(ctx, payload, c.events)
	if err == nil && data != nil {
		answer.Data, err = json.Marshal(data)
	}
	if err != nil {
		answer.Code = http.StatusInternalServerError
	}
	f.headers = append(f.headers, header{"biz_rt", strconv.FormatInt(time.Since(started).Milliseconds(), 10)})
	f.payload, err = json.Marshal(answer)
	if err == nil {
		_ = c.write(f) // the reader sees a broken connection, and the platform sends the event again
	}
}
