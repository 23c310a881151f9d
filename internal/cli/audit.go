package cli

import (
	"cmp"
	"context"
	"io"

	"github.com/labring/sealos-notify/client"
)

type auditCommand struct {
	Remote
	App    selector `placeholder:"APP-ID" help:"By this app."`
	Action selector `placeholder:"ACTION" help:"This action, such as template.update."`
	Object selector `placeholder:"NAME" help:"Of this template, delivery or notification."`
	pageFlags
}

// Run lists the audit log.
func (c auditCommand) Run(ctx context.Context, s *session) error {
	page, err := s.api.Audit(ctx, client.AuditQuery{
		App: string(c.App), Action: string(c.Action), Object: string(c.Object),
		Since: c.Since.Time, Until: c.Until.Time, Limit: c.Limit, After: c.After,
	})
	if err != nil {
		return err
	}
	return s.print(page, func(w io.Writer) {
		row(w, "AT", "APP", "PERSON", "ACTION", "OBJECT", "OUTCOME", "DETAIL", "FROM", "USER AGENT")
		for _, e := range page.Entries {
			row(w, e.At, cmp.Or(e.App, "(the service)"), e.Person, e.Action, e.Object, e.Outcome, e.Detail, e.Address, e.UserAgent)
		}
		s.hintAtMore(page.Next)
	})
}
