package client

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Problem is an error that the service answered (RFC 9457).
type Problem struct {
	Title  string       `json:"title"`
	Status int          `json:"status"` // of HTTP: 400 for a malformed request, 422 for one that cannot be done
	Code   string       `json:"code"`   // stable, for programs; empty when the answer is not a problem document
	Detail string       `json:"detail"`
	Errors []FieldError `json:"errors,omitempty"`

	// RetryAfter is how long the service asks to wait; 0 when it does not ask.
	RetryAfter time.Duration `json:"-"`
}

// FieldError is what is wrong with one field.
type FieldError struct {
	Field   string `json:"field"` // path in the request, for example recipients[0].type
	Message string `json:"message"`
}

// Field returns the first wrong field; empty when there is none.
func (p *Problem) Field() string {
	if len(p.Errors) == 0 {
		return ""
	}
	return p.Errors[0].Field
}

// Error returns the code and what is wrong with each field, one line each.
func (p *Problem) Error() string {
	if p.Code == "" {
		return p.Detail
	}
	text := p.Code + ": " + p.Detail // the detail is about the first field
	for _, e := range p.Errors[min(1, len(p.Errors)):] {
		text += "\n" + e.Field + ": " + e.Message
	}
	return text
}

// problemOf parses a problem document. Other answers come from a probe, a proxy or
// another service.
func problemOf(resp *http.Response, body []byte) *Problem {
	p := &Problem{}
	isDocument := strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json")
	if !isDocument || json.Unmarshal(body, p) != nil || p.Code == "" {
		p = &Problem{
			Title:  http.StatusText(resp.StatusCode),
			Detail: "the answer is " + resp.Status,
		}
	}
	p.Status = resp.StatusCode
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}
