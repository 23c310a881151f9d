package email

import (
	"context"
	"crypto/tls"
	"net/mail"

	"github.com/labring/sealos-notify/channels"
)

// maxConnections bounds the connections to the server. Servers commonly accept about
// ten from one address.
const maxConnections = 10

// sender sends through one server.
type sender struct {
	config Config
	from   *mail.Address
	header string  // the fields that all mails have in common
	tokens *tokens // nil without OAuth
	tls    *tls.Config
	hide   []string // redacted in the server's texts

	slots chan struct{} // has one entry for each connection in use
	idle  pool
}

var (
	_ channels.Sender           = (*sender)(nil)
	_ channels.Prober           = (*sender)(nil)
	_ channels.RecipientChecker = (*sender)(nil)
)

// Send implements channels.Sender. The receipt's details are message_id, the mail's
// header, and response, the server's reply to the mail.
func (s *sender) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	msg, err := s.compose(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	if err := s.takeSlot(ctx); err != nil {
		return channels.Receipt{}, err
	}
	defer func() { <-s.slots }()

	c, err := s.begin(ctx, msg)
	if err != nil {
		return channels.Receipt{}, s.failure(ctx, opening, err, msg.to)
	}
	if at, err := c.deliver(msg); err != nil {
		c.quit()
		return channels.Receipt{}, s.failure(ctx, at, err, msg.to)
	}
	response := c.response
	s.idle.put(c)
	return channels.Receipt{Details: map[string]any{
		"message_id": msg.id,
		"response":   s.redact(response, msg.to),
	}}, nil
}

// takeSlot waits until one more connection may be used.
func (s *sender) takeSlot(ctx context.Context) error {
	select {
	case s.slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &channels.Error{
			Class: channels.Throttled, Code: "connections_busy",
			Message: "all connections to the mail server are in use", Cause: ctx.Err(),
		}
	}
}

// begin returns a connection on which the server has accepted the mail's sender. If
// the server has closed an idle connection, nothing of the mail has arrived, and begin
// opens a new one.
func (s *sender) begin(ctx context.Context, m composed) (*connection, error) {
	if c := s.idle.take(); c != nil {
		c.bind(ctx)
		err := c.from(m)
		if err == nil {
			return c, nil
		}
		c.quit()
		if !ended(err) {
			return nil, err
		}
	}
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.from(m); err != nil {
		c.quit()
		return nil, err
	}
	return c, nil
}

// Probe implements channels.Prober. It logs in, sends MAIL and quits.
func (s *sender) Probe(ctx context.Context) error {
	c, err := s.connect(ctx)
	if err != nil {
		return s.failure(ctx, opening, err, "")
	}
	defer c.quit()
	if err := c.from(composed{sender: s.from.Address}); err != nil {
		return s.failure(ctx, opening, err, "")
	}
	return nil
}
