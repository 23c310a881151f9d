package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/labring/sealos-notify/client"
)

const (
	// The pause between two polls grows from firstPoll to lastPoll.
	firstPoll = 100 * time.Millisecond
	lastPoll  = 2 * time.Second
	// maxListed bounds the list of deliveries that did not arrive.
	maxListed = 20
)

// await waits until a notification has ended, and prints its result.
func (s *session) await(ctx context.Context, id string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	n, err := s.poll(ctx, id)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{fmt.Errorf("notification %s has not ended after %s: %s; it goes on", id, timeout, progressText(n)), exitUnreachable}
	case errors.Is(err, context.Canceled):
		return &failure{fmt.Errorf("not waiting any longer; notification %s goes on", id), exitInterrupted}
	case err != nil:
		return err
	}
	if err := s.printEnded(ctx, n); err != nil {
		return err
	}
	if n.Status != client.StatusSuccess {
		if n.Expansion != nil && n.Expansion.Stopped != "" {
			return &failure{fmt.Errorf("notification %s: %s; %s", id, expansionText(n.Expansion), countsText(n.Counts)), exitIncomplete}
		}
		if n.Counts.Total == 0 {
			return &failure{fmt.Errorf("notification %s: nothing was sent", id), exitIncomplete}
		}
		return &failure{fmt.Errorf("notification %s: %d of %s did not arrive", id, n.Counts.Total-n.Counts.Success, count(n.Counts.Total, "delivery")), exitIncomplete}
	}
	return nil
}

// poll reads the notification until it has ended, and shows its counts. It returns
// what it read last.
func (s *session) poll(ctx context.Context, id string) (n client.Notification, err error) {
	view := newLiveView(s.progress)
	defer view.end()
	for pause := firstPoll; ; pause = min(pause*3/2, lastPoll) {
		read, err := s.api.Progress(ctx, id)
		switch {
		case err == nil:
			n = read
			view.show(progressText(n))
			if n.Ended() {
				return n, nil
			}
		case ExitCode(err) == exitUnreachable: // it may be restarting
			view.show("the service does not answer; trying again")
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

// printEnded prints a notification that has ended, with the deliveries that did not
// arrive.
func (s *session) printEnded(ctx context.Context, n client.Notification) error {
	var lost []client.Delivery
	for _, status := range []string{client.StatusDead, client.StatusCancelled} {
		if len(lost) == maxListed || s.json {
			continue
		}
		page, err := s.api.Deliveries(ctx, client.DeliveryQuery{
			DeliveryFilter: client.DeliveryFilter{Notification: n.ID, Status: status}, Limit: maxListed - len(lost),
		})
		if err != nil {
			return err
		}
		lost = append(lost, page.Deliveries...)
	}
	return s.print(n, func(w io.Writer) {
		fmt.Fprintf(w, "Notification %s ended as %s.\n", n.ID, statusText(n.Status, n.Counts))
		if len(lost) > 0 {
			fmt.Fprintln(w)
			deliveryTable(w, lost)
		}
		if more := n.Counts.Dead + n.Counts.Cancelled - len(lost); more > 0 {
			fmt.Fprintf(w, "\nand %d more: sealos-notify deliveries list --notification %s\n", more, n.ID)
		}
	})
}

// progressText returns the counts of a notification, with how far a large group is expanded.
func progressText(n client.Notification) string {
	if n.Expansion == nil || n.Expansion.Done {
		return countsText(n.Counts)
	}
	return expansionText(n.Expansion) + "; " + countsText(n.Counts)
}

// expansionText returns a text such as "group everyone, which is being expanded: 3000 contacts so far".
func expansionText(e *client.Expansion) string {
	so := ", which is being expanded: " + count(e.Contacts, "contact") + " so far"
	switch {
	case e.Stopped != "":
		so = " up to " + count(e.Contacts, "contact") + " (" + e.Stopped + ")"
	case e.Done:
		so = " of " + count(e.Contacts, "contact")
	}
	return "group " + e.Group + so
}

// countsText returns a text such as "3 deliveries: 2 success, 1 pending".
func countsText(c client.Counts) string {
	text := count(c.Total, "delivery")
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

// liveView shows a line that changes. On a terminal it replaces the line; elsewhere
// it writes a line for each change.
type liveView struct {
	w        io.Writer
	terminal bool
	started  time.Time
	last     string
}

func newLiveView(w io.Writer) *liveView {
	v := &liveView{w: w, started: time.Now()}
	if clean, is := w.(cleanWriter); is {
		if file, is := clean.to.(*os.File); is && term.IsTerminal(int(file.Fd())) {
			v.w, v.terminal = file, true
		}
	}
	return v
}

func (v *liveView) show(line string) {
	if v.terminal {
		const clearLine = "\r\x1b[K"
		elapsed := ""
		if waited := time.Since(v.started).Round(time.Second); waited > 0 {
			elapsed = " after " + waited.String()
		}
		fmt.Fprint(v.w, clearLine, strings.Map(visible, line), elapsed)
	} else if line != v.last {
		fmt.Fprintln(v.w, line)
	}
	v.last = line
}

// end keeps the last line on the terminal.
func (v *liveView) end() {
	if v.terminal && v.last != "" {
		fmt.Fprintln(v.w)
	}
}
