package client

// Names of the channels.
const (
	ChannelInapp         = "inapp"
	ChannelEmail         = "email"
	ChannelSMS           = "sms"
	ChannelVoice         = "voice"
	ChannelFeishuApp     = "feishu_app"
	ChannelFeishuWebhook = "feishu_webhook"
	ChannelDingtalkGroup = "dingtalk_group"
	ChannelWecomGroup    = "wecom_group"
	ChannelWebhook       = "webhook"
)

// Types of recipients.
const (
	RecipientUserID         = "user_id"
	RecipientEmail          = "email"
	RecipientPhone          = "phone"
	RecipientFeishuUserID   = "feishu_user_id"
	RecipientFeishuGroup    = "feishu_group"
	RecipientFeishuChatID   = "feishu_chat_id"
	RecipientDingtalkGroup  = "dingtalk_group"
	RecipientDingtalkUserID = "dingtalk_user_id"
	RecipientWecomGroup     = "wecom_group"
	RecipientWecomUserID    = "wecom_user_id"
	RecipientWebhook        = "webhook"
	RecipientContact        = "contact" // by name; only in a RecipientRequest
	RecipientGroup          = "group"   // of contacts, by name; only in a RecipientRequest
)

// Priorities of a notification.
const (
	PriorityHigh   = "high"
	PriorityNormal = "normal"
	PriorityLow    = "low"
)

// Receipts of a delivery.
const (
	ReceiptUnknown   = "unknown"   // the vendor was asked and does not tell
	ReceiptFailed    = "failed"    // it did not reach the recipient
	ReceiptDelivered = "delivered" // it reached the recipient's device
	ReceiptRead      = "read"      // the recipient has seen it
	ReceiptAnswered  = "answered"  // the recipient took the call
)

// Codes of a Problem about the request, the caller or the service.
const (
	CodeInvalidJSON              = "invalid_json"    // 400: not one well-formed JSON object
	CodeInvalidRequest           = "invalid_request" // 400: a field or parameter has the wrong shape
	CodeUnauthorized             = "unauthorized"
	CodeTooManyAttempts          = "too_many_attempts"
	CodeForbidden                = "forbidden"
	CodeNotFound                 = "not_found"
	CodeNotOwner                 = "not_owner" // 403: a template of another app
	CodeTemplateExists           = "template_exists"
	CodeTemplateChanged          = "template_changed" // 409: since the version that was read
	CodeImmutableField           = "immutable_field"
	CodeTooBroad                 = "too_broad"          // 422: a list would read too many rows
	CodeUnknownReceiver          = "unknown_receiver"   // 422: not in the configuration's integrations
	CodeInvalidKind              = "invalid_kind"       // 422: a kind that means nothing
	CodeInvalidURL               = "invalid_url"        // 422: of an endpoint
	CodeUnknownEvent             = "unknown_event"      // 422: no type of events, or one that is there twice
	CodeUnknownApp               = "unknown_app"        // 422: not in the credentials file
	CodeReceiverBroken           = "receiver_broken"    // 503: none of the receiver's channels can send
	CodeProbedJustNow            = "probed_just_now"    // 429: a provider's probes have a pause between them
	CodeTooManyEndpoints         = "too_many_endpoints" // 409
	CodeEndpointDisabled         = "endpoint_disabled"  // 409
	CodeEndpointsOff             = "endpoints_off"      // 503: the configuration has no endpoints.key
	CodeLimitRequestsPerMinute   = "limit_requests_per_minute"
	CodeLimitDeliveriesPerMinute = "limit_deliveries_per_minute"
	CodeLimitDeliveriesPerDay    = "limit_deliveries_per_day"
	CodeUnavailable              = "unavailable"
	CodeBusy                     = "busy" // 503: others use what the request needs
	CodeInternal                 = "internal"
	CodeMethodNotAllowed         = "method_not_allowed"
	CodeRequestTimeout           = "request_timeout"
	CodeBodyTooLarge             = "body_too_large"
	CodeUnsupportedMediaType     = "unsupported_media_type"
	CodeHeadersTooLarge          = "headers_too_large"
	CodeMethodNotImplemented     = "method_not_implemented"
	CodeHTTPVersionNotSupported  = "http_version_not_supported"
)

