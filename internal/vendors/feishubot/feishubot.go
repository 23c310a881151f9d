// Package feishubot is a simulated custom bot of a Feishu group: its webhook with
// the checks, codes and envelopes of the real one, and an inbox of what the group
// reads. It can be told to misbehave.
package feishubot

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Hook is the one operation, for Fault.Where.
const Hook = "hook"

// Path is where the webhook of a bot with the token is.
func Path(token string) string { return "/open-apis/bot/v2/hook/" + token }

// Fault is a misbehaviour of the bot.
type Fault = vendors.Fault

// Bot is a simulated bot. It serves its webhook and, at /inbox and /inbox.json,
// the inbox.
type Bot struct {
	token, secret string
	inbox         *vendors.Inbox
	faults        vendors.Faults
	mux           *http.ServeMux
	logIDs        atomic.Uint64

	mu       sync.Mutex
	requests int
	keyword  string
	limit    int
	window   time.Duration
	taken    []time.Time // when the last messages within the window came
}

// New returns a bot that delivers to the inbox. With a secret it takes signed
// messages only.
func New(token, secret string, inbox *vendors.Inbox) *Bot {
	b := &Bot{token: token, secret: secret, inbox: inbox, mux: http.NewServeMux()}
	b.mux.HandleFunc("POST "+Path("{token}"), b.serve)
	b.mux.Handle("GET /inbox", inbox)
	b.mux.Handle("GET /inbox.json", inbox)
	return b
}

// ServeHTTP implements http.Handler.
func (b *Bot) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.mux.ServeHTTP(w, r) }

// Inbox returns the inbox that the bot delivers to.
func (b *Bot) Inbox() *vendors.Inbox { return b.inbox }

// Fail makes the bot have the fault.
func (b *Bot) Fail(f Fault) *vendors.Injection { return b.faults.Inject(f) }

// Requests returns how many requests came in.
func (b *Bot) Requests() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.requests
}

// RequireKeyword makes the bot refuse messages without the word.
func (b *Bot) RequireKeyword(word string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keyword = word
}

// Limit makes the bot refuse what is more than n messages in any window of time.
// The real ones are 5 in a second and 100 in a minute.
func (b *Bot) Limit(n int, window time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit, b.window = n, window
}

// answer is the bot's envelope. Success has the older form beside the newer.
type answer struct {
	status int

	Code          int            `json:"code"`
	Msg           string         `json:"msg"`
	Data          map[string]any `json:"data"`
	StatusCode    *int           `json:"StatusCode,omitempty"`
	StatusMessage string         `json:"StatusMessage,omitempty"`
}

func success() answer {
	zero := 0
	return answer{status: http.StatusOK, Msg: "success", Data: map[string]any{}, StatusCode: &zero, StatusMessage: "success"}
}

func refused(code int, msg string) answer {
	return answer{status: http.StatusOK, Code: code, Msg: msg, Data: map[string]any{}}
}

// serve lets a request meet the fault that waits for it, before or after it takes
// effect.
func (b *Bot) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return // the client has gone or will not stop
	}
	b.mu.Lock()
	b.requests++
	b.mu.Unlock()

	fault := b.faults.Meet(Hook)
	if fault == nil {
		b.reply(w, b.post(r, body))
		return
	}
	var a answer
	if fault.After {
		a = b.post(r, body)
	}
	switch {
	case !fault.Hold(r.Context()):
	case fault.Reset:
		vendors.Cut(w)
	case fault.Answers():
		b.misreply(w, fault.Fault)
	case fault.After:
		b.reply(w, a)
	default:
		b.reply(w, b.post(r, body))
	}
}

func (b *Bot) reply(w http.ResponseWriter, a answer) {
	b.header(w)
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a) // fails when the client has gone
}

// misreply gives the fault's answer.
func (b *Bot) misreply(w http.ResponseWriter, f vendors.Fault) {
	body := []byte(f.Body)
	if f.Code != "" {
		b.header(w)
		body, _ = json.Marshal(map[string]any{"code": json.Number(f.Code), "msg": f.Message, "data": map[string]any{}})
	}
	for name, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if f.HTTPStatus != 0 {
		w.WriteHeader(f.HTTPStatus)
	}
	_, _ = w.Write(body)
}

func (b *Bot) header(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Tt-Logid", fmt.Sprintf("%s%012X", time.Now().Format("20060102150405"), b.logIDs.Add(1)))
}
