package jobs

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

const (
	// dueInterval is the time between two looks for due jobs. It is how late one may start.
	dueInterval = time.Second
	// dueTimeout bounds a look.
	dueTimeout = 5 * time.Second
	// roomPause is how long lines of events that had no room wait after there is some.
	roomPause = 100 * time.Millisecond
)

// announceDue announces the queues with due jobs until ctx ends. River's own announcements are
// not enough: its scheduler, which runs on the leader only, makes jobs available before they
// are due and announces only those that are late; the others wait for the workers' poll. When
// the leader is killed, nobody makes jobs available until its lease has ended. So each replica
// that works the queues looks for itself. It looks sooner when lines of events have room again.
func (j *Jobs) announceDue(ctx context.Context, room <-chan struct{}) {
	ticker := time.NewTicker(dueInterval)
	defer ticker.Stop()
	var failing bool
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-room:
			select {
			case <-ctx.Done():
				return
			case <-time.After(roomPause):
			}
		}
		err := j.announceDueOnce(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			j.log.Warn("due jobs could not be announced; they wait for the poll", zap.Error(err))
		}
		failing = err != nil
	}
}

func (j *Jobs) announceDueOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dueTimeout)
	defer cancel()
	_, err := j.queues.AnnounceDue(ctx, append(slices.Clone(j.channels), store.ExpandQueue, store.AskQueue, store.EventQueue, store.IncidentQueue, store.CardQueue))
	return err
}
