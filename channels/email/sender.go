package email

import (
	"context"
	"crypto/tls"
	"net/mail"

	"github.com/labring/sealos-notify/channels"
)

// sender sends through one server.
type sender struct {
	config Config
	from   *mail.Address
	helo   string
	header string // the fields that all mails have in common
	// unsubscribe are those of the key headers about unsubscribing. A mail that has its own goes
	// without them.
	unsubscribe string
	tokens      *tokens // nil without OAuth
	tls         *tls.Config
	hide        []string // redacted in the server's texts
	pool        *pool
}

var (
	_ channels.Connector        = (*sender)(nil)
	_ channels.Prober           = (*sender)(nil)
	_ channels.RecipientChecker = (*sender)(nil)
	_ channels.Checker          = (*sender)(nil)
)

// Reserve implements channels.Connector.
func (s *sender) Reserve(ctx context.Context, places channels.Places) (channels.Connection, error) {
	c, err := s.reserve(ctx, places)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *sender) reserve(ctx context.Context, places channels.Places) (*reservation, error) {
	if places == nil {
		places = unshared{}
	}
	c, err := s.pool.reserve(ctx, places)
	if err != nil {
		return nil, err
	}
	return &reservation{sender: s, connection: c}, nil
}

// Send implements channels.Sender. It waits for a connection as long as ctx allows.
func (s *sender) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	msg, err := s.compose(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	r, err := s.reserve(ctx, nil)
	if err != nil {
		return channels.Receipt{}, &channels.Error{
			Class: channels.Throttled, Code: "connections_busy",
			Message: "all connections to the mail server are in use", Cause: ctx.Err(),
		}
	}
	defer r.Release()
	return r.send(ctx, msg)
}

// Close closes the connections that are kept for the next mail. Mails that are sent later
// open their own.
func (s *sender) Close() error {
	s.pool.close()
	return nil
}

// Probe implements channels.Prober. It goes as far as RCPT, with the address of the sender,
// because servers may put off what they have against the client until then. A refusal of
// that recipient is none of the client: the address need not be a mailbox.
func (s *sender) Probe(ctx context.Context) error {
	apart := *s // it waits for no mail, and keeps no connection
	apart.pool = newPool(1)
	r, err := apart.reserve(ctx, nil)
	if err != nil {
		return err
	}
	apart.pool.close()
	defer r.Release()
	err = r.talk(ctx, "", func() error {
		m := composed{sender: s.from.Address, to: s.from.Address}
		if err := r.begin(ctx, m); err != nil {
			return err
		}
		if !r.reach(recipient) {
			return context.Canceled
		}
		if err := r.connection.client.Rcpt(path(m.to)); err != nil {
			return err
		}
		return r.connection.client.Reset()
	})
	if err != nil && channels.AsError(err).Class == channels.Permanent {
		return nil
	}
	return err
}
