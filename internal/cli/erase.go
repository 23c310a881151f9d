package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/labring/sealos-notify/client"
)

// erasePause is the time between two requests while deliveries are being sent.
const erasePause = time.Second

type eraseCommand struct {
	Remote
	confirmFlag
	Recipient    string `placeholder:"TYPE:VALUE" xor:"what" required:"" help:"All that went to this address, exactly as it was sent, such as email:alice@example.com."`
	Notification string `placeholder:"ID" xor:"what" required:"" help:"All addresses and texts of this notification."`
}

// Run erases until nothing is left.
func (c eraseCommand) Run(ctx context.Context, s *session) error {
	request := client.EraseRequest{Notification: c.Notification, DryRun: true}
	if c.Recipient != "" {
		recipient, err := parseRecipient("--recipient", c.Recipient)
		if err != nil {
			return err
		}
		request.Recipient = &recipient
	}
	counted, err := s.api.Erase(ctx, request)
	if err != nil {
		return err
	}
	if err := c.confirm(ctx, fmt.Sprintf("Deliveries whose address and texts become unreadable for ever: %d.", counted.Deliveries)); err != nil {
		return err
	}
	request.DryRun = false
	total, err := s.erase(ctx, request)
	if err != nil {
		return err
	}
	return s.print(total, func(w io.Writer) {
		row(w, "Erased deliveries", total.Deliveries)
		row(w, "of them cancelled", total.Cancelled)
		row(w, "Erased messages", total.Messages)
		row(w, "Messages that others got, too", total.SharedMessages)
		row(w, "Notifications with unmatched addresses", total.Unmatched)
		row(w, "Messages that mentioned the address", total.Mentions)
		row(w, "Suppressions and preferences of the address", total.Forgotten)
		row(w, "Contacts that had the address", total.Contacts)
	})
}

// erase repeats the request until nothing is left, and returns the sums.
func (s *session) erase(ctx context.Context, request client.EraseRequest) (total client.Erased, err error) {
	for {
		done, err := s.api.Erase(ctx, request)
		if err != nil {
			return total, err
		}
		total.Deliveries += done.Deliveries
		total.Cancelled += done.Cancelled
		total.Messages += done.Messages
		total.SharedMessages += done.SharedMessages
		total.Unmatched += done.Unmatched
		total.Mentions += done.Mentions
		total.Forgotten += done.Forgotten
		total.Contacts += done.Contacts
		if !done.More {
			return total, nil
		}
		fmt.Fprintf(s.progress, "Erased so far: %d; being sent: %d\n", total.Deliveries, done.Sending)
		if done.Deliveries+done.Unmatched == 0 {
			select {
			case <-time.After(erasePause):
			case <-ctx.Done():
				return total, ctx.Err()
			}
		}
	}
}
