// Package smtp is a simulated mail server with one account. It accepts mail for every
// address. It can have few places for connections and a quota, whose refusals have the
// codes of RFC 3463 and the texts of Exim ("Too many concurrent SMTP connections",
// smtp_in.c) and of Gmail ("Daily user sending limit exceeded", support.google.com/a/answer/3726730).
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

// Faults are the server's faults by name. The texts are those of Amazon SES and Postfix.
var Faults = map[string]Fault{
	vendors.Throttle:      {Where: Data, Times: 1, Code: "454", Message: "Throttling failure: Maximum sending rate exceeded."},
	vendors.Down:          {Where: Hello, Times: 1, Reset: true},
	vendors.Refuse:        {Where: Rcpt, Times: 1, Code: "550", Message: "5.1.1 Recipient address rejected: User unknown in local recipient table"},
	vendors.Misconfigured: {Where: Auth, Times: 1, Code: "535", Message: "5.7.8 Error: authentication failed"},
	vendors.Lost:          {Where: Data, Times: 1, After: true, Reset: true},
}

// Server is a simulated mail server. It speaks no TLS.
type Server struct {
	*vendors.Vendor
	username, password string
	server             *smtp.Server
	running            context.Context // until Close
	stop               context.CancelFunc

	mu     sync.Mutex
	limits Limits
	open   int // connections that were greeted
	most   int // of open
	turned int // connections that were turned away
	raw    [][]byte
	valid  func(token string) bool // nil: the account has a password
}

// Limits are what a server bears. 0 is no limit.
type Limits struct {
	Places int // connections at once
	Quota  int // mails, until the limits are set again
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

// Limit sets the limits. Connections that are open stay so.
func (s *Server) Limit(l Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = l
}

// Connections returns how many connections have been open at once, and how many were
// turned away because there was no place.
func (s *Server) Connections() (most, turnedAway int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most, s.turned
}

// Serve accepts connections until Close, and then returns nil.
func (s *Server) Serve(l net.Listener) error {
	// go-smtp's Close misses a Serve that has just begun.
	defer context.AfterFunc(s.running, func() { _ = l.Close() })()
	return s.server.Serve(&door{l, s})
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
	if !s.takeMail() {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 4, 5}, Message: "Daily user sending limit exceeded."}
	}
	mail, err := Parse(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "the message is malformed"}
	}
	arrival := vendors.Arrival{
		ID: rand.Text(), Channel: "email", ToType: "email", To: to,
		Kind: "text", Subject: mail.Subject, Text: mail.Text, Mark: mail.mark(),
	}
	if mail.HTML != "" {
		arrival.Kind, arrival.HTML = "html", mail.HTML
	}
	s.mu.Lock()
	s.raw = append(s.raw, raw)
	s.mu.Unlock()
	s.Inbox().Add(arrival)
	return nil
}
