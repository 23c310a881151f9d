package steering

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

// CodeErased is the code of a delivery that waited when it was erased.
const CodeErased = "erased"

const (
	// eraseBatch is how many deliveries one transaction erases at most.
	eraseBatch = 500
	// listBatch is in how many lists one transaction erases an address, those of unmatched
	// recipients and of mentions: each may have thousands, which are written anew.
	listBatch = 100
	// eraseTime is after how long Erase begins no further transaction. It is well within the
	// time of a request.
	eraseTime = 5 * time.Second
)

// EraseRequest asks for addresses and texts to be erased: those of one person, or those of one
// notification.
type EraseRequest struct {
	Recipient      store.Recipient // the zero value: see NotificationID
	NotificationID uuid.UUID
	DryRun         bool // counts, and changes nothing
}

// audit returns the entry of the request. It has no address.
func (r EraseRequest) audit(by store.Actor) store.AuditEntry {
	if r.NotificationID != uuid.Nil {
		return by.Did(store.AuditNotificationErase, r.NotificationID.String())
	}
	entry := by.Did(store.AuditRecipientErase, "")
	entry.Detail = "type " + r.Recipient.Type
	return entry
}

// Erased is the result of an EraseRequest.
type Erased struct {
	Deliveries     int // that were erased; with DryRun: that would be
	Cancelled      int // of them, those that waited
	Messages       int // whose text was erased
	SharedMessages int // whose text stays, because others got the message, too
	Unmatched      int // notifications with addresses that fitted no channel
	Mentions       int // messages that mentioned the recipient
	Forgotten      int // suppressions and preferences of the recipient
	Contacts       int // that had the address
	Sending        int // deliveries that are being sent, and were left
	More           bool
}

// Erase makes addresses and texts unreadable, and cancels what waits before, in transactions of
// a few hundred deliveries. What is done stays done when a later one fails. While More is true
// the same request goes on with the rest. It returns store.ErrNotFound for an unknown
// notification.
func (c *Control) Erase(ctx context.Context, r EraseRequest, by store.Actor) (done Erased, err error) {
	if r.NotificationID != uuid.Nil {
		if _, err := c.store.Notification(ctx, r.NotificationID); err != nil {
			return Erased{}, err
		}
	}
	page := store.Erasure{
		Recipient: r.Recipient, NotificationID: r.NotificationID, Limit: eraseBatch, Code: CodeErased, At: store.Now(),
		Audit: []store.AuditEntry{r.audit(by)},
	}
	if r.DryRun {
		done.Deliveries, err = c.store.CountErasable(ctx, page)
		return done, err
	}
	until := time.Now().Add(eraseTime)
	if err = c.eraseDeliveries(ctx, page, until, &done); err == nil && !done.More {
		page.Limit = listBatch
		done.Unmatched, done.More, err = erasePages(ctx, page, until, c.store.EraseUnmatched)
	}
	if err == nil && !done.More && r.NotificationID == uuid.Nil {
		done.Mentions, done.More, err = erasePages(ctx, page, until, c.store.EraseMentions)
	}
	if err == nil && !done.More && r.NotificationID == uuid.Nil {
		done.Contacts, done.More, err = erasePages(ctx, page, until, c.store.EraseAddress)
	}
	if err == nil && !done.More && done.Contacts > 0 {
		// A large group that is being expanded may have reached them meanwhile.
		page.Limit, page.Audit = eraseBatch, nil
		err = c.eraseDeliveries(ctx, page, until, &done)
	}
	if err == nil && r.NotificationID == uuid.Nil {
		_, err = c.store.EraseRecipientUses(ctx, r.Recipient)
	}
	if err == nil && !done.More && r.NotificationID == uuid.Nil {
		done.Forgotten, err = c.store.ForgetRecipient(ctx, r.Recipient)
	}
	if err != nil {
		return Erased{}, err
	}
	if r.NotificationID != uuid.Nil {
		done.SharedMessages = 0 // the rest of its own deliveries
	}
	done.More = done.More || done.Sending > 0
	c.log.Info("erased", zap.Stringer("notification", r.NotificationID), zap.Int("deliveries", done.Deliveries),
		zap.Int("cancelled", done.Cancelled), zap.Int("messages", done.Messages), zap.Int("sending", done.Sending))
	return done, nil
}

// eraseDeliveries erases deliveries, and begins no page after the given time. The first page
// writes the audit entry. It adds to done.
func (c *Control) eraseDeliveries(ctx context.Context, page store.Erasure, until time.Time, done *Erased) error {
	for {
		erased, err := c.store.Erase(ctx, page)
		if err != nil {
			return err
		}
		done.add(erased)
		if erased.Last == uuid.Nil {
			return nil
		}
		page.After, page.Audit = erased.Last, nil
		if time.Now().After(until) {
			done.More = true
			return nil
		}
	}
}

// erasePages erases pages until one is empty, and begins none after the given time. It returns in
// how many rows something was erased.
func erasePages(
	ctx context.Context, page store.Erasure, until time.Time, erase func(context.Context, store.Erasure) (int, error),
) (total int, more bool, err error) {
	for time.Now().Before(until) {
		n, err := erase(ctx, page)
		if total += n; err != nil || n == 0 {
			return total, false, err
		}
	}
	return total, true, nil
}

// add adds what one transaction has erased.
func (e *Erased) add(page store.Erased) {
	e.Deliveries += page.Deliveries
	e.Cancelled += page.Cancelled
	e.Messages += page.Messages
	e.SharedMessages += page.Shared
	e.Sending += page.Running
}