// Codes of a Problem about what the request asks for.
const (
	CodeUnknownChannel           = "unknown_channel"
	CodeChannelOff               = "channel_off" // disabled, or without a provider
	CodeUnknownTemplate          = "unknown_template"
	CodeTemplateOfAnotherChannel = "template_of_another_channel"
	CodeMissingParam             = "missing_param"
	CodeRenderFailed             = "render_failed"
	CodeNoMatchingRecipient      = "no_matching_recipient"
	CodeInvalidRecipient         = "invalid_recipient"
	CodeUnknownKind              = "unknown_kind"
	CodeChannelOfAnotherKind     = "channel_of_another_kind" // the kind does not send over it
	CodeUnknownGroup             = "unknown_group"           // no provider of that name
	CodeUnknownContact           = "unknown_contact"         // no contact, or no group of contacts, of that name
	CodeGroupForbidden           = "group_forbidden"         // to this app
	CodeInvalidMention           = "invalid_mention"
	CodeTooManyRecipients        = "too_many_recipients"
	CodeTooManyDeliveries        = "too_many_deliveries" // recipients × channels, or their texts
	CodeLargerThanLimit          = "larger_than_limit"   // than a limit of the app
	CodePriorityForbidden        = "priority_forbidden"  // to this app
	CodeInvalidSendAt            = "invalid_send_at"
	CodeInvalidThread            = "invalid_thread" // resolved without a thread
	CodeInvalidExpiresAt         = "invalid_expires_at"
	CodeInvalidEscalation        = "invalid_escalation"
	CodeIdempotencyConflict      = "idempotency_conflict" // the key was used for another request
	CodeInvalidMsgType           = "invalid_msg_type"
	CodeInvalidTemplate          = "invalid_template" // does not parse; the message has line and column
	CodeTemplateCodeRequired     = "template_code_required"
	CodeInvalidLocale            = "invalid_locale"   // no language tag, or not as it must be written
	CodeMissingLocale            = "missing_locale"   // of templates.requiredLocales
	CodeDeliveryOpen             = "delivery_open"    // it will be sent without a requeue
	CodeDeliveryArrived          = "delivery_arrived" // success is final
	CodeUnknownProvider          = "unknown_provider" // of that name, for that channel
	CodeExpired                  = "expired"          // expiresAt has passed
	CodeErased                   = "erased"           // the address is gone
	CodeInvalidPreference        = "invalid_preference"
	CodeKindNotOptional          = "kind_not_optional" // nobody may switch it off
	CodeNoIncident               = "no_incident"       // nobody was asked to acknowledge it
	CodeCannotProbe              = "cannot_probe"      // the provider's type has no probe
)

// Codes of a delivery, in Delivery.LastCode, which also has those of the vendors, such as feishu_230001. Some are
// codes of a Problem, too: CodeExpired and CodeErased.
const (
	CodeCancelled          = "cancelled"           // by hand, before it was sent
	CodeUncertainOutcome   = "uncertain_outcome"   // it may have arrived, and a double would cost or disturb: see docs/reliability.md
	CodeOptedOut           = "opted_out"           // the recipient has switched the kind off
	CodeSuppressed         = "suppressed"          // the vendor refused the address for good
	CodeCapped             = "capped"              // the recipient has got as many of the kind as one may in a day
	CodeSuperseded         = "superseded"          // a later notification of the thread has replaced it
	CodeDigested           = "digested"            // it is in a digest, which has arrived
	CodeDigestFailed       = "digest_failed"       // the digest's template could not be rendered
	CodeDigestEmpty        = "digest_empty"        // none of the digest's items was left
	CodeAcknowledged       = "acknowledged"        // somebody had acknowledged the incident
	CodeStopped            = "stopped"             // the incident was closed
	CodeNotNeeded          = "not_needed"          // the step's condition did not hold
	CodeJobCancelled       = "job_cancelled"       // an operator cancelled its job
	CodeJobDeleted         = "job_deleted"         // an operator deleted its job
	CodeJobEnded           = "job_ended"           // its job ended without an outcome
	CodeConnectFailed      = "connect_failed"      // nothing was sent: no connection to the vendor
	CodeTimeout            = "timeout"             // no answer in time
	CodeNoAnswer           = "no_answer"           // the connection broke before the answer
	CodeUnexpectedAnswer   = "unexpected_answer"   // a success that is not the vendor's
	CodeUnexpectedRedirect = "unexpected_redirect" // redirects are not followed
)
