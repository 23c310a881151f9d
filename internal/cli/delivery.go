package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/labring/sealos-notify/client"
)

type deliveryCommands struct {
	Remote
	List  listDeliveries  `cmd:"" help:"List deliveries, newest first."`
	Show  showDelivery    `cmd:"" help:"Show a delivery: what was sent, and what was tried."`
	Retry retryDeliveries `cmd:"" help:"Send deliveries again, exactly as rendered: by id, or all that a filter selects. One that waits for its retry goes now."`
}

// deliveryFilter selects deliveries.
type deliveryFilter struct {
	Channel      selector `placeholder:"CHANNEL" help:"Over this channel."`
	Provider     selector `placeholder:"NAME" help:"Last tried through this provider."`
	Code         selector `placeholder:"CODE" help:"Last failed with this code; uncertain_outcome for those that are held."`
	Recipient    selector `placeholder:"VALUE" help:"To exactly this address."`
	Template     selector `placeholder:"NAME" help:"With this template."`
	Notification selector `placeholder:"ID" help:"Of this notification."`
	App          selector `placeholder:"APP-ID" help:"Of this app; administrators only."`
}

// with returns the filter with a status and times.
func (f deliveryFilter) with(status string, t timeFlags) client.DeliveryFilter {
	return client.DeliveryFilter{
		Status: status, Channel: string(f.Channel), Provider: string(f.Provider), Code: string(f.Code), Recipient: string(f.Recipient),
		Template: string(f.Template), Notification: string(f.Notification), App: string(f.App), Since: t.Since.Time, Until: t.Until.Time,
	}
}

type listDeliveries struct {
	Status string `placeholder:"STATUS" enum:",pending,processing,success,failed,dead,cancelled" default:"" help:"pending, processing, success, failed (waits for a retry), dead or cancelled."`
	deliveryFilter
	Test    string   `placeholder:"true|false" enum:",true,false" default:"" help:"Sent with a test secret, or not."`
	Digest  selector `placeholder:"ID" help:"The digest of this id, and its items."`
	Receipt string   `placeholder:"RECEIPT" enum:",unknown,failed,delivered,read,answered" default:"" help:"What the vendor says became of it: unknown, failed, delivered, read or answered."`
	pageFlags
}

// Run lists deliveries.
func (c listDeliveries) Run(ctx context.Context, s *session) error {
	page, err := s.api.Deliveries(ctx, client.DeliveryQuery{
		DeliveryFilter: c.with(c.Status, c.timeFlags), Test: c.Test, Digest: string(c.Digest), Receipt: c.Receipt, Limit: c.Limit, After: c.After,
	})
	if err != nil {
		return err
	}
	return s.print(page, func(w io.Writer) {
		deliveryTable(w, page.Deliveries)
		s.hintAtMore(page.Next)
	})
}

func deliveryTable(w io.Writer, deliveries []client.Delivery) {
	row(w, "DELIVERY", "CHANNEL", "PROVIDER", "RECIPIENT", "LOCALE", "STATUS", "RETRIES", "UPDATED", "ERROR")
	for _, d := range deliveries {
		problem := d.LastCode
		if d.LastError != "" {
			problem += ": " + d.LastError
		}
		row(w, d.ID, d.Channel, d.Provider, d.Recipient.Value, d.Locale, deliveryStatus(d), d.RetryCount, d.UpdatedAt, problem)
	}
}

// deliveryStatus returns a delivery's status. "failed" has another meaning for a notification,
// so it is explained.
func deliveryStatus(d client.Delivery) string {
	switch {
	case d.HeldUntil != nil:
		return d.Status + " (held by " + heldWhy(d) + ")"
	case d.Status == client.StatusFailed:
		return d.Status + " (waits for a retry)"
	case d.Receipt != "":
		return d.Status + " (" + d.Receipt + ")"
	}
	return d.Status
}

func heldWhy(d client.Delivery) string { return strings.ReplaceAll(d.HeldWhy, "_", " ") }

type showDelivery struct {
	ID string `arg:"" help:"Id of the delivery."`
}

// Run shows a delivery.
func (c showDelivery) Run(ctx context.Context, s *session) error {
	d, err := s.api.Delivery(ctx, c.ID)
	if err != nil {
		return err
	}
	return s.print(d, func(w io.Writer) {
		deliveryText(w, d)
		fmt.Fprintln(w)
		row(w, "ATTEMPT", "PROVIDER", "STARTED", "TOOK", "CLASS", "CODE", "ERROR", "ANSWER")
		for _, a := range d.Attempts {
			row(w, a.Attempt, a.Provider, a.StartedAt, took(a), a.Class, a.Code, a.Error, string(a.Details))
		}
		fmt.Fprintln(w)
		if d.Message != nil {
			renderedText(w, *d.Message)
		}
	})
}

// took returns how long an attempt took.
func took(a client.Attempt) string {
	if a.DurationMs == 0 {
		return "under 1ms"
	}
	return (time.Duration(a.DurationMs) * time.Millisecond).String()
}

