package hook

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// Answer is what a vendor says with HTTP 200: its own code and text.
type Answer struct {
	Code *int // nil when the answer is not the vendor's
	Text string
}

// Refusal returns the error of an answer, or nil. Its code is the vendor's after the prefix.
// classOf returns the class of a code, which may depend on the text, in lower case, and whether it
// is listed. The values in hide are redacted in the vendor's text.
func (a Answer) Refusal(r Reply, prefix string, classOf func(code int, text string) (channels.Class, bool), hide ...string) *channels.Error {
	switch {
	case a.Code == nil || *a.Code == 0 && r.Status >= http.StatusBadRequest:
		return vendorhttp.StatusError(r.Status)
	case *a.Code == 0:
		return nil
	}
	class, listed := classOf(*a.Code, strings.ToLower(a.Text))
	e := &channels.Error{
		Class: class, Code: prefix + strconv.Itoa(*a.Code), Unlisted: !listed,
		Message: channels.CleanText(channels.Redact(a.Text, hide...)),
	}
	if class == channels.Throttled {
		e.RetryAfter = vendorhttp.RetryAfter(r.Header)
	}
	return e
}
