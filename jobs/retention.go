package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

const (
	retentionInterval = time.Hour
	// retentionBatch bounds the deliveries deleted in one transaction.
	retentionBatch = 5_000
)

// retentionArgs is the periodic job that deletes notifications that were finished
// long ago.
type retentionArgs struct{}

func (retentionArgs) Kind() string { return "retention" }

type retentionWorker struct {
	river.WorkerDefaults[retentionArgs]
	service *Service
}

func (w *retentionWorker) Work(ctx context.Context, _ *river.Job[retentionArgs]) error {
	s := w.service
	days := s.settings.Load().Retention.Days
	if days == 0 {
		return nil
	}
	deleted, err := s.DeleteBefore(ctx, store.Now().AddDate(0, 0, -days))
	if deleted > 0 {
		s.log.Info("old notifications deleted", zap.Int("notifications", deleted), zap.Int("retentionDays", days))
	}
	if err != nil {
		s.log.Error("retention", zap.Error(err))
		return errors.New("retention failed") // the next one is due soon; the log has the cause
	}
	return nil
}

// DeleteBefore deletes the notifications that were accepted before the given time
// and have ended, in small transactions, and returns how many they were.
func (s *Service) DeleteBefore(ctx context.Context, before time.Time) (int, error) {
	total := 0
	for {
		deleted, err := s.store.DeleteClosed(ctx, before, retentionBatch)
		if err != nil {
			return total, fmt.Errorf("delete old notifications: %w", err)
		}
		if deleted == 0 {
			return total, nil
		}
		total += deleted
	}
}
