package channels

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Class says what a failure means for the delivery.
type Class string

const (
	// Permanent means that this message will never arrive: dead at once.
	Permanent Class = "permanent"
	// Transient means: try again by the retry table.
	Transient Class = "transient"
	// Throttled means that the vendor asks to wait. No attempt is spent.
	Throttled Class = "throttled"
	// Misconfigured means that the provider is at fault, not the message: retried, and reported loudly.
	Misconfigured Class = "misconfigured"
	// Uncertain means that the request left and no answer came.
	Uncertain Class = "uncertain"
)

// CodeUncertainOutcome is the code of a delivery that is held because nobody
// can tell whether it arrived.
const CodeUncertainOutcome = "uncertain_outcome"

// Error is a failed provider call.
type Error struct {
	Class Class
	// Code is short and stable: the vendor's code ("feishu_230001") or ours ("timeout").
	Code string
	// Message is for people. It holds no secret and no address.
	Message string
	// RetryAfter is how long the vendor asked to wait; 0 when it did not say.
	RetryAfter time.Duration
	// Cause is kept for errors.Is and errors.As only. It is never printed,
	// because it may carry addresses and tokens.
	Cause error
}

func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%s (%s)", e.Code, e.Class)
	}
	return fmt.Sprintf("%s (%s): %s", e.Code, e.Class, e.Message)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// PermanentError returns the error of a message that will never arrive.
func PermanentError(code, message string) error {
	return &Error{Class: Permanent, Code: code, Message: message}
}

// AsError returns err's *Error. An error that is none is transient, with a
// message that gives nothing away: its own text is not trusted.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Class: Transient, Code: "internal", Message: "unexpected failure in the provider", Cause: err}
}

// Redact replaces the private values in a vendor's text, in upper or lower case, by
// "***". Vendors repeat what they were sent. Empty values are skipped.
func Redact(text string, private ...string) string {
	for _, value := range private {
		if value != "" {
			text = regexp.MustCompile("(?i)"+regexp.QuoteMeta(value)).ReplaceAllLiteralString(text, "***")
		}
	}
	return text
}

// maxErrorText bounds the text kept of an error, in bytes.
const maxErrorText = 2000

// CleanText makes a vendor's text safe to store: valid UTF-8, no control
// characters (a NUL byte would make PostgreSQL refuse the row, and with it the
// whole batch), at most 2,000 bytes.
func CleanText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) <= maxErrorText {
		return s
	}
	cut := maxErrorText
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
