package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/labring/sealos-notify/client"
)

type ackCommand struct {
	Remote
	ID   string `arg:"" help:"Id of the notification, or of a step."`
	By   string `placeholder:"NAME" help:"Who acknowledges; the app when left out."`
	Note string `placeholder:"TEXT" help:"A few words for the others."`
}

// Run acknowledges a notification.
func (c ackCommand) Run(ctx context.Context, s *session) error {
	done, err := s.api.Acknowledge(ctx, c.ID, client.Acknowledgement{By: c.By, Note: c.Note})
	if err != nil {
		return err
	}
	return s.print(done, func(w io.Writer) {
		if !done.Changed {
			fmt.Fprintln(w, "Nothing was changed.")
		}
		fmt.Fprintln(w, incidentText(done.Incident))
	})
}

// incidentText returns how an incident stands, in one line.
func incidentText(i client.Incident) string {
	text := i.Status
	if i.AcknowledgedAt != nil {
		text = fmt.Sprintf("acknowledged by %s over %s, %s", i.AcknowledgedBy, i.Over, i.AcknowledgedAt.Local().Format(time.DateTime))
		if i.Note != "" {
			text += ": " + i.Note
		}
	}
	if i.ClosedAt != nil && i.AcknowledgedAt != nil {
		text += "; closed"
	}
	if i.Next != nil {
		text += "; next " + strings.Join(i.Next.Channels, ", ")
		if i.Next.Urgent != "" {
			text += ", urgent by " + i.Next.Urgent
		}
		text += ", " + i.Next.At.Local().Format(time.DateTime)
	}
	return text
}

type incidentCommands struct {
	Remote
	List listIncidents `cmd:"" help:"List incidents, newest first."`
}

type listIncidents struct {
	Status string   `placeholder:"STATUS" enum:",open,acknowledged,closed" default:"" help:"open, acknowledged or closed."`
	App    selector `placeholder:"APP-ID" help:"Of this app; administrators only."`
	Thread selector `placeholder:"NAME" help:"Of this thread."`
	Limit  int      `default:"50" placeholder:"N" help:"At most N, up to 500 (${default})."`
	After  string   `placeholder:"ID" help:"The page after this one."`
}

// Run lists incidents.
func (c listIncidents) Run(ctx context.Context, s *session) error {
	page, err := s.api.Incidents(ctx, client.IncidentQuery{
		Status: c.Status, App: string(c.App), Thread: string(c.Thread), Limit: c.Limit, After: c.After,
	})
	if err != nil {
		return err
	}
	return s.print(page, func(w io.Writer) {
		row(w, "ID", "OPENED", "APP", "THREAD", "STATUS")
		for _, i := range page.Incidents {
			row(w, i.ID, i.OpenedAt, i.App, i.Thread, incidentText(i))
		}
		s.hintAtMore(page.Next)
	})
}
