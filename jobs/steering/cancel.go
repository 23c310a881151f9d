package steering

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

// CodeCancelled is the code of a delivery whose notification was cancelled.
const CodeCancelled = "cancelled"

const (
	// cancelBatch is how many deliveries one transaction cancels at most.
	cancelBatch = 1000
	// cancelTime is after how long Cancel begins no further transaction. It is well within the time
	// of a request.
	cancelTime = 5 * time.Second
)

// Cancel cancels the deliveries of a notification that wait. Those that are being sent
// finish, and are not retried when they fail. Of very many deliveries some are left, and a
// repetition goes on with them. The first one already ends an expansion, and closes the incident that the
// notification has opened: its steps are cancelled by a job.
func (c *Control) Cancel(ctx context.Context, notification uuid.UUID, by store.Actor) error {
	_, _, err := c.changeIncident(ctx, store.IncidentChange{IncidentID: notification, At: store.Now(), ClosedBy: store.ClosedByCancel})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	page := store.Cancellation{
		NotificationID: notification, Limit: cancelBatch,
		Code: CodeCancelled, Error: "its notification was cancelled", At: store.Now(),
		Audit: []store.AuditEntry{by.Did(store.AuditNotificationCancel, notification.String())},
	}
	total := 0
	for until := page.At.Add(cancelTime); time.Now().Before(until); {
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
