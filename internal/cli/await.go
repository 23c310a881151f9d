package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/labring/sealos-notify/client"
)

const (
	// firstLook is how long after the sending a notification is looked at; from
	// look to look it gets longer, up to lookEvery.
	firstLook = 100 * time.Millisecond
	lookEvery = 2 * time.Second
	// mostLost is how many deliveries that did not arrive are listed.
	mostLost = 20
)

// await follows a notification to its end and prints what became of it.
func (s *session) await(ctx context.Context, id, key string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	n, err := s.watch(ctx, id, key)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{fmt.Errorf("notification %s has not ended after %s: %s; it goes on", id, timeout, countsText(n.Counts)), exitUnreachable}
	case errors.Is(err, context.Canceled):
		return &failure{fmt.Errorf("not waiting any longer; notification %s goes on", id), exitInterrupted}
	case err != nil:
		return err
	}
	if err := s.conclude(ctx, n); err != nil {
		return err
	}
	if n.Status != client.StatusSuccess {
		return &failure{fmt.Errorf("notification %s: %d of %d deliveries did not arrive", id, n.Counts.Total-n.Counts.Success, n.Counts.Total), exitIncomplete}
	}
	return nil
}

// watch looks at the notification until it has ended, and shows its counts. It
// returns what it saw last. The notification is found by its key: lists leave
// out the deliveries, of which there may be thousands.
func (s *session) watch(ctx context.Context, id, key string) (n client.Notification, err error) {
	view := newLiveView(s.progress)
	defer view.end()
	for pause := firstLook; ; pause = min(pause*3/2, lookEvery) {
		page, err := s.api.Notifications(ctx, client.NotificationQuery{Key: key})
		switch {
		case err == nil:
			for _, found := range page.Notifications { // an administrator sees other apps' of the same key
				if found.ID == id {
					n = found
				}
			}
			view.show(countsText(n.Counts))
			if n.ID != "" && n.Ended() {
				return n, nil
			}
		case ExitCode(err) == exitUnreachable: // a restart, perhaps
			view.show("the service does not answer; looking again")
		default:
			return n, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return n, ctx.Err()
		}
	}
}

// conclude prints a notification that has ended, with the deliveries that did
// not arrive.
func (s *session) conclude(ctx context.Context, n client.Notification) error {
	var lost []client.Delivery
	for _, status := range []string{client.StatusDead, client.StatusCancelled} {
		if len(lost) == mostLost || s.json {
			continue
		}
		page, err := s.api.Deliveries(ctx, client.DeliveryQuery{
			DeliveryFilter: client.DeliveryFilter{Notification: n.ID, Status: status}, Limit: mostLost - len(lost),
		})
		if err != nil {
			return err
		}
		lost = append(lost, page.Deliveries...)
	}
	return s.print(n, func(w io.Writer) {
		fmt.Fprintf(w, "Notification %s ended as %s: %s.\n", n.ID, n.Status, countsText(n.Counts))
		if len(lost) > 0 {
			fmt.Fprintln(w)
			deliveryTable(w, lost)
		}
		if more := n.Counts.Dead + n.Counts.Cancelled - len(lost); more > 0 {
			fmt.Fprintf(w, "\nand %d more: sealos-notify deliveries list --notification %s\n", more, n.ID)
		}
	})
}

// countsText is "3 deliveries: 2 success, 1 pending".
func countsText(c client.Counts) string {
	text := fmt.Sprintf("%d deliveries", c.Total)
	separator := ": "
	for _, part := range []struct {
		n    int
		what string
	}{
		{c.Success, "success"}, {c.Failed, "waiting for a retry"}, {c.Pending, "pending"},
		{c.Dead, "dead"}, {c.Cancelled, "cancelled"},
	} {
		if part.n > 0 {
			text += fmt.Sprintf("%s%d %s", separator, part.n, part.what)
			separator = ", "
		}
	}
	return text
}

// liveView shows one line that changes: in place on a terminal, elsewhere as a
// line for each change.
type liveView struct {
	w        io.Writer
	terminal bool
	started  time.Time
	last     string
}

func newLiveView(w io.Writer) *liveView {
	file, ok := w.(*os.File)
	return &liveView{w: w, terminal: ok && term.IsTerminal(int(file.Fd())), started: time.Now()}
}

func (v *liveView) show(line string) {
	if v.terminal {
		const clearLine = "\r\x1b[K"
		fmt.Fprintf(v.w, "%s%s after %s", clearLine, line, time.Since(v.started).Round(time.Second))
	} else if line != v.last {
		fmt.Fprintln(v.w, line)
	}
	v.last = line
}

// end leaves the last line standing.
func (v *liveView) end() {
	if v.terminal && v.last != "" {
		fmt.Fprintln(v.w)
	}
}
