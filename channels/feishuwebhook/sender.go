package feishuwebhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// requestID is the header with the delivery's id. Feishu ignores it; it helps to find
// a delivery in the log of a gateway.
const requestID = "X-Request-Id"

// sender posts as one bot.
type sender struct {
	url    *url.URL
	secret string
	dialer *net.Dialer
	client *http.Client
}

var (
	_ channels.Sender           = (*sender)(nil)
	_ channels.Prober           = (*sender)(nil)
	_ channels.RecipientChecker = (*sender)(nil)
	_ channels.Checker          = (*sender)(nil)
	_ channels.Mentioner        = (*sender)(nil)
)

// CheckRecipient implements channels.RecipientChecker.
func (s *sender) CheckRecipient(r channels.Recipient) error { return checkRecipient(r) }

// CheckMention implements channels.Mentioner. Every message of a bot is in its group.
func (s *sender) CheckMention(_, person channels.Recipient) error {
	if person.Type != channels.RecipientFeishuUserID {
		return errors.New("is nobody whom a Feishu group mentions; it mentions a " + channels.RecipientFeishuUserID)
	}
	return checkUser(person.Value)
}

// Check implements channels.Checker.
func (s *sender) Check(m channels.Message) error {
	_, _, err := s.compose(m)
	return err
}

// compose returns the payload of a message, and the body that has it.
func (s *sender) compose(m channels.Message) (p payload, body []byte, err error) {
	if err := checkRecipient(m.Recipient); err != nil {
		return p, nil, channels.PermanentError("recipient", "the recipient "+err.Error())
	}
	for _, person := range m.Mention {
		if err := s.CheckMention(m.Recipient, person); err != nil {
			return p, nil, channels.PermanentError("mention", "somebody to mention "+err.Error())
		}
	}
	if p, err = newPayload(m); err != nil {
		return p, nil, err
	}
	if s.secret != "" {
		p.sign(s.secret, time.Now())
	}
	body, err = p.encode()
	return p, body, err
}

// Send implements channels.Sender. The receipt's details are the vendor's log_id, if it
// gave one.
func (s *sender) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	p, body, err := s.compose(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.String(), bytes.NewReader(body))
	if err != nil {
		return channels.Receipt{}, errors.New("webhookUrl: is no address") // Validate has checked it
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set(requestID, m.DeliveryID.String())
	resp, err := s.client.Do(req)
	if err != nil {
		return channels.Receipt{}, asError(err)
	}
	defer func() { _ = resp.Body.Close() }() // vendorhttp has read it
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return channels.Receipt{}, asError(err)
	}
	hide := append(mentioned(m.Mention), token(s.url), s.secret, p.Sign)
	if m.Recipient.Type != channels.RecipientFeishuGroup {
		hide = append(hide, m.Recipient.Value)
	}
	if err := refusal(resp, answer, hide...); err != nil {
		return channels.Receipt{}, err
	}
	if id := logID(resp); id != "" {
		return channels.Receipt{Details: map[string]any{"log_id": id}}, nil
	}
	return channels.Receipt{}, nil
}

// Probe implements channels.Prober. It only connects: every call of a bot sends a
// message, so the token and the secret are not checked.
func (s *sender) Probe(ctx context.Context) error {
	port := s.url.Port()
	if port == "" {
		port = s.url.Scheme // the dialer knows the names http and https
	}
	address := net.JoinHostPort(s.url.Hostname(), port)
	dial := s.dialer.DialContext
	if s.url.Scheme == "https" {
		dial = (&tls.Dialer{NetDialer: s.dialer}).DialContext
	}
	conn, err := dial(ctx, "tcp", address)
	if err == nil {
		_ = conn.Close() // nothing was written
		return nil
	}
	var unknown *net.DNSError
	var untrusted *tls.CertificateVerificationError
	e := &channels.Error{Class: channels.Transient, Code: vendorhttp.CodeConnectFailed, Message: "cannot connect to the vendor", Cause: err}
	switch {
	case errors.Is(err, errInternal):
		return internalAddress()
	case errors.As(err, &unknown):
		e.Message = "the name of the vendor's host cannot be looked up"
	case errors.As(err, &untrusted):
		e.Message = "the vendor's certificate is not trusted"
	}
	return e
}
