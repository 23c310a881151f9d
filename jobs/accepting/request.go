package accepting

import (
	"cmp"
	"crypto/sha256"
	"reflect"
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
	Recipients     []Recipient               // of the channels that have none of their own
	SendAt         *time.Time                // at most 90 days ahead; nil or past: at once
	ExpiresAt      *time.Time                // later than SendAt; nil: never
	Priority       store.Priority
	Kind           string  // name of a kind; empty: none
	Thread         string  // name of the thread; empty: none
	Resolved       bool    // what the thread is about is over
	Locale         string  // of recipients that have none; empty: none
	Test           bool    // a template is being tried
	Simulated      bool    // reaches nobody: the deliveries go through channels.Simulated
	Admin          bool    // may send the private templates of other apps
	Alerts         *Alerts `json:"-"` // nil: not from a source of alerts
	Limits         Limits  // of the app
	Acknowledge    bool    // somebody is asked to acknowledge it; so they are with Escalation
	Escalation     []Step  // what is sent until then
	Repeat         int     // how often Escalation begins again
}

// TestSuffix ends the app id of what was sent with a test secret. No app id has a colon, so
// such notifications, their keys and their limits are apart from those of the app.
const TestSuffix = ":test"

// ChannelRequest is what one channel sends.
type ChannelRequest struct {
	Template string
	Params   map[string]any // JSON values: nil, bool, json.Number, string, []any, map[string]any
	// Recipients are all that the channel sends to; nil: those of the Request that it takes.
	Recipients []Recipient `json:",omitempty"`
	// Mention are people whom each message mentions.
	Mention []store.Recipient `json:",omitempty"`
}

// Recipient is who gets what a channel sends.
type Recipient struct {
	store.Recipient
	Params   map[string]any `json:",omitempty"` // JSON values, which go before those of the channel
	Locale   string         `json:",omitempty"` // chooses among a template's texts; empty: the Request's
	TimeZone string         `json:",omitempty"` // IANA name; empty: the kind's
}

// To returns recipients without params of their own; nil when there are none.
func To(addresses ...store.Recipient) []Recipient {
	var list []Recipient
	for _, a := range addresses {
		list = append(list, Recipient{Recipient: a})
	}
	return list
}

// Accepted is the answer to a Request that was accepted.
type Accepted struct {
	NotificationID uuid.UUID
	Deliveries     int
	Unmatched      []store.Recipient // fit none of the request's channels
	Withheld       store.Amounts     // deliveries that were not sent, by code; nil: none
	Reach          *store.Reach      // nil: it names no contact and no group, or has an Expansion
	Expansion      *store.Expansion  // nil: all deliveries were made
	IncidentID     uuid.UUID         // of the incident that it opened; uuid.Nil: none
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
	steps := slices.Clone(r.Escalation)
	for i, s := range steps {
		steps[i].Channels, steps[i].Recipients = channelsInOrder(s.Channels), inOrder(s.Recipients, address)
	}
	sum := sha256.Sum256(canonical(struct {
		Channels          map[string]ChannelRequest
		Recipients        []Recipient
		SendAt, ExpiresAt *time.Time
		Priority          int
		Kind              string `json:",omitempty"`
		Test              bool
		Locale            string `json:",omitempty"`
		Thread            string `json:",omitempty"`
		Resolved          bool   `json:",omitempty"`
		Acknowledge       bool   `json:",omitempty"`
		Escalation        []Step `json:",omitempty"`
		Repeat            int    `json:",omitempty"`
	}{
		channelsInOrder(r.Channels), inOrder(r.Recipients, address), r.SendAt, r.ExpiresAt, r.Priority.InQueue(), r.Kind, r.Test, r.Locale,
		r.Thread, r.Resolved, r.Acknowledge, steps, r.Repeat,
	}))
	return sum[:]
}

// channelsInOrder returns the channels with their recipients and mentions in order.
func channelsInOrder(channels map[string]ChannelRequest) map[string]ChannelRequest {
	longest := 0
	for _, c := range channels {
		longest = max(longest, len(c.Recipients), len(c.Mention))
	}
	if longest < 2 {
		return channels // as usually: their recipients are the request's
	}
	byName := make(map[string]ChannelRequest, len(channels))
	for name, c := range channels {
		c.Recipients = inOrder(c.Recipients, address)
		c.Mention = inOrder(c.Mention, func(r store.Recipient) store.Recipient { return r })
		byName[name] = c
	}
	return byName
}

// inOrder returns a list sorted by address, without repetitions.
func inOrder[T any](list []T, address func(T) store.Recipient) []T {
	if len(list) < 2 {
		return list
	}
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b T) int {
		x, y := address(a), address(b)
		return cmp.Or(strings.Compare(x.Type, y.Type), strings.Compare(x.Value, y.Value))
	})
	return slices.CompactFunc(sorted, func(a, b T) bool { return address(a) == address(b) && reflect.DeepEqual(a, b) })
}

func address(r Recipient) store.Recipient { return r.Recipient }
