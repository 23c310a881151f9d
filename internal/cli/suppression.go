package cli

import (
	"context"
	"io"

	"github.com/labring/sealos-notify/client"
)

type suppressionCommands struct {
	List listSuppressions  `cmd:"" help:"List the addresses that nothing is sent to, newest first."`
	Rm   deleteSuppression `cmd:"" help:"Let an address be sent to again."`
}

type listSuppressions struct {
	Remote
	Channel   selector `placeholder:"CHANNEL" help:"Over this channel."`
	Recipient selector `placeholder:"VALUE" help:"Exactly this address."`
	Limit     int      `placeholder:"N" help:"At most so many; 50 by default."`
	After     string   `placeholder:"ID" help:"Go on after this suppression."`
}

// Run lists suppressions.
func (c listSuppressions) Run(ctx context.Context, s *session) error {
	page, err := s.api.Suppressions(ctx, client.SuppressionQuery{
		Channel: string(c.Channel), Recipient: string(c.Recipient), Limit: c.Limit, After: c.After,
	})
	if err != nil {
		return err
	}
	return s.print(page, func(w io.Writer) {
		row(w, "SUPPRESSION", "CHANNEL", "TYPE", "RECIPIENT", "SINCE", "UNTIL", "CODE", "ERROR")
		for _, p := range page.Suppressions {
			row(w, p.ID, p.Channel, p.Recipient.Type, p.Recipient.Value, p.CreatedAt, p.Until, p.Code, p.Error)
		}
		s.hintAtMore(page.Next)
	})
}

type deleteSuppression struct {
	Remote
	ID string `arg:"" help:"Id of the suppression."`
}

// Run removes a suppression.
func (c deleteSuppression) Run(ctx context.Context, s *session) error {
	if err := s.api.DeleteSuppression(ctx, c.ID); err != nil {
		return err
	}
	return s.print(map[string]any{"id": c.ID, "deleted": true}, func(w io.Writer) { row(w, "The address is sent to again.") })
}
