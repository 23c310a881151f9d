package email

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/labring/sealos-notify/channels"
)

const (
	// quitTime bounds the QUIT command. Nothing depends on its answer.
	quitTime = 2 * time.Second
	// closeTime is how long a server may take to answer after the call was given up. RFC
	// 5321, 4.5.3.2, gives it 5 minutes for most commands.
	closeTime = 5 * time.Minute
	// maxReplies bounds what the server says for one mail, TLS and login included, in
	// bytes. A reply may have any number of lines, and the client keeps them all, in time
	// that grows with the square of their number.
	maxReplies = 64 << 10
)

// dialer notices within half a minute that the server's machine is gone. A server that only
// is slow keeps the connection.
var dialer = net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
	Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4,
}}

// connection is a connection to the server. One mail at a time uses it.
type connection struct {
	place  channels.Place
	until  time.Time // it is not kept for another mail then
	raw    *boundedConn
	client *smtp.Client // nil until the connection is open and logged in
	expiry *time.Timer  // while idle
	unbind func() bool  // undoes bind; it returns false when the context has ended
}

// open opens a connection and logs in. A refused access token is replaced once, because the
// server may have stopped to accept it before its time.
func (s *sender) open(ctx context.Context, c *connection) error {
	err := s.openWith(ctx, c, "")
	var refused *refusedToken
	if errors.As(err, &refused) {
		c.unbind()
		return s.openWith(ctx, c, refused.token)
	}
	return err
}

// openWith opens a connection and logs in, by another access token than the refused one.
func (s *sender) openWith(ctx context.Context, c *connection, refused string) error {
	raw, err := dialer.DialContext(ctx, "tcp", s.config.address())
	if err != nil {
		return err
	}
	c.raw = &boundedConn{Conn: raw}
	c.bind(ctx)
	client, err := s.logIn(ctx, c.raw, refused)
	if err != nil {
		if client != nil {
			hangUp(c.raw, client)
		}
		_ = raw.Close()
		return err
	}
	c.client = client
	return nil
}

// logIn returns the client, also when the server has greeted it and then refused.
func (s *sender) logIn(ctx context.Context, conn net.Conn, refused string) (*smtp.Client, error) {
	if s.config.UseTLS {
		secured := tls.Client(conn, s.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		conn = secured
	}
	client, err := smtp.NewClient(conn, s.config.Host)
	if err != nil {
		return nil, err
	}
	if err := client.Hello(s.helo); err != nil {
		return client, err
	}
	if !s.config.UseTLS && s.config.StartTLS != startTLSOff {
		offered, _ := client.Extension("STARTTLS")
		switch {
		case offered:
			if err := client.StartTLS(s.tls); err != nil {
				return client, err
			}
		case s.config.StartTLS == startTLSRequired:
			return client, &channels.Error{Class: channels.Misconfigured, Code: "starttls_missing", Message: "the mail server does not offer STARTTLS"}
		}
	}
	return client, s.authenticate(ctx, client, refused)
}

// bind bounds what one call may take of a connection. When ctx ends, nothing more is sent:
// the server sees the end of the connection when it reads on, and then closes it. Until
// then, and for closeTime at most, the connection is read, because the server still has it.
func (c *connection) bind(ctx context.Context) {
	c.raw.left = maxReplies
	deadline, bounded := ctx.Deadline()
	if !bounded {
		deadline = time.Now()
	}
	_ = c.raw.SetDeadline(deadline.Add(closeTime))
	raw := c.raw
	c.unbind = context.AfterFunc(ctx, raw.closeWrite)
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

// closeWrite ends what is written to the connection.
func (c *boundedConn) closeWrite() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
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

// quit sends QUIT and closes the connection, when it is open.
func (c *connection) quit() {
	if c.client == nil {
		return
	}
	hangUp(c.raw, c.client)
	c.client = nil
}

// hangUp ends a session, and waits until the server has closed its side: until then, it
// counts the connection.
func hangUp(raw *boundedConn, client *smtp.Client) {
	_ = raw.SetDeadline(time.Now().Add(quitTime))
	if _, err := client.Text.Cmd("QUIT"); err == nil {
		_, _, _ = client.Text.ReadResponse(221)
	}
	raw.closeWrite()
	_, _ = io.Copy(io.Discard, client.Text.R)
	_ = raw.Close()
}

// response returns the server's reply to the mail that was written to w.
func response(w io.WriteCloser) string {
	if closer, ok := w.(*smtp.DataCloser); ok {
		return closer.ServerResponse()
	}
	return ""
}

// path returns an address as the protocol writes it.
func path(address string) string { return (&netmail.Address{Address: address}).String() }

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 0x7f }) < 0
}
