package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// The pause between two reads of Wait grows from firstWait to longestWait, by a half each time.
const (
	firstWait   = 200 * time.Millisecond
	longestWait = 5 * time.Second
)

// Wait waits until a notification has ended, and returns it without its deliveries. See
// Notification.Ended; whether all arrived is in its Status and Counts.
//
// It reads the notification again and again, after 200 milliseconds at first and every 5 seconds in the end,
// or when the service's Retry-After allows it. A service that does not answer, is unavailable or limits the
// app does not end the wait: give ctx a deadline. When ctx ends, Wait returns what it read last, and
// an error that wraps ctx.Err(). The notification goes on.
//
// To be told of an end instead of asking for it, make an endpoint: see CreateEndpoint.
func (c *Client) Wait(ctx context.Context, notificationID string) (Notification, error) {
	var last Notification
	for pause := firstWait; ; pause = min(pause*3/2, longestWait) {
		n, err := c.Progress(ctx, notificationID)
		wait := pause
		var p *Problem
		switch {
		case err == nil && n.Ended():
			return n, nil
		case err == nil:
			last = n
		case errors.As(err, &p) && (p.Status == http.StatusTooManyRequests || isTemporary(err)):
			wait = max(pause, p.RetryAfter)
		case !isTemporary(err) && ctx.Err() == nil:
			return last, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			if !errors.Is(err, ctx.Err()) {
				err = errors.Join(ctx.Err(), err)
			}
			return last, fmt.Errorf("wait for notification %s: %w", notificationID, err)
		}
	}
}
