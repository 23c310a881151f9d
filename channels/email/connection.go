package email

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	netmail "net/mail"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/labring/sealos-notify/channels"
)

// quitTime bounds the farewell. Nothing depends on it.
const quitTime = 2 * time.Second

// maxReplies bounds what the server says to one mail, in bytes. A reply may have
// any number of lines, and the client keeps them all.
const maxReplies = 1 << 20

// connection is a connection to the server, logged in. One mail at a time uses it.
type connection struct {
	raw    *boundedConn
	client *smtp.Client
	// unbind ends bind. It returns false when the context has ended before.
	unbind   func() bool
	expiry   *time.Timer // while idle
	response string      // to the last mail
}

// connect opens a connection and logs in.
func (s *sender) connect(ctx context.Context) (*connection, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", s.config.address())
	if err != nil {
		return nil, err
	}
	c := &connection{raw: &boundedConn{Conn: raw}}
	c.bind(ctx)
	if err := s.logIn(ctx, c); err != nil {
		c.quit()
		return nil, err
	}
	return c, nil
}

func (s *sender) logIn(ctx context.Context, c *connection) error {
	var conn net.Conn = c.raw
	if s.config.UseTLS {
		secured := tls.Client(c.raw, s.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			return err
		}
		conn = secured
	}
	var err error
	if c.client, err = smtp.NewClient(conn, s.config.Host); err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	if err := c.client.Hello(name); err != nil {
		return err
	}
	if !s.config.UseTLS && s.config.StartTLS != startTLSOff {
		offered, _ := c.client.Extension("STARTTLS")
		switch {
		case offered:
			if err := c.client.StartTLS(s.tls); err != nil {
				return err
			}
		case s.config.StartTLS == startTLSRequired:
			return &channels.Error{Class: channels.Misconfigured, Code: "starttls_missing", Message: "the mail server does not offer STARTTLS"}
		}
	}
	if s.config.Username == "" {
		return nil
	}
	_, offered := c.client.Extension("AUTH")
	mechanisms := strings.Fields(strings.ToUpper(offered))
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		return c.client.Auth(smtp.PlainAuth("", s.config.Username, s.config.Password, s.config.Host, false))
	case slices.Contains(mechanisms, "LOGIN"):
		return c.client.Auth(smtp.LoginAuth(s.config.Username, s.config.Password, s.config.Host, false))
	}
	return &channels.Error{Class: channels.Misconfigured, Code: "auth_missing", Message: "the mail server offers neither AUTH PLAIN nor LOGIN"}
}

// bind makes ctx end everything that is done on the connection, which is of no
// use then: the client does nothing about contexts.
func (c *connection) bind(ctx context.Context) {
	c.raw.left = maxReplies
	c.unbind = context.AfterFunc(ctx, func() { _ = c.raw.Close() })
}

// boundedConn is a connection of which no more is read than is left.
type boundedConn struct {
	net.Conn
	left int // bytes
}

// Read implements net.Conn.
func (c *boundedConn) Read(b []byte) (int, error) {
	if c.left == 0 {
		return 0, errors.New("the mail server does not stop talking")
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// from offers the mail's sender.
func (c *connection) from(m composed) error {
	// Asked for without need, SMTPUTF8 keeps the server from passing the mail on
	// to one that does not know it.
	c.client.SkipSMTPUTF8(ascii(m.sender + m.to))
	return c.client.Mail(path(m.sender))
}

// deliver sends the rest of a mail whose sender was taken. With an error it says
// how far it came.
func (c *connection) deliver(m composed) (stage, error) {
	if err := c.client.Rcpt(path(m.to)); err != nil {
		return transfer, err
	}
	w, err := c.client.Data()
	if err != nil {
		return transfer, err
	}
	if _, err := w.Write(m.raw); err != nil {
		return transfer, err
	}
	if err := w.Close(); err != nil {
		return sent, err
	}
	c.response = w.(*smtp.DataCloser).ServerResponse()
	return sent, nil
}

// quit says good-bye and closes the connection.
func (c *connection) quit() {
	if c.client != nil {
		_ = c.raw.SetDeadline(time.Now().Add(quitTime))
		_ = c.client.Quit()
	}
	_ = c.raw.Close()
	c.unbind()
}

// path is an address as the protocol writes it.
func path(address string) string { return (&netmail.Address{Address: address}).String() }

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 0x7f }) < 0
}
