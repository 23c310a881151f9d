package client

import (
	"context"
	"net/http"
)

// EraseRequest chooses what is erased: all that went to one recipient, or one notification.
type EraseRequest struct {
	Recipient    *Recipient `json:"recipient,omitempty"`    // exactly as it was sent
	Notification string     `json:"notification,omitempty"` // its id
	DryRun       bool       `json:"dryRun,omitempty"`       // only counts deliveries
}

// Erased is the answer to an EraseRequest.
type Erased struct {
	Deliveries     int  `json:"deliveries"`     // that were erased, or would be
	Cancelled      int  `json:"cancelled"`      // of them, those that waited to be sent
	Messages       int  `json:"messages"`       // whose text was erased
	SharedMessages int  `json:"sharedMessages"` // whose text stays, because others got them, too
	Unmatched      int  `json:"unmatched"`      // notifications with erased addresses that fitted no channel
	Mentions       int  `json:"mentions"`       // messages that mentioned the recipient
	Forgotten      int  `json:"forgotten"`      // suppressions and preferences that were deleted
	Contacts       int  `json:"contacts"`       // that had the address, and stay without it
	Sending        int  `json:"sending"`        // deliveries that are being sent, and were left
	More           bool `json:"more"`           // the same request erases the rest
	DryRun         bool `json:"dryRun"`
}

// Erase makes addresses and texts unreadable, for ever. Counts and states stay. It needs an
// administrator. Repeat it while Erased.More is true.
func (c *Client) Erase(ctx context.Context, r EraseRequest) (Erased, error) {
	var a Erased
	_, err := c.do(ctx, call{method: http.MethodPost, path: "/api/v1/erase", body: r, repeatable: true}, &a)
	return a, err
}
