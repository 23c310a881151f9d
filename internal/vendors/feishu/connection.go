package feishu

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/labring/sealos-notify/internal/vendors"
)

// maxConnections is how many long connections one app may have.
const maxConnections = 50

const (
	codeAuthFailed  = 514
	codeConnections = 1000040350
)

// listeners are the open long connections.
type listeners struct {
	mu      sync.Mutex
	open    []*connection
	changed chan struct{} // closed and replaced at each change
}

// connection is a long connection to a client.
type connection struct {
	ws      *websocket.Conn
	writing sync.Mutex

	mu      sync.Mutex
	waiting map[string]chan []byte // for the payload of an answer, by message id
}

// SetPing makes the platform ask its clients for a ping every so many seconds, from their next
// connection or pong on.
func (p *Platform) SetPing(seconds int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ping = seconds
}

// Split makes the platform send each event in n frames.
func (p *Platform) Split(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parts = n
}

// Connections returns the number of open long connections.
func (p *Platform) Connections() int {
	p.listeners.mu.Lock()
	defer p.listeners.mu.Unlock()
	return len(p.listeners.open)
}

// WaitConnections returns when n long connections are open, or ctx's error.
func (p *Platform) WaitConnections(ctx context.Context, n int) error {
	for {
		p.listeners.mu.Lock()
		open, changed := len(p.listeners.open), p.listeners.changed
		p.listeners.mu.Unlock()
		if open == n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %d long connections are open", ctx.Err(), open)
		}
	}
}

// Disconnect cuts all long connections.
func (p *Platform) Disconnect() {
	p.listeners.mu.Lock()
	defer p.listeners.mu.Unlock()
	for _, c := range p.listeners.open {
		vendors.Reset(c.ws.NetConn())
	}
}

// clientConfig is what the platform asks of its clients. It runs with p.mu held.
func (p *Platform) clientConfig() map[string]any {
	return map[string]any{"ReconnectCount": -1, "ReconnectInterval": 120, "ReconnectNonce": 30, "PingInterval": p.ping}
}

