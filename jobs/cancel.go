package jobs

import (
	"context"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

// CodeCancelled is the code of deliveries whose notification was cancelled.
const CodeCancelled = "cancelled"

// cancelBatch bounds the deliveries that one transaction cancels.
const cancelBatch = 1000

// Cancel stops what of a notification was not sent: its deliveries that wait are
// cancelled. Those that are being sent right now finish, and are not tried again
// when they fail. Repeating it does no harm.
func (s *Service) Cancel(ctx context.Context, notification uuid.UUID) error {
	c := store.Cancellation{
		NotificationID: notification, Limit: cancelBatch,
		Code: CodeCancelled, Error: "its notification was cancelled", At: store.Now(),
	}
	total := 0
	for {
		cancelled, err := s.store.Cancel(ctx, c)
		if err != nil {
			return err
		}
		total += cancelled.Deliveries
		if cancelled.Last == uuid.Nil {
			break
		}
		c.After = cancelled.Last
	}
	s.log.Info("notification cancelled", zap.Stringer("notification", notification), zap.Int("deliveries", total))
	return nil
}