func deliveryText(w io.Writer, d client.Delivery) {
	row(w, "Delivery", d.ID)
	row(w, "Notification", d.NotificationID)
	row(w, "Recipient", d.Recipient.Type+":"+d.Recipient.Value)
	row(w, "Channel", d.Channel)
	row(w, "Provider", d.Provider)
	if d.NextProvider != "" && d.Status != "success" {
		row(w, "Goes next through", d.NextProvider)
	}
	row(w, "Template", fmt.Sprintf("%s, version %d", d.TemplateName, d.TemplateVersion))
	if d.Locale != "" {
		row(w, "Language", d.Locale)
	}
	if d.Test {
		row(w, "Test", "yes: it reaches nobody")
	}
	row(w, "Status", deliveryStatus(d))
	row(w, "Retries", fmt.Sprintf("%d of %d", d.RetryCount, d.MaxRetry))
	row(w, "Next retry", d.NextRetryAt)
	if d.Kind != "" {
		row(w, "Kind", d.Kind)
	}
	if d.HeldUntil != nil {
		row(w, "Held until", text(d.HeldUntil)+" ("+heldWhy(d)+")")
	}
	if d.DigestID != "" && d.DigestID != d.ID {
		row(w, "Digest", d.DigestID)
	}
	if d.Receipt != "" {
		row(w, "Receipt", receiptText(d))
	}
	row(w, "Accepted", d.CreatedAt)
	row(w, "Updated", d.UpdatedAt)
}

// receiptText returns what the vendor says became of a delivery.
func receiptText(d client.Delivery) string {
	receipt := d.Receipt + ", " + text(d.ReceiptAt)
	if d.ReceiptCode != "" {
		receipt += " (" + d.ReceiptCode + ")"
	}
	return receipt
}

// renderedText writes a message as the provider receives it.
func renderedText(w io.Writer, r client.Rendered) {
	for _, line := range [][2]string{{"Message type", r.MsgType}, {"Subject", r.Subject}, {"Vendor's template", r.TemplateCode}} {
		if line[1] != "" {
			row(w, line[0], line[1])
		}
	}
	for _, person := range r.Mention {
		row(w, "Mentions", person.Type+":"+person.Value)
	}
	if r.Body != "" {
		fmt.Fprintln(w)
		block(w, r.Body)
	}
}

type retryDeliveries struct {
	IDs    []string `arg:"" optional:"" name:"id" help:"Deliveries that are dead or cancelled, or wait for a retry or for the end of quiet hours."`
	Status string   `placeholder:"STATUS" enum:",dead,failed" default:"" help:"Select the dead ones (the default), or the failed ones, which wait for a retry."`
	deliveryFilter
	timeFlags
	Limit   int    `placeholder:"N" help:"At most N of those that the filter selects; 10,000 when left out."`
	Through string `placeholder:"PROVIDER" help:"Another provider of the same channel."`
	DryRun  bool   `help:"With a filter: only count them."`
	confirmFlag
}

// Run sends deliveries again.
func (c retryDeliveries) Run(ctx context.Context, s *session) error {
	filter := c.with(c.Status, c.timeFlags)
	switch {
	case len(c.IDs) == 0:
		return c.retryAll(ctx, s, filter)
	case filter != client.DeliveryFilter{} || c.DryRun || c.Limit != 0:
		return errors.New("take ids or a filter, not both; --dry-run and --limit go with a filter")
	}
	retried := []client.Delivery{}
	var refused []error
	for _, id := range c.IDs {
		d, err := s.api.RetryDelivery(ctx, id, c.Through)
		if err != nil {
			refused = append(refused, fmt.Errorf("delivery %s: %w", id, err))
			continue
		}
		retried = append(retried, d)
	}
	err := s.print(client.DeliveryList{Deliveries: retried}, func(w io.Writer) {
		for _, d := range retried {
			fmt.Fprintf(w, "Delivery %s goes again.\n", d.ID)
		}
	})
	return errors.Join(append(refused, err)...)
}

// retryAll sends again what a filter selects. It shows first how many deliveries that are.
func (c retryDeliveries) retryAll(ctx context.Context, s *session, filter client.DeliveryFilter) error {
	if filter == (client.DeliveryFilter{}) {
		return errors.New("name deliveries, or give a filter such as --status dead")
	}
	request := client.RetryRequest{Filter: filter, Provider: c.Through, DryRun: true, Limit: c.Limit}
	var r client.Retried
	var err error
	if c.DryRun || !c.Yes {
		if r, err = s.api.RetryDeliveries(ctx, request); err != nil {
			return err
		}
	}
	if !c.DryRun && (c.Yes || r.Matched > 0) {
		if err := c.confirm(ctx, c.selected(r)+" will be sent again."); err != nil {
			return err
		}
		request.DryRun = false
		if r, err = s.api.RetryDeliveries(ctx, request); err != nil {
			return err
		}
	}
	r.DryRun = c.DryRun
	return s.print(r, func(w io.Writer) {
		switch {
		case r.DryRun:
			fmt.Fprintf(w, "Would be sent again: %s.\n", c.selected(r))
		case r.Retried < r.Matched:
			fmt.Fprintf(w, "Sent again: %d of %s; the others changed meanwhile.\n", r.Retried, c.selected(r))
		default:
			fmt.Fprintf(w, "Sent again: %s.\n", c.selected(r))
		}
		if r.More && !r.DryRun {
			fmt.Fprintln(w, "There are more; the same command again takes them.")
		}
	})
}

// selected returns a text such as "3 dead deliveries".
func (c retryDeliveries) selected(r client.Retried) string {
	kind := "dead"
	if c.Status == client.StatusFailed {
		kind = "waiting"
	}
	text := count(r.Matched, kind+" delivery")
	if r.More {
		text += " of more"
	}
	return text
}