// endpoint returns where a client connects.
func (p *Platform) endpoint(r request) answer {
	var body struct{ AppID, AppSecret string }
	err := json.Unmarshal(r.body, &body)
	code := 0
	switch {
	case err != nil || body.AppID == "" || body.AppSecret == "":
		code = 1000040344
	case body.AppID != p.appID:
		code = 1000040346
	case body.AppSecret != p.appSecret:
		code = 1000040345
	}
	if code != 0 {
		return answer{status: http.StatusOK, Code: code, Msg: codes[strconv.Itoa(code)], Data: map[string]any{"URL": ""}}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ticket := rand.Text()
	p.tickets[ticket] = true
	scheme := "ws"
	if r.TLS != nil {
		scheme = "wss"
	}
	return success(map[string]any{
		"URL":          fmt.Sprintf("%s://%s/callback/ws/connect?device_id=%s&service_id=33554678&ticket=%s", scheme, r.Host, rand.Text()[:8], ticket),
		"ClientConfig": p.clientConfig(),
	})
}

// connect makes a request a long connection, and serves it until it ends.
func (p *Platform) connect(w http.ResponseWriter, r *http.Request) {
	if fault := p.Meet(Connect); fault != nil {
		if !fault.Hold(r.Context()) {
			return
		}
		if code, err := strconv.Atoi(fault.Code); err == nil {
			refuseHandshake(w, code, cmp.Or(fault.Message, codes[fault.Code]))
			return
		}
		if fault.HTTPStatus != 0 {
			w.WriteHeader(fault.HTTPStatus)
			return
		}
	}
	p.mu.Lock()
	ticket := r.URL.Query().Get("ticket")
	valid := p.tickets[ticket]
	delete(p.tickets, ticket)
	p.mu.Unlock()
	switch {
	case !valid:
		refuseHandshake(w, codeAuthFailed, codes["514"])
		return
	case p.Connections() >= maxConnections:
		refuseHandshake(w, codeConnections, codes[strconv.Itoa(codeConnections)])
		return
	}
	ws, err := new(websocket.Upgrader).Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	c := &connection{ws: ws, waiting: map[string]chan []byte{}}
	p.change(func(open []*connection) []*connection { return append(open, c) })
	p.serveConnection(c)
	p.change(func(open []*connection) []*connection {
		return slices.DeleteFunc(open, func(other *connection) bool { return other == c })
	})
	_ = ws.Close()
}

// refuseHandshake answers as the SDKs expect a refusal. The HTTP status of the real one is on no
// page.
func refuseHandshake(w http.ResponseWriter, code int, message string) {
	if code == codeConnections {
		w.Header().Set("Handshake-Autherrcode", strconv.Itoa(code))
		code = codeAuthFailed
	}
	w.Header().Set("Handshake-Status", strconv.Itoa(code))
	w.Header().Set("Handshake-Msg", message)
	w.WriteHeader(http.StatusForbidden)
}

func (p *Platform) change(list func([]*connection) []*connection) {
	p.listeners.mu.Lock()
	defer p.listeners.mu.Unlock()
	p.listeners.open = list(p.listeners.open)
	close(p.listeners.changed)
	p.listeners.changed = make(chan struct{})
}

// serveConnection answers pings and takes answers until the client has gone. A frame that it
// cannot read ends it.
func (p *Platform) serveConnection(c *connection) {
	for {
		_, message, err := c.ws.ReadMessage()
		if err != nil {
			return
		}
		f, err := parseFrame(message)
		if err != nil {
			return
		}
		switch {
		case f.method == 0 && f.header("type") == "ping" && p.Meet(Ping) != nil: // it has no answer
		case f.method == 0 && f.header("type") == "ping":
			p.mu.Lock()
			payload, _ := json.Marshal(p.clientConfig()) // it always encodes
			p.mu.Unlock()
			if c.write(frame{service: f.service, headers: [][2]string{{"type", "pong"}}, payload: payload}) != nil {
				return
			}
		case f.method == 1:
			c.mu.Lock()
			if waiting := c.waiting[f.header("message_id")]; waiting != nil {
				waiting <- f.payload
				delete(c.waiting, f.header("message_id"))
			}
			c.mu.Unlock()
		}
	}
}

func (c *connection) write(f frame) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_ = c.ws.SetWriteDeadline(time.Now().Add(5 * time.Second)) // the write has its error
	return c.ws.WriteMessage(websocket.BinaryMessage, f.bytes())
}

// push sends an event over one of the connections, and returns the payload of its answer.
func (p *Platform) push(ctx context.Context, event []byte) ([]byte, error) {
	p.listeners.mu.Lock()
	if len(p.listeners.open) == 0 {
		p.listeners.mu.Unlock()
		return nil, ErrNobodyListens
	}
	c := p.listeners.open[mathrand.IntN(len(p.listeners.open))] //nolint:gosec // which client gets an event is no secret
	p.listeners.mu.Unlock()

	id, answered := rand.Text(), make(chan []byte, 1)
	c.mu.Lock()
	c.waiting[id] = answered
	c.mu.Unlock()
	p.mu.Lock()
	parts := max(1, p.parts)
	p.mu.Unlock()
	for seq := range parts {
		part := event[len(event)*seq/parts : len(event)*(seq+1)/parts]
		if err := c.write(frame{seqID: uint64(seq) + 1, logID: 7, service: 33554678, method: 1, logIDNew: "log", payload: part, headers: [][2]string{
			{"type", "event"}, {"message_id", id}, {"sum", strconv.Itoa(parts)}, {"seq", strconv.Itoa(seq)},
			{"trace_id", rand.Text()}, {"timestamp", strconv.FormatInt(time.Now().UnixMilli(), 10)},
		}}); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	select {
	case payload := <-answered:
		return payload, nil
	case <-ctx.Done():
		return nil, ErrNoAnswer
	}
}
