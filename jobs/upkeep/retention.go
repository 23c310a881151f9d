package upkeep

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// retentionBatch bounds the deliveries that one transaction deletes.
const retentionBatch = 5_000

// RetentionStore is what Retention needs of the store.
type RetentionStore interface {
	DeleteClosed(ctx context.Context, before time.Time, limit int) (int, error)
	ForgetAlertGroups(ctx context.Context, before time.Time) (int, error)
}

// Retention deletes notifications that were finished long ago.
type Retention struct {
	store    RetentionStore
	settings *settings.Live
	log      *zap.Logger
}

// NewRetention returns a Retention.
func NewRetention(st RetentionStore, live *settings.Live, log *zap.Logger) *Retention {
	return &Retention{store: st, settings: live, log: log}
}

// Delete deletes the finished notifications that are older than retention.days, and forgets
// the groups of alerts that were not posted for as long. With 0 days it deletes nothing.
func (r *Retention) Delete(ctx context.Context) error {
	days := r.settings.Load().Retention.Days
	if days == 0 {
		return nil
	}
	before := store.Now().AddDate(0, 0, -days)
	deleted, err := r.DeleteBefore(ctx, before)
	if deleted > 0 {
		r.log.Info("old notifications deleted", zap.Int("notifications", deleted), zap.Int("retentionDays", days))
	}
	if err != nil {
		return err
	}
	if _, err := r.store.ForgetAlertGroups(ctx, before); err != nil {
		return fmt.Errorf("forget groups of alerts: %w", err)
	}
	return nil
}

// DeleteBefore deletes the finished notifications that were accepted before the given time, in
// small transactions, and returns how many there were.
func (r *Retention) DeleteBefore(ctx context.Context, before time.Time) (int, error) {
	total := 0
	for {
		deleted, err := r.store.DeleteClosed(ctx, before, retentionBatch)
		if err != nil {
			return total, fmt.Errorf("delete old notifications: %w", err)
		}
		if deleted == 0 {
			return total, nil
		}
		total += deleted
	}
}
