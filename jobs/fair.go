package jobs

import (
	"context"
	"encoding/json"

	"github.com/riverqueue/river/riverdriver"

	"github.com/labring/sealos-notify/store"
)

// fairDriver is River's driver, but a queue that is worked stands for its lines: a fetch takes
// their jobs by turns.
type fairDriver[TTx any] struct {
	riverdriver.Driver[TTx]
	fetcher *fetcher
}

// GetExecutor implements riverdriver.Driver.
func (d fairDriver[TTx]) GetExecutor() riverdriver.Executor {
	return fairExecutor{d.Driver.GetExecutor(), d.fetcher}
}

// GetListener implements riverdriver.Driver.
func (d fairDriver[TTx]) GetListener(p *riverdriver.GetListenenerParams) riverdriver.Listener {
	return lineListener{d.Driver.GetListener(p), d.fetcher}
}

type fairExecutor struct {
	riverdriver.Executor
	fetcher *fetcher
}

// JobGetAvailable implements riverdriver.Executor.
func (e fairExecutor) JobGetAvailable(ctx context.Context, p *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	if c := e.fetcher.channels[p.Queue]; c != nil {
		return c.fetch(ctx, e.Executor, p)
	}
	return e.Executor.JobGetAvailable(ctx, p)
}

// lineListener hears of the jobs in lines, notes which lines they are in, and passes the
// notifications on to the queue of the channel, which is the one that is worked.
type lineListener struct {
	riverdriver.Listener
	fetcher *fetcher
}

// WaitForNotification implements riverdriver.Listener.
func (l lineListener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	n, err := l.Listener.WaitForNotification(ctx)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	var queue string
	if json.Unmarshal([]byte(n.Payload), &fields) != nil || json.Unmarshal(fields["queue"], &queue) != nil {
		return n, nil // of no queue
	}
	channel, _, _ := store.SplitQueue(queue)
	c := l.fetcher.channels[channel]
	if c == nil {
		return n, nil
	}
	if len(fields) == 1 {
		c.heard(queue)
	}
	if fields["queue"], err = json.Marshal(channel); err != nil {
		return nil, err
	}
	payload, err := json.Marshal(fields)
	n.Payload = string(payload)
	return n, err
}
