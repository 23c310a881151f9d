package api

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/shares"
	"github.com/labring/sealos-notify/store"
)

// Codes of a Problem that no refusal.Error has. They are stable.
const (
	codeInvalidJSON     = "invalid_json"    // 400: not one well-formed JSON object
	codeInvalidRequest  = "invalid_request" // 400: a field or parameter has the wrong shape
	codeUnauthorized    = "unauthorized"
	codeTooMany         = "too_many_attempts"
	codeForbidden       = "forbidden"
	codeNotFound        = "not_found"
	codeNotOwner        = "not_owner" // 403: a template of another app
	codeTemplateExists  = "template_exists"
	codeTemplateChanged = "template_changed" // 409: since the version that was read
	codeImmutableField  = "immutable_field"
	codeTooBroad        = "too_broad"        // 422: a list would read too many rows
	codeUnknownReceiver = "unknown_receiver" // 422: not in the configuration's integrations
	codeInvalidKind     = "invalid_kind"     // 422: a kind that means nothing
	codeInvalidURL      = "invalid_url"      // 422: of an endpoint
	codeUnknownEvent    = "unknown_event"    // 422: no type of events, or one that is there twice
	codeUnknownApp      = "unknown_app"      // 422: not in the credentials file
	codeReceiverBroken  = "receiver_broken"  // 503: none of the receiver's channels can send
	codeProbedJustNow   = "probed_just_now"  // 429: a provider's probes have a pause between them

	codeTooManyEndpoints = "too_many_endpoints" // 409
	codeEndpointDisabled = "endpoint_disabled"  // 409
	codeNoEndpoints      = "endpoints_off"      // 503: the configuration has no endpoints.key

	// A limit of the app is spent: 429, 503 for alerts.
	codeRequestsPerMinute   = "limit_requests_per_minute"
	codeDeliveriesPerMinute = "limit_deliveries_per_minute"
	codeDeliveriesPerDay    = "limit_deliveries_per_day"

	// A sign-in by OpenID Connect failed.
	codeProviderUnreachable = "provider_unreachable" // 503
	codeSignOnExpired       = "sign_in_expired"      // 400
	codeSignOnRefused       = "sign_in_refused"      // 401
	codeNotAdmitted         = "not_admitted"         // 403

	codeUnavailable = "unavailable"
	codeBusy        = "busy" // 503: others use what the request needs
	codeInternal    = "internal"
)

// codeByStatus holds the code of each status that the router or huma answers with.
var codeByStatus = map[int]string{
	http.StatusBadRequest:                  codeInvalidRequest,
	http.StatusNotFound:                    codeNotFound,
	http.StatusMethodNotAllowed:            "method_not_allowed",
	http.StatusRequestTimeout:              "request_timeout",
	http.StatusRequestEntityTooLarge:       "body_too_large",
	http.StatusUnsupportedMediaType:        "unsupported_media_type",
	http.StatusRequestHeaderFieldsTooLarge: "headers_too_large",
	http.StatusNotImplemented:              "method_not_implemented",
	http.StatusHTTPVersionNotSupported:     "http_version_not_supported",
}

const problemContentType = "application/problem+json"

// Problem is an RFC 9457 problem document with a stable code. Status 400 is
// about the shape of a request, 422 about what it asks for.
type Problem struct {
	Title  string       `json:"title" doc:"what the status means"`
	Status int          `json:"status" doc:"HTTP status"`
	Code   string       `json:"code" doc:"stable name of the error, for programs"`
	Detail string       `json:"detail" doc:"what is wrong, for people"`
	Errors []FieldError `json:"errors,omitempty" doc:"the fields that are wrong"`

	retryAfter time.Duration // 0 when a retry does not help
}

// FieldError names one field that is wrong.
type FieldError struct {
	Field   string `json:"field" doc:"path in the request, for example recipients[0].type; query and path parameters start with query. and path."`
	Message string `json:"message"`
}

// statusProblem returns a problem whose status has one code only.
func statusProblem(status int, detail string) *Problem {
	return newProblem(status, codeByStatus[status], detail)
}

func newProblem(status int, code, detail string, fields ...FieldError) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail, Errors: fields}
}

// withRetryAfter sets when the same request may be sent again, and returns p.
func (p *Problem) withRetryAfter(d time.Duration) *Problem {
	p.retryAfter = d
	return p
}

func errTooManyAttempts(wait time.Duration) *Problem {
	return newProblem(http.StatusTooManyRequests, codeTooMany,
		"too many wrong secrets for this app or from this network; the right one is accepted at once").withRetryAfter(wait)
}

