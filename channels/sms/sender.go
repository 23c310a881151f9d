package sms

import (
	"context"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/phone"
)

// sender sends from one account under one signature.
type sender struct {
	signName string
	numbers  phone.Rule
	api      *client
}

var (
	_ channels.Sender           = (*sender)(nil)
	_ channels.Prober           = (*sender)(nil)
	_ channels.RecipientChecker = (*sender)(nil)
)

func newSender(c *Config) (*sender, error) {
	api, err := newClient(c)
	if err != nil {
		return nil, err
	}
	return &sender{signName: c.SignName, numbers: c.numbers(), api: api}, nil
}

// CheckRecipient implements channels.RecipientChecker.
func (s *sender) CheckRecipient(r channels.Recipient) error {
	_, err := s.numbers.Parse(r.Value)
	return err
}

// Send implements channels.Sender. The receipt's details are biz_id, with which the
// vendor's console finds the message, and request_id.
func (s *sender) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	if m.Recipient.Type != channels.RecipientPhone {
		return channels.Receipt{}, permanent("recipient_type", "no phone: "+m.Recipient.Type)
	}
	number, err := s.numbers.Parse(m.Recipient.Value)
	if err != nil {
		return channels.Receipt{}, permanent("recipient", "the recipient "+err.Error())
	}
	if m.TemplateCode == "" {
		return channels.Receipt{}, permanent("template_code", "the template has no templateCode")
	}
	params, err := phone.Params(m.Params)
	if err != nil {
		return channels.Receipt{}, permanent("params", err.Error())
	}

	query := map[string]string{
		"PhoneNumbers": number.Digits(),
		"SignName":     s.signName,
		"TemplateCode": m.TemplateCode,
		"OutId":        m.DeliveryID.String(),
	}
	if params != "" {
		query["TemplateParam"] = params
	}
	body, e := s.api.call(ctx, "SendSms", query)
	if e != nil {
		// The vendor repeats what it was sent.
		e.Code, e.Message = number.Strike(e.Code), number.Strike(e.Message)
		return channels.Receipt{}, e
	}
	return channels.Receipt{Details: map[string]any{
		"biz_id": body.bizID, "request_id": body.requestID,
	}}, nil
}

func permanent(code, message string) error {
	return &channels.Error{Class: channels.Permanent, Code: code, Message: message}
}

// nobody is a number that no subscriber has.
const nobody = "10000000000"

var beijing = time.FixedZone("CST", 8*60*60)

// Probe implements channels.Prober. It asks for what was sent to nobody today.
func (s *sender) Probe(ctx context.Context) error {
	_, e := s.api.call(ctx, "QuerySendDetails", map[string]string{
		"PhoneNumber": nobody,
		"SendDate":    time.Now().In(beijing).Format("20060102"),
		"PageSize":    "1",
		"CurrentPage": "1",
	})
	switch {
	case e == nil, e.Class == channels.Permanent:
		return nil // the number is refused, by a vendor who knows us
	case e.Class == channels.Uncertain:
		e.Class = channels.Transient // nothing was to be sent
	}
	return e
}
