package accepting

import (
	"time"

	"github.com/labring/sealos-notify/jobs/refusal"
)

// maxAhead is how far ahead a notification can be scheduled.
const maxAhead = 90 * 24 * time.Hour

// due returns when the request is to be sent. nil means at once, as does a time in the past.
func (r Request) due(now time.Time) (*time.Time, error) {
	sendAt := r.SendAt
	if sendAt != nil && !sendAt.After(now) {
		sendAt = nil
	}
	if sendAt != nil && sendAt.After(now.Add(maxAhead)) {
		return nil, refusal.New(refusal.InvalidSendAt, "sendAt", "is more than %d days ahead", maxAhead/(24*time.Hour))
	}
	first := now
	if sendAt != nil {
		first = *sendAt
	}
	if r.ExpiresAt != nil && !r.ExpiresAt.After(first) {
		return nil, refusal.New(refusal.InvalidExpiresAt, "expiresAt", "is not later than the time of sending: nothing would be sent")
	}
	return sendAt, nil
}
