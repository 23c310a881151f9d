package channels

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Class is what a failure means for the delivery.
type Class string

const (
	// Permanent means that the message will never arrive. The delivery is dead at once.
	Permanent Class = "permanent"
	// Transient means that the delivery is retried by the retry table.
	Transient Class = "transient"
	// Throttled means that the vendor asks to wait. No attempt is spent.
	Throttled Class = "throttled"
	// Misconfigured means that the provider is at fault, not the message. The delivery
	// is retried, and the log reports it as an error.
	Misconfigured Class = "misconfigured"
	// Uncertain means that the request was sent and no answer came.
	Uncertain Class = "uncertain"
)

// CodeUncertainOutcome is the code of a delivery that is held because it is unknown
// whether it arrived.
const CodeUncertainOutcome = "uncertain_outcome"

// Error is a failed provider call.
type Error struct {
	Class Class
	// Code is short and stable: the vendor's ("feishu_230001") or our own ("timeout").
	Code string
	// Message is for people. It holds no secret and no address.
	Message string
	// RetryAfter is how long the vendor asked to wait; 0 when it named no time.
	RetryAfter time.Duration
	// Unlisted is set when the channel's table of codes lacks the vendor's code. Such codes
	// are counted and logged once, so that an operator sees what the table lacks.
	Unlisted bool
	// QuotaSpent is set when a quota of the account is used up, for a day or a month. The class
	// decides when the delivery is tried again. Beside it the failure is counted and logged as
	// an error, because it may last until an operator acts.
	QuotaSpent bool
	// OfMessage is set when a transient failure is about the message or its recipient: others
	// get through. Otherwise some of them in a row mean that the provider does not work.
	OfMessage bool
	// AddressGone is set when a permanent failure means that the vendor knows no such address:
	// nothing that is sent there will ever arrive. Such an address is suppressed for a time.
	AddressGone bool
	// Cause is for errors.Is and errors.As. It is never printed, because it may hold
	// addresses and tokens.
	Cause error
}

// Error implements error. Its text is clean, as CleanText has it.
func (e *Error) Error() string {
	if e.Message == "" {
		return CleanText(fmt.Sprintf("%s (%s)", e.Code, e.Class))
	}
	return CleanText(fmt.Sprintf("%s (%s): %s", e.Code, e.Class, e.Message))
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// PermanentError returns the error of a message that will never arrive.
func PermanentError(code, message string) error {
	return &Error{Class: Permanent, Code: code, Message: message}
}

// AsError returns the *Error in err's chain. Any other error becomes a transient one
// with a fixed message, because its own text may hold addresses and tokens.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Class: Transient, Code: "internal", Message: "unexpected failure in the provider", OfMessage: true, Cause: err}
}

// Redact returns a vendor's text, cleaned as by CleanText but not cut, with "***" for the
// private values in it, in upper or lower case. Vendors repeat what they were sent. The
// text is cleaned first: an invisible character in a secret would hide it. Empty values
// are skipped.
func Redact(text string, private ...string) string {
	text = clean(text)
	for _, value := range private {
		if value != "" {
			text = regexp.MustCompile("(?i)"+regexp.QuoteMeta(value)).ReplaceAllLiteralString(text, "***")
		}
	}
	return text
}

// maxErrorText bounds the text of an error, in bytes.
const maxErrorText = 2000

// CleanText returns a vendor's text in a form that is safe to store and to show: valid
// UTF-8 of at most 2,000 bytes, on one line, in which every character is visible.
// PostgreSQL would refuse a row with a NUL byte, and with it the whole batch. A terminal
// obeys control characters, and bidi ones show a text in another order.
func CleanText(s string) string {
	s = clean(s)
	if len(s) <= maxErrorText {
		return s
	}
	cut := maxErrorText
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// clean replaces control characters and spaces of any kind by a space and removes what is
// invisible: format characters such as bidi and zero-width ones, fillers, and what is
// not assigned.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r), unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return -1
		}
		return r
	}, s)
}
