package email

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	netmail "net/mail"
	"os"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/labring/sealos-notify/channels"
)

// quitTime bounds the QUIT command. Nothing depends on its answer.
const quitTime = 2 * time.Second

// maxReplies bounds the server's replies to one mail, in bytes. A reply may have any
// number of lines, and the client keeps them all.
const maxReplies = 1 << 20

// connection is a logged-in connection to the server. One mail at a time uses it.
type connection struct {
	raw    *boundedConn
	client *smtp.Client
	// unbind undoes bind. It returns false when the context has ended.
	unbind   func() bool
	expiry   *time.Timer // while idle
	response string      // of the server to the last mail
}

// connect opens a connection and logs in. A refused access token is replaced once,
// because the server may have stopped to accept it before its time.
func (s *sender) connect(ctx context.Context) (*connection, error) {
	c, err := s.open(ctx, "")
	var refused *refusedToken
	if errors.As(err, &refused) {
		return s.open(ctx, refused.token)
	}
	return c, err
}

// open opens a connection and logs in, by another token than the refused one.
func (s *sender) open(ctx context.Context, refused string) (*connection, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", s.config.address())
	if err != nil {
		return nil, err
	}
	c := &connection{raw: &boundedConn{Conn: raw}}
	c.bind(ctx)
	if err := s.logIn(ctx, c, refused); err != nil {
		c.quit()
		return nil, err
	}
	return c, nil
}

func (s *sender) logIn(ctx context.Context, c *connection, refused string) error {
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
	return s.authenticate(ctx, c.client, refused)
}

// bind closes the connection when ctx ends, because the client ignores contexts.
func (c *connection) bind(ctx context.Context) {
	c.raw.left = maxReplies
	c.unbind = context.AfterFunc(ctx, func() { _ = c.raw.Close() })
}

// boundedConn is a connection from which no more than left bytes are read.
type boundedConn struct {
	net.Conn
	left int
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

// from sends the MAIL command.
func (c *connection) from(m composed) error {
	// Without need, SMTPUTF8 would keep the server from relaying the mail to servers
	// that lack the extension.
	c.client.SkipSMTPUTF8(ascii(m.sender + m.to))
	if err := c.accepts(m); err != nil {
		return err
	}
	return c.client.Mail(path(m.sender))
}

// deliver sends the rest of a mail after from. It returns the stage that it reached.
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

// quit sends QUIT and closes the connection.
func (c *connection) quit() {
	if c.client != nil {
		_ = c.raw.SetDeadline(time.Now().Add(quitTime))
		_ = c.client.Quit()
	}
	_ = c.raw.Close()
	c.unbind()
}

// path returns an address as the protocol writes it.
func path(address string) string { return (&netmail.Address{Address: address}).String() }

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 0x7f }) < 0
}
