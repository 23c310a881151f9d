package sms

import (
	"context"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/phone"
)

// sender sends from one account under one signature.
type sender struct {
	phone.Rule // the numbers it takes
	signName   string
	api        *client
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
	return &sender{Rule: c.numbers(), signName: c.SignName, api: api}, nil
}

// Send implements channels.Sender. The receipt's details are biz_id, with which the
// vendor's console finds the message, and request_id.
func (s *sender) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	number, params, err := s.Prepare(m)
	if err != nil {
		return channels.Receipt{}, err
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
		e.Code, e.Message = number.Redact(e.Code), number.Redact(e.Message)
		return channels.Receipt{}, e
	}
	return channels.Receipt{Details: map[string]any{
		"biz_id": body.bizID, "request_id": body.requestID,
	}}, nil
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
