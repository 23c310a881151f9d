package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/labring/sealos-notify/client"
)

type notificationCommands struct {
	Remote
	List   listNotifications  `cmd:"" help:"List notifications, newest first."`
	Show   showNotification   `cmd:"" help:"Show a notification with its deliveries."`
	Cancel cancelNotification `cmd:"" help:"Stop what has not been sent yet."`
}

type listNotifications struct {
	Status    string   `placeholder:"STATUS" enum:",pending,processing,success,failed,cancelled" default:"" help:"pending, processing, success, failed (has a dead delivery) or cancelled."`
	Channel   selector `placeholder:"CHANNEL" help:"Over this channel."`
	App       selector `placeholder:"APP-ID" help:"Of this app; administrators only."`
	Key       selector `placeholder:"KEY" help:"With this idempotency key."`
	Recipient selector `placeholder:"VALUE" help:"To exactly this address."`
	Template  selector `placeholder:"NAME" help:"With this template."`
	Thread    selector `placeholder:"NAME" help:"Of this thread."`
	Test      string   `placeholder:"true|false" enum:",true,false" default:"" help:"Of a template or with a test secret, or neither."`
	pageFlags
}

// timeFlags select by the time of acceptance.
type timeFlags struct {
	Since past `placeholder:"TIME" help:"Accepted since: RFC 3339, or how long ago, such as 2h or 7d."`
	Until past `placeholder:"TIME" help:"Accepted before: RFC 3339, or how long ago."`
}

// pageFlags select a page of a list.
type pageFlags struct {
	timeFlags
	Limit int    `default:"50" placeholder:"N" help:"At most N, up to 500 (${default})."`
	After string `placeholder:"ID" help:"The page after this one."`
}

// Run lists notifications.
func (c listNotifications) Run(ctx context.Context, s *session) error {
	page, err := s.api.Notifications(ctx, client.NotificationQuery{
		Status: c.Status, Channel: string(c.Channel), App: string(c.App), Key: string(c.Key), Recipient: string(c.Recipient), Template: string(c.Template), Thread: string(c.Thread), Test: c.Test,
		Since: c.Since.Time, Until: c.Until.Time, Limit: c.Limit, After: c.After,
	})
	if err != nil {
		return err
	}
	return s.print(page, func(w io.Writer) {
		row(w, "ID", "ACCEPTED", "APP", "KEY", "STATUS", "DELIVERIES", "SUCCESS", "DEAD")
		for _, n := range page.Notifications {
			row(w, n.ID, n.CreatedAt, n.SenderAppID, n.IdempotencyKey, n.Status, n.Counts.Total, n.Counts.Success, n.Counts.Dead)
		}
		s.hintAtMore(page.Next)
	})
}

// hintAtMore writes the flag that shows the next page, when there is one.
func (s *session) hintAtMore(next string) {
	if next != "" {
		fmt.Fprintf(s.progress, "There are more: --after %s\n", next)
	}
}

type showNotification struct {
	ID string `arg:"" help:"Id of the notification."`
}

// Run shows a notification.
func (c showNotification) Run(ctx context.Context, s *session) error {
	n, err := s.api.Notification(ctx, c.ID)
	if err != nil {
		return err
	}
	return s.print(n, func(w io.Writer) {
		notificationText(w, n)
		fmt.Fprintln(w)
		deliveryTable(w, n.Tasks)
	})
}

func notificationText(w io.Writer, n client.Notification) {
	row(w, "Notification", n.ID)
	row(w, "Status", statusText(n.Status, n.Counts))
	row(w, "Key", n.IdempotencyKey)
	row(w, "App", n.SenderAppID)
	row(w, "Accepted", n.CreatedAt)
	row(w, "Updated", n.UpdatedAt)
	row(w, "Send at", n.SendAt)
	row(w, "Expires", n.ExpiresAt)
	row(w, "Priority", n.Priority)
	if n.Kind != "" {
		row(w, "Kind", n.Kind)
	}
	if n.Thread != "" {
		row(w, "Thread", n.Thread)
	}
	if n.Resolved {
		row(w, "Resolved", "yes")
	}
	for _, code := range slices.Sorted(maps.Keys(n.Withheld)) {
		row(w, "Not sent", fmt.Sprintf("%s (%s)", count(n.Withheld[code], "delivery"), withheldText(code)))
	}
	if n.Expansion != nil {
		row(w, "To", expansionText(n.Expansion))
	}
	if n.Incident != nil {
		row(w, "Incident", incidentText(*n.Incident))
	} else if n.IncidentID != "" {
		row(w, "Incident", n.IncidentID)
	}
	if n.Test {
		row(w, "Test", "yes")
	}
	for _, r := range n.Unmatched {
		row(w, "Unmatched", r.Type+":"+r.Value)
	}
}

// withheldText returns the code of deliveries that were cancelled at once, with what it means.
func withheldText(code string) string {
	if code == "capped" {
		return "capped: the recipient has had as many of this kind as it allows"
	}
	return code
}

// statusText returns a notification's status with its counts. "failed" has another meaning
// for a delivery, so it is explained.
func statusText(status string, counts client.Counts) string {
	if status == client.StatusFailed {
		status += " (not everything arrived)"
	}
	return status + ", " + countsText(counts)
}

type cancelNotification struct {
	ID string `arg:"" help:"Id of the notification."`
}

// Run cancels a notification.
func (c cancelNotification) Run(ctx context.Context, s *session) error {
	n, err := s.api.CancelNotification(ctx, c.ID)
	for before := 0; err == nil && !n.Ended() && n.Counts.Cancelled > before; { // one call does not cancel a million
		before = n.Counts.Cancelled
		n, err = s.api.CancelNotification(ctx, c.ID)
	}
	if err != nil {
		return err
	}
	return s.print(n, func(w io.Writer) { notificationText(w, n) })
}
