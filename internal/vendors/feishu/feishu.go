// Package feishu is a simulated Feishu open platform: the four calls that the
// feishu_app channel makes, with the platform's own envelopes, checks and codes,
// and an inbox of what arrived. It can be told to misbehave.
package feishu

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Operations, for Fault.Where and Requests.
const (
	Token    = "token"
	Messages = "messages"
	Urgent   = "urgent"
	Users    = "users"
)

// Fault is a misbehaviour of the platform.
type Fault = vendors.Fault

// Platform is a simulated platform with one app. It serves the API and, at
// /inbox and /inbox.json, the inbox.
type Platform struct {
	appID, appSecret string
	inbox            *vendors.Inbox
	faults           vendors.Faults
	mux              *http.ServeMux
	logIDs           atomic.Uint64

	mu           sync.Mutex
	token        string
	sent         map[string]sent // by uuid
	requests     map[string]int  // by operation
	invalidUsers map[string]bool
	unknownMails map[string]bool
}

// sent is a message that its uuid stands for.
type sent struct {
	messageID string
	at        time.Time
}

// New returns a platform that knows one app and delivers to the inbox.
func New(appID, appSecret string, inbox *vendors.Inbox) *Platform {
	p := &Platform{
		appID: appID, appSecret: appSecret, inbox: inbox,
		mux:          http.NewServeMux(),
		token:        newToken(),
		sent:         map[string]sent{},
		requests:     map[string]int{},
		invalidUsers: map[string]bool{},
		unknownMails: map[string]bool{},
	}
	p.mux.HandleFunc("POST /open-apis/auth/v3/tenant_access_token/internal", p.serve(Token, p.issueToken))
	p.mux.HandleFunc("POST /open-apis/im/v1/messages", p.serve(Messages, p.authorized(p.createMessage)))
	p.mux.HandleFunc("PATCH /open-apis/im/v1/messages/{id}/{urgent}", p.serve(Urgent, p.authorized(p.urge)))
	p.mux.HandleFunc("POST /open-apis/contact/v3/users/batch_get_id", p.serve(Users, p.authorized(p.batchGetID)))
	p.mux.Handle("GET /inbox", inbox)
	p.mux.Handle("GET /inbox.json", inbox)
	return p
}

// ServeHTTP implements http.Handler.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

// Inbox returns the inbox that the platform delivers to.
func (p *Platform) Inbox() *vendors.Inbox { return p.inbox }

// Fail makes the platform have the fault.
func (p *Platform) Fail(f Fault) *vendors.Injection { return p.faults.Inject(f) }

// Requests returns how many requests for the operation came in.
func (p *Platform) Requests(operation string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests[operation]
}

// RevokeToken makes the token that was issued invalid.
func (p *Platform) RevokeToken() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token = newToken()
}

// InvalidUser makes urgent calls report the user as one they do not reach.
func (p *Platform) InvalidUser(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.invalidUsers[id] = true
}

// UnknownEmail makes the address one that nobody has. All others have a user.
func (p *Platform) UnknownEmail(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unknownMails[address] = true
}

func newToken() string { return "t-" + rand.Text() }

// answer is the platform's envelope.
type answer struct {
	status int

	Code int            `json:"code"`
	Msg  string         `json:"msg"`
	Data map[string]any `json:"data,omitempty"`
	// Of the token call, which has no data.
	Token  string `json:"tenant_access_token,omitempty"`
	Expire int    `json:"expire,omitempty"` // seconds
}

func success(data map[string]any) answer {
	return answer{status: http.StatusOK, Msg: "success", Data: data}
}

func refused(code int, format string, args ...any) answer {
	return answer{status: http.StatusBadRequest, Code: code, Msg: fmt.Sprintf(format, args...)}
}

// request is a request whose body was read.
type request struct {
	*http.Request
	body []byte
}

// maxBody bounds a request's body, in bytes.
const maxBody = 1 << 20

// serve counts the request, and lets it meet the fault that waits for it, before
// or after it takes effect.
func (p *Platform) serve(operation string, effect func(request) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			return // the client has gone or will not stop
		}
		p.mu.Lock()
		p.requests[operation]++
		p.mu.Unlock()

		fault := p.faults.Meet(operation)
		if fault == nil {
			p.reply(w, effect(request{r, body}))
			return
		}
		var a answer
		if fault.After {
			a = effect(request{r, body})
		}
		switch {
		case !fault.Hold(r.Context()):
		case fault.Reset:
			vendors.Cut(w)
		case fault.Answers():
			p.misreply(w, fault.Fault)
		case fault.After:
			p.reply(w, a)
		default:
			p.reply(w, effect(request{r, body}))
		}
	}
}

func (p *Platform) reply(w http.ResponseWriter, a answer) {
	p.header(w)
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a) // fails when the client has gone
}

// misreply gives the fault's answer.
func (p *Platform) misreply(w http.ResponseWriter, f vendors.Fault) {
	body := []byte(f.Body)
	if f.Code != "" {
		p.header(w)
		body, _ = json.Marshal(map[string]any{"code": json.Number(f.Code), "msg": f.Message})
	}
	for name, values := range f.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if f.HTTPStatus != 0 {
		w.WriteHeader(f.HTTPStatus)
	}
	_, _ = w.Write(body)
}

func (p *Platform) header(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Tt-Logid", fmt.Sprintf("%s%012X", time.Now().Format("20060102150405"), p.logIDs.Add(1)))
}

// authorized checks the token first.
func (p *Platform) authorized(effect func(request) answer) func(request) answer {
	return func(r request) answer {
		token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !found || token == "" {
			return refused(99991661, "Missing access token for authorization. Please make a request with token attached.")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if token != p.token {
			return refused(99991663, "Invalid access token for authorization. Please make a request with token attached.")
		}
		return effect(r)
	}
}

func (p *Platform) issueToken(r request) answer {
	var body struct {
		AppID     string `json:"app_id"`
		AppSecret string `json:"app_secret"`
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch err := json.Unmarshal(r.body, &body); {
	case err != nil || body.AppID != p.appID:
		return refused(10003, "invalid param")
	case body.AppSecret != p.appSecret:
		return refused(10014, "app secret invalid")
	}
	return answer{status: http.StatusOK, Msg: "ok", Token: p.token, Expire: 7200}
}
