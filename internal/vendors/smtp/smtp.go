// Package smtp is a simulated mail server with one account. It accepts mail for every
// address.
package smtp

import (
	"context"
	"crypto/rand"
	"io"
	"log"
	"net"
	"strconv"
	"sync"

	"github.com/emersion/go-smtp"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Operations, for Fault.Where and Requests. A fault at Data is met after the whole
// mail.
const (
	Hello = "hello"
	Auth  = "auth"
	Mail  = "mail"
	Rcpt  = "rcpt"
	Data  = "data"
)

// Fault is a misbehaviour of the server. Code is an SMTP code ("550") and Message its
// text ("5.1.1 no such user").
type Fault = vendors.Fault

// Server is a simulated mail server. It speaks no TLS.
type Server struct {
	*vendors.Vendor
	username, password string
	server             *smtp.Server
	running            context.Context // until Close
	stop               context.CancelFunc

	mu    sync.Mutex
	raw   [][]byte
	valid func(token string) bool // nil: the account has a password
}

// Option changes what a new server offers.
type Option func(*smtp.Server)

// WithoutSMTPUTF8 makes a server that takes ASCII addresses only.
func WithoutSMTPUTF8(s *smtp.Server) { s.EnableSMTPUTF8 = false }

// New returns a server that knows one account and delivers to the inbox.
func New(username, password string, inbox *vendors.Inbox, options ...Option) *Server {
	s := &Server{Vendor: vendors.NewVendor(inbox), username: username, password: password}
	s.running, s.stop = context.WithCancel(context.Background())
	s.server = smtp.NewServer(smtp.BackendFunc(s.session))
	s.server.Domain = "mail.example.com"
	s.server.AllowInsecureAuth = true
	s.server.EnableSMTPUTF8 = true
	for _, option := range options {
		option(s.server)
	}
	s.server.ErrorLog = log.New(io.Discard, "", 0) // about clients that hang up
	return s
}

// Serve accepts connections until Close, and then returns nil.
func (s *Server) Serve(l net.Listener) error {
	// go-smtp's Close misses a Serve that has just begun.
	defer context.AfterFunc(s.running, func() { _ = l.Close() })()
	return s.server.Serve(l)
}

// Close stops the server and closes its connections.
func (s *Server) Close() error {
	defer s.stop()
	return s.server.Close()
}

// session answers EHLO and HELO.
func (s *Server) session(conn *smtp.Conn) (smtp.Session, error) {
	session := &session{server: s, conn: conn.Conn()}
	return session, s.meet(session.conn, Hello, func() error { return nil })
}

// meet runs effect, or what the operation's fault does instead.
func (s *Server) meet(conn net.Conn, operation string, effect func() error) error {
	fault := s.Meet(operation)
	if fault == nil {
		return effect()
	}
	var err error
	if fault.After {
		err = effect()
	}
	switch {
	case !fault.Hold(s.running):
		return smtp.ErrServerClosed
	case fault.Reset:
		vendors.Reset(conn)
		return net.ErrClosed
	case fault.Answers():
		code, _ := strconv.Atoi(fault.Code)
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: fault.Message}
	case fault.After:
		return err
	default:
		return effect()
	}
}

// deliver adds a mail to the inbox.
func (s *Server) deliver(to string, raw []byte) error {
	mail, err := Parse(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "the message is malformed"}
	}
	arrival := vendors.Arrival{
		ID: rand.Text(), Channel: "email", ToType: "email", To: to,
		Kind: "text", Subject: mail.Subject, Text: mail.Text, Mark: mail.mark(),
	}
	if mail.HTML != "" {
		arrival.Kind = "html"
	}
	s.mu.Lock()
	s.raw = append(s.raw, raw)
	s.mu.Unlock()
	s.Inbox().Add(arrival)
	return nil
}
