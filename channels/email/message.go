package email

import (
	"bytes"
	"fmt"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/labring/sealos-notify/channels"
)

// composed is a mail ready to be sent.
type composed struct {
	sender, to string // bare addresses
	id         string // of the Message-ID header, without its angle brackets
	raw        []byte
}

// Check implements channels.Checker.
func (s *sender) Check(m channels.Message) error {
	_, err := s.compose(m)
	return err
}

// compose returns the mail of a message, or a permanent error.
func (s *sender) compose(m channels.Message) (composed, error) {
	if m.Recipient.Type != channels.RecipientEmail {
		return composed{}, channels.PermanentError("recipient_type", fmt.Sprintf("no mail recipient: %q", m.Recipient.Type))
	}
	// A line break in a header would let the caller add headers.
	if hasBreak(m.Recipient.Value) || hasBreak(m.Subject) {
		return composed{}, channels.PermanentError("line_break", "the recipient or the subject has a line break or a NUL character in it")
	}
	to, err := parseRecipient(m.Recipient.Value)
	if err != nil {
		return composed{}, channels.PermanentError("invalid_address", err.Error())
	}

	domain := s.from.Address[strings.LastIndexByte(s.from.Address, '@'):]
	c := composed{sender: s.from.Address, to: to.Address, id: m.DeliveryID.String() + domain}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.SetDate()
	msg.SetMessageIDWithValue(c.id)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no out-of-office replies (RFC 3834)
	switch m.MsgType {
	case msgText:
		msg.SetBodyString(gomail.TypeTextPlain, m.Body)
	case msgHTML:
		msg.SetBodyString(gomail.TypeTextPlain, plainText(m.Body))
		msg.AddAlternativeString(gomail.TypeTextHTML, m.Body)
	default:
		return composed{}, channels.PermanentError("msg_type", fmt.Sprintf("no such message type: %q", m.MsgType))
	}
	var raw bytes.Buffer
	// go-mail would write a long word or an encoded word in a text as it is, and begin a
	// long field with an empty line, as it does with the Message-ID.
	unsubscribe := s.unsubscribe
	if m.Unsubscribe != "" {
		unsubscribe = unsubscribeFields(m.Unsubscribe)
	}
	raw.WriteString(s.header + unsubscribe + addressField("To", to) + textField("Subject", m.Subject, maxRawWord))
	if _, err := msg.WriteTo(&raw); err != nil {
		return composed{}, &channels.Error{Class: channels.Permanent, Code: "invalid_message", Message: "the mail cannot be composed", Cause: err}
	}
	c.raw = bytes.Replace(raw.Bytes(), []byte("\r\nMessage-ID:\r\n <"), []byte("\r\nMessage-ID: <"), 1)
	return c, nil
}

// accepts returns an error when an address of the mail needs SMTPUTF8 (RFC 6531) and the
// server does not offer it. Domains never need it.
func (c *connection) accepts(m composed) error {
	if offered, _ := c.client.Extension("SMTPUTF8"); offered || ascii(m.sender+m.to) {
		return nil
	}
	e := &channels.Error{
		Class: channels.Permanent, Code: "smtputf8_missing",
		Message: "the mail server does not take an address that has other than ASCII characters before the @",
	}
	if !ascii(m.sender) {
		e.Class = channels.Misconfigured
	}
	return e
}

// hasBreak reports whether the value would end a header's line.
func hasBreak(s string) bool { return strings.ContainsAny(s, "\r\n\x00") }
