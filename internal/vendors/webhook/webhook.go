// Package webhook is a simulated receiver of webhooks. It follows the specification of Standard
// Webhooks, https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md:
// it checks signatures with the specification's own library, and drops a webhook-id that it has.
package webhook

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Hook is the one operation, for Fault.Where.
const Hook = "hook"

// Path is the path of the receiver's address.
const Path = "/hooks/notify"

// Faults are the receiver's faults by name.
var Faults = vendors.Named(Hook,
	vendors.Fault{HTTPStatus: http.StatusTooManyRequests},
	vendors.Fault{HTTPStatus: http.StatusUnprocessableEntity, Body: `{"ok":false}`},
	vendors.Fault{HTTPStatus: http.StatusUnauthorized, Body: `{"ok":false}`},
)

// Receiver is a simulated receiver.
type Receiver struct {
	*vendors.API
	token  string
	verify *standardwebhooks.Webhook

	mu   sync.Mutex
	seen map[string]bool // ids of messages that were taken
}

// New returns a receiver that delivers to the inbox. It takes requests that have the token in
// Authorization, as Bearer, and are signed with Secret of the token.
func New(token string, inbox *vendors.Inbox) *Receiver {
	verify, err := standardwebhooks.NewWebhook(Secret(token))
	if err != nil {
		panic(err) // the secret is ours
	}
	r := &Receiver{API: vendors.NewAPI(inbox), token: token, verify: verify, seen: map[string]bool{}}
	r.HandleFunc(Path, func(w http.ResponseWriter, req *http.Request) {
		r.Answer(w, req, Hook, func(body []byte) vendors.Answer { return r.take(req, body) }, refuse)
	})
	return r
}

// Secret returns the secret that signs requests to a receiver with the token.
func Secret(token string) string {
	key := sha256.Sum256([]byte(token))
	return "whsec_" + base64.StdEncoding.EncodeToString(key[:])
}

// refuse returns the answer of a fault with a code: HTTP 200, and not ok.
func refuse(f vendors.Fault) vendors.Answer {
	return vendors.Answer{Status: max(f.HTTPStatus, http.StatusOK), Body: map[string]any{"ok": false, "error": cmp.Or(f.Message, f.Code)}}
}

func refused(status int, why string) vendors.Answer {
	return refuse(vendors.Fault{HTTPStatus: status, Message: why})
}

func (r *Receiver) take(req *http.Request, body []byte) vendors.Answer {
	id := req.Header.Get(standardwebhooks.HeaderWebhookID)
	r.Inbox().Request(id)
	switch {
	case req.Header.Get("Authorization") != "Bearer "+r.token:
		return refused(http.StatusUnauthorized, "unknown token")
	case r.verify.Verify(body, req.Header) != nil:
		return refused(http.StatusUnauthorized, "bad signature")
	case !json.Valid(body):
		return refused(http.StatusBadRequest, "not JSON")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.seen[id] {
		r.seen[id] = true
		r.Inbox().Add(vendors.Arrival{
			ID: rand.Text(), Channel: "webhook", To: req.URL.Path, Kind: "json", Text: string(body), Mark: id,
		})
	}
	return vendors.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: map[string]any{"ok": true}}
}
