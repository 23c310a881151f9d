// Package channels is the contract between the service and the providers that
// deliver its messages.
//
// A provider type describes itself as data (Type) and sends through one method
// (Sender). Every failure is an Error with a Class, and the class alone decides
// what happens next. The package imports nothing else of the service, so a channel
// can be read and tested alone.
package channels

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Message is one rendered message on its way to one recipient.
type Message struct {
	// DeliveryID is the same on every attempt. The provider sends it to the vendor
	// wherever the vendor has a field for it. In a thread it may be that of an earlier delivery,
	// which may have sent the message.
	DeliveryID uuid.UUID
	// Attempt counts from 1; a throttled attempt is not counted.
	Attempt   int
	Recipient Recipient
	// Mention are people whom the message mentions, beside its recipient.
	Mention []Recipient

	MsgType string // one of the type's MsgTypes
	Subject string // e-mail and in-app only
	Body    string
	// TemplateCode and Params are for vendors that render themselves (SMS,
	// voice). Params is a JSON object.
	TemplateCode string
	Params       json.RawMessage
	// Unsubscribe is an https address at which one POST, which needs nothing else, switches such
	// messages off for the recipient; empty: none.
	Unsubscribe string
	// ExpiresAt is when the message is of no use any more; zero: never.
	ExpiresAt time.Time
	// Urgent is the kind of urgent call after the message, one of the type's, in place of the
	// provider's; empty: the provider's.
	Urgent string
	// Button is shown below the message, where the vendor and the message's type have buttons.
	Button *Button
	// Note is a line below the message, in the place of the button, where there could be one.
	Note string
	// InThread is true when a later message may edit this one. Resolved is true when what the
	// thread is about is over.
	InThread, Resolved bool
}

// Receipt describes a delivery that succeeded.
type Receipt struct {
	// Details are shown by the API, for example the vendor's message id. They hold
	// no secret.
	Details map[string]any
	// Reference is what an Updater or an Urger needs to find the message again; at most 1 KB, and no secret.
	Reference string
	// MessageID is the vendor's id of the message, when the provider's Listener tells of it; empty
	// otherwise.
	MessageID string
	// Urgent is why the urgent call after the message failed, as an *Error; nil otherwise.
	// The delivery is a success all the same.
	Urgent error
}

// Sender makes one provider call for one message.
//
// Send honours ctx's deadline and is safe for concurrent use. It returns an *Error,
// possibly wrapped, for every failure it knows. Any other error counts as transient.
type Sender interface {
	Send(ctx context.Context, m Message) (Receipt, error)
}

// Format is how the values in a template are escaped.
type Format string

// Formats of a message body.
const (
	FormatText Format = "text" // not at all
	FormatJSON Format = "json" // for their position in the JSON document
	FormatHTML Format = "html" // for their position in the HTML document
)

// Placeholder stands for a value that is not known yet, in a body that a MsgType checks.
const Placeholder = "‹›"

// MsgType is a kind of message body that a channel accepts.
type MsgType struct {
	Name   string
	Format Format
	// Check returns what is wrong with a body, as far as it shows before the body is sent.
	// Placeholder may stand in it for any value. Nil checks nothing.
	Check func(body string) error
	// MaxBody is how many bytes the vendor takes, a text as JSON; 0: as many as a template
	// may make.
	MaxBody int
	// Buttons is true when a message can have a Button, or a Note in its place.
	Buttons bool
	// Unquoted is true when MaxBody is about the bytes of a text itself.
	Unquoted bool
	// MentionRoom returns how many bytes of MaxBody the mention of an address takes, at most.
	// Nil: 64 beside the address.
	MentionRoom func(address string) int
}

// Text is a rendered text of a message.
type Text struct{ Subject, Body string }

// Combine returns the type and the body of one message with texts in several languages, by locale.
// They are of the given type, and own is the locale that fits the recipient best.
type Combine func(msgType, own string, texts map[string]Text) (combinedType, body string, err error)

