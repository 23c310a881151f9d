package upkeep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// usesAge is how long after its begin a period of quotas or a day of caps is surely over, in any zone
// and with wrong clocks.
const usesAge = 48 * time.Hour

// eventsAge is how long events are kept: a week after the last time that one may be tried
// (jobs/telling).
const eventsAge = 10 * 24 * time.Hour

const (
	// retentionBatch bounds the deliveries that one transaction deletes. Others wait for what it
	// writes when they commit: with 5,000 their slowest sends took twice as long.
	retentionBatch = 500
	// rowsBatch does the same for rows to which nothing belongs.
	rowsBatch = 1_000
	// retentionPause is how many times as long as a transaction took the next one waits: the disk and
	// the processors are for accepting and delivering. Ten million are deleted in some six minutes.
	retentionPause = 3
)

// RetentionStore is what Retention needs of the store.
type RetentionStore interface {
	DeleteClosed(ctx context.Context, before time.Time, limit int) (deleted int, more bool, err error)
	ForgetAlertGroups(ctx context.Context, before time.Time) (int, error)
	DeleteIncidents(ctx context.Context, before time.Time) (int, error)
	ForgetThreads(ctx context.Context, before time.Time, limit int) (int, error)
	ForgetUses(ctx context.Context, before time.Time) (int, error)
	ForgetSuppressions(ctx context.Context, endedBy time.Time, limit int) (int, error)
	ForgetRecipientUses(ctx context.Context, before time.Time, limit int) (int, error)
	DeleteReplacedVersions(ctx context.Context, before time.Time) (int, error)
	DeleteSessions(ctx context.Context, expiredBy time.Time) (int, error)
	DeleteAudit(ctx context.Context, before time.Time) (int, error)
	DeleteCounts(ctx context.Context, before time.Time) (int, error)
	DeleteEvents(ctx context.Context, before time.Time, limit int) (int, error)
}

// Retention deletes notifications that were finished long ago, and what their messages left
// with a vendor.
type Retention struct {
	store    RetentionStore
	settings *settings.Live
	log      *zap.Logger
	running  context.Context // until Stop
	stop     context.CancelFunc
}

// NewRetention returns a Retention.
func NewRetention(st RetentionStore, live *settings.Live, log *zap.Logger) *Retention {
	running, stop := context.WithCancel(context.Background())
	return &Retention{store: st, settings: live, log: log, running: running, stop: stop}
}

// Stop makes a running Delete return after its transaction: another replica goes on.
func (r *Retention) Stop() { r.stop() }

// Delete deletes what is older than retention.days: the finished notifications, the messages that stay
// with a vendor, the entries of the audit log, the hourly counts, the versions of templates that were
// replaced as long ago, of which nothing that is left was rendered, and the groups of alerts and the
// threads of which there was nothing for as long. With 0 days it deletes none of these. Expired sessions,
// suppressions that have ended, events after eventsAge, and counters of quotas and caps whose period is
// long over, are always deleted. more is true when there was no time for all.
func (r *Retention) Delete(ctx context.Context) (more bool, err error) {
	now := store.Now()
	_, sessions := r.store.DeleteSessions(ctx, now)
	_, uses := r.store.ForgetUses(ctx, now.Add(-usesAge))
	moreSuppressions, suppressions := r.deleteRows(ctx, r.store.ForgetSuppressions, now)
	moreCapped, capped := r.deleteRows(ctx, r.store.ForgetRecipientUses, now.Add(-usesAge))
	moreEvents, events := r.deleteRows(ctx, r.store.DeleteEvents, now.Add(-eventsAge))
	moreOld, old := r.deleteOld(ctx)
	return moreSuppressions || moreCapped || moreEvents || moreOld, errors.Join(sessions, uses, suppressions, capped, events, old)
}

// deleteOld deletes notifications after everything else in the database: there may be more of them
// than there is time for. The vendors get what is left of the time.
func (r *Retention) deleteOld(ctx context.Context) (more bool, err error) {
	s := r.settings.Load()
	days := s.Retention.Days
	if days == 0 {
		return false, nil
	}
	before := store.Now().AddDate(0, 0, -days)
	_, groups := r.store.ForgetAlertGroups(ctx, before)
	moreThreads, threads := r.deleteRows(ctx, r.store.ForgetThreads, before)
	_, audit := r.store.DeleteAudit(ctx, before)
	_, counts := r.store.DeleteCounts(ctx, before)
	_, incidents := r.store.DeleteIncidents(ctx, before)
	versions, versionsErr := r.store.DeleteReplacedVersions(ctx, before)
	if versions > 0 {
		r.log.Info("replaced versions of templates deleted", zap.Int("versions", versions), zap.Int("retentionDays", days))
	}
	deleted, more, deleteErr := r.DeleteBefore(ctx, before)
	if deleted > 0 {
		r.log.Info("old notifications deleted", zap.Int("notifications", deleted), zap.Int("retentionDays", days))
	}
	return more || moreThreads, errors.Join(groups, threads, audit, counts, incidents, versionsErr, deleteErr, r.expire(ctx, s.Registry, before))
}

// expire deletes old and ended messages at the vendors where messages stay. Providers that
// serve no channel are asked too: they may have sent earlier.
func (r *Retention) expire(ctx context.Context, registry *channels.Registry, before time.Time) error {
	var problems []error
	for _, name := range registry.Providers("") {
		provider, _ := registry.Named(name)
		expirer, ok := provider.Sender.(channels.Expirer)
		if !ok {
			continue
		}
		deleted, err := expirer.Expire(ctx, before)
		if deleted > 0 {
			r.log.Info("old messages deleted at the vendor", zap.String("provider", name), zap.Int("messages", deleted))
		}
		var e *channels.Error
		if errors.As(err, &e) { // what the vendor says of anybody's messages may name them
			err = &channels.Error{Class: e.Class, Code: e.Code}
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("delete old messages of provider %s: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

// DeleteBefore deletes the finished notifications that were accepted before the given time, and
// returns how many there were. more is true when there was no time for all.
func (r *Retention) DeleteBefore(ctx context.Context, before time.Time) (total int, more bool, err error) {
	more, err = r.inBatches(ctx, func() (bool, error) {
		deleted, more, err := r.store.DeleteClosed(ctx, before, retentionBatch)
		total += deleted
		return more, err
	})
	if err != nil {
		return total, false, fmt.Errorf("delete old notifications: %w", err)
	}
	return total, more, nil
}

// deleteRows deletes all rows that are older than the given time. more is true when there was no
// time for all.
func (r *Retention) deleteRows(
	ctx context.Context, deleteSome func(ctx context.Context, before time.Time, limit int) (int, error), before time.Time,
) (more bool, err error) {
	return r.inBatches(ctx, func() (bool, error) {
		deleted, err := deleteSome(ctx, before, rowsBatch)
		return deleted >= rowsBatch, err
	})
}

// inBatches runs small transactions for as long as there is more to delete. It begins none after half
// of the time that ctx has, nor after Stop.
func (r *Retention) inBatches(ctx context.Context, batch func() (more bool, err error)) (more bool, err error) {
	deadline, limited := ctx.Deadline()
	until := time.Now().Add(time.Until(deadline) / 2)
	for !limited || time.Now().Before(until) {
		started := time.Now()
		if more, err := batch(); err != nil || !more {
			return false, err
		}
		select {
		case <-time.After(retentionPause * time.Since(started)):
		case <-r.running.Done():
			return true, nil
		case <-ctx.Done():
			return true, nil
		}
	}
	return true, nil
}
