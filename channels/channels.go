// Package channels is the contract between the service and what delivers a
// message: the providers of the six channels.
//
// A provider type describes itself as data (Type) and sends through one method
// (Sender). Everything that can go wrong is an Error with a Class; the class,
// and nothing else, decides what happens next. The package imports nothing of
// ours, so a channel can be read and tested alone.
package channels

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Recipient types a caller may use. Which channel takes which is in Type.
const (
	RecipientEmail        = "email"
	RecipientPhone        = "phone"
	RecipientUserID       = "user_id"
	RecipientFeishuUserID = "feishu_user_id"
)

// Recipient is one address a message goes to.
type Recipient struct {
	Type  string // one of the Recipient… constants
	Value string
}

// Message is one rendered message on its way to one recipient.
type Message struct {
	// DeliveryID is the same on every attempt. Each provider presents it to the
	// vendor wherever the vendor has a place for such a mark.
	DeliveryID uuid.UUID
	// Attempt counts from 1; a throttled attempt is not counted.
	Attempt   int
	Recipient Recipient

	MsgType string // one of the type's MsgTypes
	Subject string // e-mail and in-app only
	Body    string
	// TemplateCode and Params are for vendors that render themselves (SMS,
	// voice). Params is a JSON object.
	TemplateCode string
	Params       json.RawMessage
}

// Receipt is what a provider keeps of a delivery that succeeded.
type Receipt struct {
	// Details are shown by the API beside the delivery (for example the
	// vendor's message id). No secret belongs here.
	Details map[string]any
}

// Sender makes one provider call for one message.
//
// Send honours ctx's deadline, is safe for concurrent use, and returns an *Error
// (possibly wrapped) for every failure it understands; any other error is taken
// as transient.
type Sender interface {
	Send(ctx context.Context, m Message) (Receipt, error)
}

// Format says how the values put into a template are escaped.
type Format string

// Formats of a message body.
const (
	FormatText Format = "text" // as they are
	FormatJSON Format = "json" // for the place in the JSON document they stand in
	FormatHTML Format = "html" // for the place in the HTML document they stand in
)

// MsgType is a kind of message body that a channel takes.
type MsgType struct {
	Name   string
	Format Format
}

// Type describes a provider type, as data.
type Type struct {
	// Name is the value of `type` in the configuration, for example "feishu_app".
	Name string
	// Channel is the channel that providers of this type serve.
	Channel string
	// RecipientTypes are the recipient types the channel takes.
	RecipientTypes []string
	// MsgTypes are the kinds of body the channel takes; the first is used when
	// neither the template nor the provider names one.
	MsgTypes []MsgType
	// TemplateCode says that the vendor renders from a template of its own:
	// templates of the channel need a templateCode, and their body is for people only.
	TemplateCode bool
	// Dedupes says that the vendor drops a repeated delivery id.
	Dedupes bool
	// Urgent says that the channel can remind the recipient beyond the message itself.
	Urgent bool
	// OnUncertain is what happens to a delivery whose request left and whose
	// answer never came, unless the provider's configuration says otherwise.
	OnUncertain OnUncertain
	// NewConfig returns the type's configuration, filled with its defaults.
	NewConfig func() Config
}

// MsgType returns the type's message kind of that name; the empty name is the
// first one.
func (t Type) MsgType(name string) (MsgType, bool) {
	for i, mt := range t.MsgTypes {
		if mt.Name == name || (name == "" && i == 0) {
			return mt, true
		}
	}
	return MsgType{}, false
}

// Abilities names what the type can beyond plain text: "dedupe" (the vendor drops
// a repeated delivery id), "html", "urgent", "vendor-template" (the vendor renders).
func (t Type) Abilities() []string {
	var can []string
	if t.Dedupes {
		can = append(can, "dedupe")
	}
	if slices.ContainsFunc(t.MsgTypes, func(m MsgType) bool { return m.Format == FormatHTML }) {
		can = append(can, "html")
	}
	if t.Urgent {
		can = append(can, "urgent")
	}
	if t.TemplateCode {
		can = append(can, "vendor-template")
	}
	return can
}

// OnUncertain is what to do with a delivery that may or may not have arrived.
type OnUncertain string

const (
	// Resend sends again: the vendor drops the duplicate, or a duplicate is harmless.
	Resend OnUncertain = "resend"
	// Hold makes the delivery dead with code CodeUncertainOutcome, to be replayed by hand.
	Hold OnUncertain = "hold"
)

// Config is a provider's configuration. Each type has its own struct with yaml
// tags; fields tagged `secret:"true"` are never shown, and fields tagged
// `required:"true"` are checked before Validate.
type Config interface {
	// Common returns the keys that every provider type shares.
	Common() *CommonConfig
	// Validate checks the values. Its error is a *KeyError.
	Validate() error
	// Open makes the sender. It makes no network call.
	Open() (Sender, error)
}

// CommonConfig holds the keys that every provider type shares. Embed it with
// `yaml:",inline"`.
type CommonConfig struct {
	Type        string      `yaml:"type" required:"true" doc:"provider type"`
	OnUncertain OnUncertain `yaml:"onUncertain" doc:"resend or hold a delivery whose answer was lost; the type's default when empty"`
	RateLimit   RateLimit   `yaml:"rateLimit" doc:"most calls, over all replicas"`
}

// RateLimit bounds the calls to a provider, over all replicas together. 0 is no
// limit. Calls are spread evenly, so that no window of the vendor's sees more.
type RateLimit struct {
	PerSecond int `yaml:"perSecond" doc:"most calls in a second; 0 for no limit"`
	PerMinute int `yaml:"perMinute" doc:"most calls in a minute; 0 for no limit"`
}

// Interval is the time from one call to the next; 0 without a limit.
func (r RateLimit) Interval() time.Duration {
	var interval time.Duration
	if r.PerSecond > 0 {
		interval = time.Second / time.Duration(r.PerSecond)
	}
	if r.PerMinute > 0 {
		interval = max(interval, time.Minute/time.Duration(r.PerMinute))
	}
	return interval
}

// Common implements Config for the struct that embeds CommonConfig.
func (c *CommonConfig) Common() *CommonConfig { return c }

// Prober is a Sender that can say whether its provider would take a message,
// without sending one.
type Prober interface {
	// Probe reaches the provider: address, credentials, permissions. Its error is
	// an *Error.
	Probe(ctx context.Context) error
}

// RecipientChecker is a Sender that takes only some addresses of a type it
// serves: a country's phone numbers, say.
type RecipientChecker interface {
	// CheckRecipient says why the provider would not take the address. Its error
	// does not repeat the address.
	CheckRecipient(r Recipient) error
}

// MsgTyper is a Config with a default message type of its own.
type MsgTyper interface {
	DefaultMsgType() string
}
