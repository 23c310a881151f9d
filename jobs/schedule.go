package jobs

import (
	"fmt"
	"time"

	"github.com/labring/sealos-notify/store"
)

// maxAhead is how far ahead a notification can be scheduled.
const maxAhead = 90 * 24 * time.Hour

// CodeExpired is the code of a delivery that was not sent before its expiresAt.
const CodeExpired = "expired"

// due returns when the request is to be sent: nil when at once, which is also what
// a time in the past means.
func (r Request) due(now time.Time) (*time.Time, error) {
	sendAt := r.SendAt
	if sendAt != nil && !sendAt.After(now) {
		sendAt = nil
	}
	if sendAt != nil && sendAt.After(now.Add(maxAhead)) {
		return nil, &Refusal{
			Code: CodeInvalidSendAt, Field: "sendAt", Message: fmt.Sprintf("is more than %d days ahead", maxAhead/(24*time.Hour)),
		}
	}
	first := now
	if sendAt != nil {
		first = *sendAt
	}
	if r.ExpiresAt != nil && !r.ExpiresAt.After(first) {
		return nil, &Refusal{
			Code: CodeInvalidExpiresAt, Field: "expiresAt", Message: "is not later than the time of sending: nothing would be sent",
		}
	}
	return sendAt, nil
}

// riverPriority is the priority in a channel's queue: River works 1 first, and 4
// last.
func riverPriority(p store.Priority) int {
	switch p {
	case store.PriorityHigh:
		return 1
	case store.PriorityLow:
		return 3
	default:
		return 2
	}
}