// Type describes a provider type, as data.
type Type struct {
	// Name is the value of `type` in the configuration, for example "feishu_app".
	Name string
	// Channel is the channel that providers of this type serve.
	Channel string
	// RecipientTypes are the recipient types that the channel accepts.
	RecipientTypes []*RecipientType
	// MsgTypes are the kinds of body that the channel accepts. The first is used
	// when neither the template nor the provider names one.
	MsgTypes []MsgType
	// Subject is true when messages have a subject beside their body.
	Subject bool
	// TemplateCode is true when the vendor renders a template of its own. Templates
	// of the channel then need a templateCode, and their body is not sent.
	TemplateCode bool
	// Dedupes is true when the vendor drops a repeated delivery id.
	Dedupes bool
	// Urgent are the kinds of urgent calls that can remind the recipient of a message; nil: the channel
	// has none.
	Urgent []string
	// Edits is true when its Sender is an Updater.
	Edits bool
	// Combine makes one message of a template's texts in all its languages. Nil: a message has
	// one language.
	Combine Combine
	// OnUncertain is the default for a delivery whose request was sent and whose
	// answer was lost. The provider's configuration overrides it.
	OnUncertain OnUncertain
	// AskInterval is the time from one question to the next, over all replicas, for senders that are
	// an Asker; 0: they are not.
	AskInterval time.Duration
	// NewConfig returns a configuration that holds the defaults.
	NewConfig func() Config
}

// Accepts reports whether the channel accepts recipients of the type with the name.
func (t Type) Accepts(recipientType string) bool {
	return slices.ContainsFunc(t.RecipientTypes, func(r *RecipientType) bool { return r.Name == recipientType })
}

// NamesProvider reports whether the addresses of the recipient type with the name are names
// of providers.
func (t Type) NamesProvider(recipientType string) bool {
	return slices.ContainsFunc(t.RecipientTypes, func(r *RecipientType) bool { return r.Name == recipientType && r.NamesProvider })
}

// IsNamed reports whether recipients may name providers of the type.
func (t Type) IsNamed() bool {
	return slices.ContainsFunc(t.RecipientTypes, func(r *RecipientType) bool { return r.NamesProvider })
}

// WithMentions returns the type with message types that leave room for mentioning the addresses.
func (t Type) WithMentions(addresses []string) Type {
	if len(addresses) == 0 {
		return t
	}
	t.MsgTypes = slices.Clone(t.MsgTypes)
	for i := range t.MsgTypes {
		m := &t.MsgTypes[i]
		if m.MaxBody == 0 {
			continue
		}
		for _, address := range addresses {
			m.MaxBody -= m.mentionRoom(address)
		}
		m.MaxBody = max(1, m.MaxBody)
	}
	return t
}

// mentionRoom returns how many bytes of MaxBody a mention takes, at most.
func (m MsgType) mentionRoom(address string) int {
	if m.MentionRoom != nil {
		return m.MentionRoom(address)
	}
	return len(address) + 64 // the tags of Feishu's messages
}

// MsgType returns the message type with the name; the first one when name is empty.
func (t Type) MsgType(name string) (MsgType, bool) {
	for i, mt := range t.MsgTypes {
		if mt.Name == name || (name == "" && i == 0) {
			return mt, true
		}
	}
	return MsgType{}, false
}

// Abilities returns what the type can do beyond plain text: "dedupe" (the vendor
// drops a repeated delivery id), "edit" (a later message of a thread edits an earlier one), "html",
// "receipts" (the vendor tells what became of a message), "urgent", "vendor-template" (the vendor renders).
func (t Type) Abilities() []string {
	var abilities []string
	if t.Dedupes {
		abilities = append(abilities, "dedupe")
	}
	if t.Edits {
		abilities = append(abilities, "edit")
	}
	if slices.ContainsFunc(t.MsgTypes, func(m MsgType) bool { return m.Format == FormatHTML }) {
		abilities = append(abilities, "html")
	}
	if t.AskInterval > 0 {
		abilities = append(abilities, "receipts")
	}
	if len(t.Urgent) > 0 {
		abilities = append(abilities, "urgent")
	}
	if t.TemplateCode {
		abilities = append(abilities, "vendor-template")
	}
	return abilities
}

// OnUncertain is what happens to a delivery that may or may not have arrived.
type OnUncertain string

