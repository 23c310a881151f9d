package jobs

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// Request is one notification as an app asks for it.
type Request struct {
	AppID          string
	IdempotencyKey string
	// KeyDecides makes the key alone the request's identity: with that key again,
	// even a request for something else is a replay, and not a conflict.
	KeyDecides bool
	Channels   map[string]ChannelRequest // by channel name
	Recipients []store.Recipient
	SendAt     *time.Time // at most 90 days ahead; nil or past: at once
	ExpiresAt  *time.Time // later than SendAt; nil: never
	Priority   store.Priority
	Test       bool // somebody tries a template
}

// ChannelRequest says what goes out over one channel.
type ChannelRequest struct {
	Template string
	Params   map[string]any // JSON values: nil, bool, json.Number, string, []any, map[string]any
}

// Accepted answers a Request that was taken: from here on it survives anything
// short of losing the database.
type Accepted struct {
	NotificationID uuid.UUID
	Deliveries     int
	Unmatched      []store.Recipient // fit none of the request's channels
	Replayed       bool              // the same request was accepted before; nothing new was written
}

// Codes of a Refusal.
const (
	CodeUnknownChannel      = "unknown_channel"
	CodeChannelOff          = "channel_off" // disabled, or without a provider
	CodeUnknownTemplate     = "unknown_template"
	CodeTemplateChannel     = "template_of_another_channel"
	CodeMissingParam        = "missing_param"
	CodeRenderFailed        = "render_failed"
	CodeNoRecipients        = "no_matching_recipient"
	CodeInvalidRecipient    = "invalid_recipient"
	CodeTooManyRecipients   = "too_many_recipients"
	CodeTooManyDeliveries   = "too_many_deliveries" // recipients × channels
	CodeInvalidSendAt       = "invalid_send_at"
	CodeInvalidExpiresAt    = "invalid_expires_at"
	CodeIdempotencyConflict = "idempotency_conflict" // the key was used for another request
)

// Refusal says why a request was not accepted. Nothing was written.
type Refusal struct {
	Code    string
	Field   string // path in the request, for example "channels.email.params.incident"
	Message string
}

func (r *Refusal) Error() string {
	if r.Field == "" {
		return fmt.Sprintf("%s: %s", r.Code, r.Message)
	}
	return fmt.Sprintf("%s: %s: %s", r.Code, r.Field, r.Message)
}
