package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
)

type receiverCommands struct {
	Remote
	List   listReceivers  `cmd:"" help:"List who gets alerts, and what keeps them from sending."`
	Alerts receiverAlerts `cmd:"" help:"Show what a receiver was told last."`
	Test   testReceiver   `cmd:"" help:"Send a test alert to all recipients of a receiver."`
}

type listReceivers struct{}

// Run lists the receivers.
func (listReceivers) Run(ctx context.Context, s *session) error {
	list, err := s.api.Receivers(ctx)
	if err != nil {
		return err
	}
	return s.print(list, func(w io.Writer) {
		row(w, "RECEIVER", "CHANNELS", "RECIPIENTS", "CAN SEND", "PROBLEMS")
		for _, r := range list.Receivers {
			var channels, recipients, problems []string
			for _, c := range r.Channels {
				channels = append(channels, c.Channel+"="+c.Template)
			}
			for _, to := range r.Recipients {
				recipients = append(recipients, to.Type+":"+to.Value)
			}
			for _, p := range r.Problems {
				problems = append(problems, p.Field+": "+p.Message)
			}
			row(w, r.Name, strings.Join(channels, ", "), strings.Join(recipients, ", "), yes(len(problems) == 0), strings.Join(problems, "; "))
		}
	})
}

type receiverAlerts struct {
	Receiver string `arg:"" help:"Name of the receiver."`
}

// Run shows what a receiver was told last.
func (c receiverAlerts) Run(ctx context.Context, s *session) error {
	told, err := s.api.ReceiverAlerts(ctx, c.Receiver)
	if err != nil {
		return err
	}
	return s.print(told, func(w io.Writer) {
		row(w, "TOLD", "ALERT", "APP", "NOTIFICATION", "STATUS")
		for _, a := range told.Alerts {
			status := "deleted"
			if a.Counts != nil {
				status = statusText(a.Status, *a.Counts)
			}
			row(w, a.At, a.State, a.App, a.NotificationID, status)
		}
	})
}

type testReceiver struct {
	Receiver string `arg:"" help:"Name of the receiver."`
}

// Run sends a test alert.
func (c testReceiver) Run(ctx context.Context, s *session) error {
	accepted, err := s.api.TestReceiver(ctx, c.Receiver)
	if err != nil {
		return err
	}
	return s.print(accepted, func(w io.Writer) {
		fmt.Fprintf(w, "Accepted notification %s with %s.\n", accepted.NotificationID, count(accepted.Deliveries, "delivery"))
	})
}