var (
	errNoCredentials = newProblem(http.StatusUnauthorized, codeUnauthorized, "an appId and its appSecret are needed")
	// errUnauthorized does not say which of the two it is.
	errUnauthorized = newProblem(http.StatusUnauthorized, codeUnauthorized, "unknown app or wrong secret")
	// errNotFound is the answer for what does not exist and for what belongs to
	// another app, so that a caller cannot tell the two apart.
	errNotFound = newProblem(http.StatusNotFound, codeNotFound, "not found")
	errTooBroad = newProblem(http.StatusUnprocessableEntity, codeTooBroad,
		"the search reads too many rows: narrow it to a shorter time with since and until, or add another filter")
	errUnavailable = newProblem(http.StatusServiceUnavailable, codeUnavailable, "the database does not answer; try again").withRetryAfter(time.Second)
	errBusy        = newProblem(http.StatusServiceUnavailable, codeBusy, "this replica has too much of this work at once; try again").withRetryAfter(time.Second)
	errInternal    = newProblem(http.StatusInternalServerError, codeInternal, "internal error; it was logged")
)

// errLimitReached returns the problem of a request that is beyond a limit of its app. The code
// names the limit, and the field its channel.
func errLimitReached(status int, e *store.QuotaError) *Problem {
	code, field := codeDeliveriesPerMinute, "channels."+e.Channel
	switch {
	case e.Channel == "":
		code, field = codeRequestsPerMinute, ""
	case e.Period == store.PerDay:
		code = codeDeliveriesPerDay
	}
	return fieldProblem(status, code, field, e.Error()).withRetryAfter(max(e.Wait, time.Second))
}

// fieldProblem returns a problem with one field, or with none when field is empty.
func fieldProblem(status int, code, field, message string) *Problem {
	if field == "" {
		return newProblem(status, code, message)
	}
	field = shortField(field)
	return newProblem(status, code, field+": "+message, FieldError{Field: field, Message: message})
}

func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemContentType }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	if p.retryAfter > 0 {
		return http.Header{fiber.HeaderRetryAfter: {strconv.Itoa(int(math.Ceil(p.retryAfter.Seconds())))}}
	}
	return nil
}

// problem returns the problem that answers an error. Internal errors are logged
// and not shown.
func (s *Server) problem(err error) *Problem {
	var (
		problem *Problem
		refusal *refusal.Error
		routing *fiber.Error
		beyond  *store.QuotaError
		soon    *overview.TooSoonError
	)
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &refusal):
		return refusalProblem(refusal)
	case errors.As(err, &beyond):
		return errLimitReached(http.StatusTooManyRequests, beyond)
	case errors.As(err, &soon):
		return newProblem(http.StatusTooManyRequests, codeProbedJustNow, soon.Error()).withRetryAfter(max(soon.Wait, time.Second))
	case errors.As(err, &routing):
		code, known := codeByStatus[routing.Code]
		if !known {
			break
		}
		return newProblem(routing.Code, code, strings.ToLower(http.StatusText(routing.Code)))
	case errors.Is(err, store.ErrNotFound):
		return errNotFound
	case errors.Is(err, store.ErrTooBroad):
		return errTooBroad
	case errors.Is(err, shares.ErrBusy):
		return errBusy
	case errors.Is(err, store.ErrUnavailable),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		s.log.Warn("the database does not answer", zap.Error(err))
		return errUnavailable
	}
	s.log.Error("request failed", zap.Error(err))
	return errInternal
}

func refusalProblem(r *refusal.Error) *Problem {
	status := http.StatusUnprocessableEntity
	switch r.Code {
	case refusal.IdempotencyConflict, refusal.DeliveryOpen, refusal.DeliveryArrived, refusal.Expired, refusal.Erased, refusal.NoIncident:
		status = http.StatusConflict
	case refusal.InvalidTemplate, refusal.InvalidLocale:
		status = http.StatusBadRequest
	case refusal.PriorityForbidden, refusal.GroupForbidden:
		status = http.StatusForbidden
	}
	return fieldProblem(status, r.Code, r.Field, r.Message)
}

// writeError writes the problem that answers err.
func (s *Server) writeError(c *fiber.Ctx, err error) error {
	p := s.problem(err)
	s.metrics.refusals.WithLabelValues(p.Code).Inc()
	for name, values := range p.GetHeaders() {
		c.Set(name, values[0])
	}
	return c.Status(p.Status).JSON(p, problemContentType)
}

// humaProblem returns the problem for errors that huma found in parameters, or
// that a Resolve returned. It never repeats the value that is wrong.
func humaProblem(status int, message string, errs ...error) huma.StatusError {
	var fields []FieldError
	for _, err := range errs {
		var problem *Problem
		if errors.As(err, &problem) {
			return problem
		}
		var detail *huma.ErrorDetail
		if errors.As(err, &detail) {
			fields = append(fields, FieldError{Field: detail.Location, Message: detail.Message})
		}
	}
	if status == http.StatusUnprocessableEntity { // huma's status for a wrong shape
		status = http.StatusBadRequest
	}
	code, known := codeByStatus[status]
	if !known {
		return errInternal
	}
	if len(fields) > 0 {
		message = fields[0].Field + ": " + fields[0].Message
	}
	return newProblem(status, code, message, fields...)
}
