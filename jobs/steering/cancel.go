package steering

import (
	"context"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

// CodeCancelled is the code of a delivery whose notification was cancelled.
const CodeCancelled = "cancelled"

// cancelBatch is how many deliveries one transaction cancels at most.
const cancelBatch = 1000

// Cancel cancels the deliveries of a notification that wait. Those that are being sent
// finish, and are not retried when they fail. Cancel may be repeated.
func (c *Control) Cancel(ctx context.Context, notification uuid.UUID, by store.Actor) error {
	page := store.Cancellation{
		NotificationID: notification, Limit: cancelBatch,
		Code: CodeCancelled, Error: "its notification was cancelled", At: store.Now(),
		Audit: []store.AuditEntry{by.Did(store.AuditNotificationCancel, notification.String())},
	}
	total := 0
	for {
		cancelled, err := c.store.Cancel(ctx, page)
		if err != nil {
			return err
		}
		total += cancelled.Deliveries
		if cancelled.Last == uuid.Nil {
			break
		}
		page.After, page.Audit = cancelled.Last, nil // one entry for all pages
	}
	c.log.Info("notification cancelled", zap.Stringer("notification", notification), zap.Int("deliveries", total))
	return nil
}
