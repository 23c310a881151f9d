package email

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"strings"
	"time"

	"github.com/labring/sealos-notify/channels"
)

// Codes of the failures without a reply of the server.
const (
	codeConnectFailed  = "connect_failed"
	codeConnectionLost = "connection_lost" // before the mail's end was sent
	codeNoAnswer       = "no_answer"       // after it
	codeTimeout        = "timeout"
	codeTLSFailed      = "tls_failed"
	codeNotSMTP        = "not_smtp"
)

// quotaWait is between two tries while our quota at the server is spent. Quotas are
// renewed at midnight somewhere, or little by little.
const quotaWait = time.Hour

// failure returns the typed error of a failure at the stage.
func (s *sender) failure(ctx context.Context, at stage, err error, to string) *channels.Error {
	var own *channels.Error
	var reply *textproto.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &reply):
		return s.refusal(at, reply, to)
	}
	e := &channels.Error{Class: channels.Transient, Cause: err}
	if at == sent {
		e.Class = channels.Uncertain
	}
	switch {
	case ctx.Err() != nil:
		e.Code, e.Message, e.Cause = codeTimeout, "the mail server did not answer within the time allowed", ctx.Err()
	case at == sent:
		e.Code, e.Message = codeNoAnswer, "the connection broke before the mail server's answer"
	case at == recipient || at == content:
		e.Code, e.Message = codeConnectionLost, "the connection to the mail server broke"
	case brokenTLS(err):
		e.Class, e.Code, e.Message = channels.Misconfigured, codeTLSFailed, s.redact(err.Error(), to)
	case ended(err):
		e.Code, e.Message = codeConnectFailed, "cannot connect to the mail server"
	default:
		e.Code, e.Message = codeNotSMTP, "what answers there does not speak SMTP"
	}
	return e
}

// brokenTLS reports whether the two sides cannot agree on TLS, now or later.
func brokenTLS(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(tls.RecordHeaderError)) ||
		errors.As(err, new(tls.AlertError)) || strings.HasPrefix(err.Error(), "tls: ")
}

// ended reports whether the connection failed or was closed. A server that closes an
// idle connection may send 421 first.
func ended(err error) bool {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return reply.Code == 421
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// refusal returns the error of a reply. The reply is not its cause, because it names
// the recipient.
func (s *sender) refusal(at stage, reply *textproto.Error, to string) *channels.Error {
	e := &channels.Error{Code: replyCode(reply), Message: s.redact(fmt.Sprintf("%d %s", reply.Code, reply.Msg), to)}
	switch what := subjectOf(at, reply); what {
	case aboutUs:
		e.Class = channels.Misconfigured
	case aboutQuota:
		e.Class, e.QuotaSpent, e.RetryAfter = channels.Throttled, true, quotaWait
	case aboutPace:
		e.Class = channels.Throttled
	case aboutMail:
		e.Class, e.AddressGone = channels.Permanent, at == recipient && addressGone(reply)
	case aboutMoment:
		e.Class, e.OfMessage = channels.Transient, at != opening && reply.Code != 421 // the server closes
	case aboutNothing:
		e.Class = channels.Uncertain
	}
	return e
}

// enhancedCode matches the code that begins a line of a reply (RFC 3463).
var enhancedCode = regexp.MustCompile(`(?m)^[245]\.\d{1,3}\.\d{1,3}\b`)

// goneCodes are the enhanced codes of an address that does not exist, under the heading "Addressing
// Status": 5.1.1 no such mailbox, 5.1.2 no such domain, 5.1.3 no address, 5.1.6 the mailbox has moved
// (RFC 3463, section 3.2), and 5.1.10 a domain that takes no mail (RFC 7505), which Exchange says of
// mailboxes, too ("Email non-delivery reports in Exchange Online").
var goneCodes = map[string]bool{"5.1.1": true, "5.1.2": true, "5.1.3": true, "5.1.6": true, "5.1.10": true}

// addressGone reports whether a refusal of RCPT says that the address does not exist. A server that
// gives no enhanced code may mean anything.
func addressGone(reply *textproto.Error) bool {
	return (reply.Code == 550 || reply.Code == 551 || reply.Code == 553) && goneCodes[enhancedCode.FindString(reply.Msg)]
}

// replyCode returns smtp_5.1.1, or smtp_550 when the reply has no enhanced code.
func replyCode(reply *textproto.Error) string {
	if code := enhancedCode.FindString(reply.Msg); code != "" {
		return "smtp_" + code
	}
	return fmt.Sprintf("smtp_%d", reply.Code)
}

// secrets returns the forms in which the account is sent to the server.
func secrets(username, password string) []string {
	if username == "" {
		return nil
	}
	encode := base64.StdEncoding.EncodeToString
	return []string{
		encode([]byte("\x00" + username + "\x00" + password)),
		encode([]byte(password)), encode([]byte(username)), password, username,
	}
}

// namePattern matches a name in a server's text.
var namePattern = regexp.MustCompile(`[^\s<>()\[\]:;,"'@]+`)

// redact returns a server's text without the account and the recipient, whom servers
// often name by the part before the @ alone.
func (s *sender) redact(text, to string) string {
	text = s.tokens.redact(channels.Redact(channels.Redact(text, to), s.hide...))
	if local, _, found := strings.Cut(to, "@"); found {
		text = namePattern.ReplaceAllStringFunc(text, func(name string) string {
			if strings.EqualFold(strings.TrimRight(name, "."), local) {
				return "***"
			}
			return name
		})
	}
	return channels.CleanText(text)
}
