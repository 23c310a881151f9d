package accepting

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// Request asks for one notification.
type Request struct {
	AppID          string // with TestSuffix when it is simulated
	IdempotencyKey string
	Channels       map[string]ChannelRequest // by channel name
	Recipients     []store.Recipient         // of the channels that have none of their own
	SendAt         *time.Time                // at most 90 days ahead; nil or past: at once
	ExpiresAt      *time.Time                // later than SendAt; nil: never
	Priority       store.Priority
	Test           bool    // a template is being tried
	Simulated      bool    // reaches nobody: the deliveries go through channels.Simulated
	Admin          bool    // may send the private templates of other apps
	Alerts         *Alerts `json:"-"` // nil: not from a source of alerts
	Limits         Limits  // of the app
}

// TestSuffix ends the app id of what was sent with a test secret. No app id has a colon, so
// such notifications, their keys and their limits are apart from those of the app.
const TestSuffix = ":test"

// ChannelRequest is what one channel sends.
type ChannelRequest struct {
	Template string
	Params   map[string]any // JSON values: nil, bool, json.Number, string, []any, map[string]any
	// Recipients are all that the channel sends to; nil: those of the Request that it takes.
	Recipients []store.Recipient `json:",omitempty"`
	// Mention are people whom each message mentions.
	Mention []store.Recipient `json:",omitempty"`
}

// Accepted is the answer to a Request that was accepted.
type Accepted struct {
	NotificationID uuid.UUID
	Deliveries     int
	Unmatched      []store.Recipient // fit none of the request's channels
	Replayed       bool              // the same request was accepted before; nothing new was written
}

// recipients returns how many the request has in all its lists.
func (r Request) recipients() int {
	n := len(r.Recipients)
	for _, c := range r.Channels {
		n += len(c.Recipients)
	}
	return n
}

// hash identifies what the request asks. The order of keys, of recipients and of mentions, and
// repeated ones, make no difference.
func (r Request) hash() []byte {
	byName := make(map[string]ChannelRequest, len(r.Channels))
	for name, c := range r.Channels {
		c.Recipients, c.Mention = inOrder(c.Recipients), inOrder(c.Mention)
		byName[name] = c
	}
	canonical, err := json.Marshal(struct {
		Channels          map[string]ChannelRequest
		Recipients        []store.Recipient
		SendAt, ExpiresAt *time.Time
		Priority          int
		Test              bool
	}{byName, inOrder(r.Recipients), r.SendAt, r.ExpiresAt, r.Priority.InQueue(), r.Test})
	if err != nil {
		panic(fmt.Sprintf("accepting: params are not JSON values: %v", err)) // Request says that they are
	}
	sum := sha256.Sum256(canonical)
	return sum[:]
}

// inOrder returns the addresses sorted, each once.
func inOrder(list []store.Recipient) []store.Recipient {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b store.Recipient) int {
		return strings.Compare(a.Type+"\x00"+a.Value, b.Type+"\x00"+b.Value)
	})
	return slices.Compact(sorted)
}
