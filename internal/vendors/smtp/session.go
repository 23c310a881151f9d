package smtp

import (
	"io"
	"net"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is the session of one client. Reset ends a mail, not the session.
type session struct {
	server *Server
	conn   net.Conn
	authed bool
	to     string
}

var _ smtp.AuthSession = (*session)(nil)

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string {
	if s.server.tokens() != nil {
		return []string{xoauth2}
	}
	return []string{sasl.Plain}
}

// Auth implements smtp.AuthSession.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if mechanism == xoauth2 {
		return &xoauth2Server{check: s.logInByToken}, nil
	}
	return sasl.NewPlainServer(func(_, username, password string) error {
		return s.server.meet(s.conn, Auth, func() error {
			if username != s.server.username || password != s.server.password {
				return smtp.ErrAuthFailed
			}
			s.authed = true
			return nil
		})
	}), nil
}

func (s *session) logInByToken(username, token string) error {
	return s.server.meet(s.conn, Auth, func() error {
		valid := s.server.tokens()
		if valid == nil || username != s.server.username || !valid(token) {
			return smtp.ErrAuthFailed
		}
		s.authed = true
		return nil
	})
}

// Mail implements smtp.Session.
func (s *session) Mail(string, *smtp.MailOptions) error {
	return s.server.meet(s.conn, Mail, func() error {
		if !s.authed {
			return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
		}
		return nil
	})
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	return s.server.meet(s.conn, Rcpt, func() error {
		s.to = to
		return nil
	})
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err // the client has gone
	}
	if mail, err := Parse(raw); err == nil {
		s.server.Inbox().Request(mail.mark())
	}
	return s.server.meet(s.conn, Data, func() error { return s.server.deliver(s.to, raw) })
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.to = "" }

// Logout implements smtp.Session.
func (*session) Logout() error { return nil }