const (
	// Resend sends again: the vendor drops the duplicate, or a duplicate is harmless.
	Resend OnUncertain = "resend"
	// Hold makes the delivery dead with CodeUncertainOutcome, to be replayed by hand.
	Hold OnUncertain = "hold"
)

// Config is a provider's configuration. Each type has its own struct with yaml
// tags. Fields tagged `secret:"true"` are never shown. Fields tagged
// `required:"true"` are checked before Validate.
type Config interface {
	// Common returns the keys that all provider types share.
	Common() *CommonConfig
	// Validate checks the values. Its error is a *KeyError.
	Validate() error
	// Open returns the sender. It makes no network call.
	Open() (Sender, error)
}

// CommonConfig holds the keys that all provider types share. Embed it with
// `yaml:",inline"`.
type CommonConfig struct {
	Type        string      `yaml:"type" required:"true" doc:"provider type"`
	OnUncertain OnUncertain `yaml:"onUncertain" doc:"resend or hold when an answer is lost; empty: the type's default"`
	RateLimit   RateLimit   `yaml:"rateLimit" doc:"most calls by all replicas together"`
	Tries       `yaml:",inline"`
}

// Tries is how deliveries are tried. A provider and a channel may have some of it: the
// provider's counts before the channel's, and that before the `defaults` section.
type Tries struct {
	MaxRetry            *int  `yaml:"maxRetry" doc:"retries after the first attempt, instead of the channel's or defaults.maxRetry"`
	RetryBackoffSeconds []int `yaml:"retryBackoffSeconds" doc:"wait before each retry; the last one repeats"`
	TimeoutSeconds      *int  `yaml:"timeoutSeconds" doc:"longest provider call"`
}

// Or returns t with what it lacks taken from the other.
func (t Tries) Or(other Tries) Tries {
	if t.MaxRetry == nil {
		t.MaxRetry = other.MaxRetry
	}
	if t.RetryBackoffSeconds == nil {
		t.RetryBackoffSeconds = other.RetryBackoffSeconds
	}
	if t.TimeoutSeconds == nil {
		t.TimeoutSeconds = other.TimeoutSeconds
	}
	return t
}

// RateLimit bounds the calls to a provider by all replicas together. 0 is no limit.
// Calls are spread evenly, so that no time window of the vendor exceeds its limit.
type RateLimit struct {
	PerSecond int `yaml:"perSecond" doc:"in a second; 0: no limit"`
	PerMinute int `yaml:"perMinute" doc:"in a minute; 0: no limit"`
}

// Interval returns the time from one call to the next; 0 without a limit.
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

// Prober is a Sender that can check its provider without sending a message.
type Prober interface {
	// Probe checks the address, the credentials and the permissions as far as the
	// vendor allows. Its error is an *Error.
	Probe(ctx context.Context) error
}

// Updater is a Sender that can edit a message which it sent.
type Updater interface {
	// Update edits the message that has the reference of an earlier Receipt. m.DeliveryID is the one
	// that it was sent with. A repeated Update does no harm. A permanent error means that the message
	// cannot be edited, or not into this one; then m is sent as a new message. Other errors are as
	// Send's.
	Update(ctx context.Context, reference string, m Message) (Receipt, error)
}

// Expirer is a Sender whose messages stay with the vendor until they are deleted.
type Expirer interface {
	// Expire deletes the messages that were sent before the given time and those whose
	// ExpiresAt has passed. It returns how many, also with an error.
	Expire(ctx context.Context, before time.Time) (int, error)
}

// RecipientChecker is a Sender that accepts only some addresses of a recipient
// type, such as the phone numbers of one country.
type RecipientChecker interface {
	// CheckRecipient returns an error when the provider does not accept the address.
	// The error does not repeat the address.
	CheckRecipient(r Recipient) error
}

// Mentioner is a Sender whose messages can mention people.
type Mentioner interface {
	// CheckMention returns an error when a message to the recipient cannot mention the
	// person. The error repeats neither.
	CheckMention(to, person Recipient) error
}

// AppLister is a Config of a provider that only some apps may send through.
type AppLister interface {
	// AllowedApps returns their ids; nil: all apps may.
	AllowedApps() []string
}

// MsgTyper is a Config with a default message type of its own.
type MsgTyper interface {
	DefaultMsgType() string
}
