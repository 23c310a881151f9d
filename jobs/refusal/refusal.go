// Package refusal is the error of a request that was refused because of what it asks.
package refusal

import "fmt"

// Codes of an Error. They are stable: programs read them.
const (
	UnknownChannel      = "unknown_channel"
	ChannelOff          = "channel_off" // disabled, or without a provider
	UnknownTemplate     = "unknown_template"
	TemplateChannel     = "template_of_another_channel"
	MissingParam        = "missing_param"
	RenderFailed        = "render_failed"
	NoRecipients        = "no_matching_recipient"
	InvalidRecipient    = "invalid_recipient"
	UnknownKind         = "unknown_kind"
	KindChannel         = "channel_of_another_kind" // the kind does not send over it
	UnknownGroup        = "unknown_group"           // no provider of that name
	UnknownContact      = "unknown_contact"         // no contact, or no group of contacts, of that name
	GroupForbidden      = "group_forbidden"         // to this app
	InvalidMention      = "invalid_mention"
	TooManyRecipients   = "too_many_recipients"
	TooManyDeliveries   = "too_many_deliveries" // recipients × channels, or their texts
	LargerThanLimit     = "larger_than_limit"   // than a limit of the app
	PriorityForbidden   = "priority_forbidden"  // to this app
	InvalidSendAt       = "invalid_send_at"
	InvalidThread       = "invalid_thread" // resolved without a thread
	InvalidExpiresAt    = "invalid_expires_at"
	InvalidEscalation   = "invalid_escalation"
	IdempotencyConflict = "idempotency_conflict" // the key was used for another request

	InvalidMsgType         = "invalid_msg_type"
	InvalidTemplate        = "invalid_template" // does not parse; the message has line and column
	TemplateCodeIsRequired = "template_code_required"
	InvalidLocale          = "invalid_locale" // no language tag, or not as it must be written
	MissingLocale          = "missing_locale" // of templates.requiredLocales

	DeliveryOpen      = "delivery_open"    // it will be sent without a requeue
	DeliveryArrived   = "delivery_arrived" // success is final
	UnknownProvider   = "unknown_provider" // of that name, for that channel
	Expired           = "expired"          // expiresAt has passed
	Erased            = "erased"           // the address is gone
	InvalidPreference = "invalid_preference"
	KindNotOptional   = "kind_not_optional" // nobody may switch it off

	NoIncident = "no_incident" // nobody was asked to acknowledge it

	CannotProbe = "cannot_probe" // the provider's type has no probe
)

// Error says why a request was refused. Nothing was changed.
type Error struct {
	Code    string
	Field   string // path in the request, for example "channels.email.params.incident"; may be empty
	Message string
	Cause   error // what was found, for programs; may be nil
}

// New returns an Error with a formatted message.
func New(code, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Error implements error.
func (e *Error) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("%s: %s: %s", e.Code, e.Field, e.Message)
}
