package inapp

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// Codes of our own.
const (
	codeNoNamespace = "namespace_not_found"
	codeTerminating = "namespace_terminating"
	codeNotServed   = "notifications_not_served"
	codeGone        = "notification_gone"
)

// namespaceTerminating is the cause of a refusal because the namespace is being
// deleted.
const namespaceTerminating metav1.CauseType = "NamespaceTerminating"

// classes maps the HTTP statuses of refusals. Unlisted ones are misconfigured below
// 500 and transient from there on.
var classes = map[int32]channels.Class{
	http.StatusBadRequest:            channels.Permanent,
	http.StatusRequestEntityTooLarge: channels.Permanent,
	http.StatusUnprocessableEntity:   channels.Permanent,
	http.StatusRequestTimeout:        channels.Transient,
	http.StatusConflict:              channels.Transient, // of a quota's count; nothing was created
	http.StatusTooManyRequests:       channels.Throttled,
}

// asError returns the typed error of a call. The values in hide are redacted in the
// server's text.
func asError(ctx context.Context, err error, hide []string) *channels.Error {
	var e *channels.Error
	var answer apierrors.APIStatus
	switch {
	case errors.As(err, &e):
		if e.Code == "http_404" { // the real server answers with a page
			return errNotServed()
		}
		return e
	case errors.As(err, &answer) && answer.Status().Code != 0:
		if apierrors.IsUnexpectedServerError(err) {
			return vendorhttp.StatusError(int(answer.Status().Code))
		}
		return refusal(answer.Status(), hide)
	case ctx.Err() != nil:
		return &channels.Error{
			Class: channels.Transient, Code: vendorhttp.CodeTimeout,
			Message: "no time was left to call the cluster", Cause: ctx.Err(),
		}
	}
	// The error is about the answer, so the request was sent.
	return &channels.Error{
		Class: channels.Uncertain, Code: vendorhttp.CodeUnexpectedAnswer, Message: "the cluster's answer is not understood",
	}
}

// refusal returns the error of a Status of the API server.
func refusal(s metav1.Status, hide []string) *channels.Error {
	e := &channels.Error{
		Class: channels.Misconfigured, Code: "k8s_" + string(s.Reason),
		Message: channels.CleanText(channels.Redact(s.Message, hide...)),
	}
	if s.Reason == "" {
		e.Code += strconv.Itoa(int(s.Code))
	}
	if class, ok := classes[s.Code]; ok {
		e.Class = class
	} else if s.Code >= http.StatusInternalServerError {
		e.Class = channels.Transient
	}
	details := s.Details
	if details == nil {
		details = &metav1.StatusDetails{}
	}
	switch {
	case s.Code == http.StatusNotFound && details.Kind == "namespaces":
		e.Class, e.Code = channels.Permanent, codeNoNamespace
	case s.Code == http.StatusNotFound:
		return errNotServed()
	case hasCause(details, namespaceTerminating):
		e.Class, e.Code = channels.Permanent, codeTerminating
	}
	e.OfMessage = e.Class == channels.Transient && s.Code < http.StatusInternalServerError // a quota of the namespace
	if e.Class == channels.Transient || e.Class == channels.Throttled {
		e.RetryAfter = time.Duration(max(0, details.RetryAfterSeconds)) * time.Second
	}
	return e
}

func errNotInCluster() *channels.Error {
	return &channels.Error{
		Class: channels.Misconfigured, Code: "not_in_cluster",
		Message: "kubeconfig is empty, and the service does not run in a cluster",
	}
}

func errNotServed() *channels.Error {
	return &channels.Error{
		Class: channels.Misconfigured, Code: codeNotServed,
		Message: "no " + notifications.Resource + " of " + notifications.GroupVersion().String() + " there: the resource is not installed, or this is no cluster's address",
	}
}

func hasCause(details *metav1.StatusDetails, cause metav1.CauseType) bool {
	return slices.ContainsFunc(details.Causes, func(c metav1.StatusCause) bool { return c.Type == cause })
}
