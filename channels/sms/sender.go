package sms

import (
	"context"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/phone"
)

// sender sends from one account under one signature.
type sender struct {
	phone.Rule // the numbers it accepts
	signName   string
	api        *client
}

var (
	_ channels.Sender           = (*sender)(nil)
	_ channels.Prober           = (*sender)(nil)
	_ channels.RecipientChecker = (*sender)(nil)
	_ channels.Checker          = (*sender)(nil)
	_ channels.Asker            = (*sender)(nil)
)

func newSender(c *Config) (*sender, error) {
	api, err := newClient(c)
	if err != nil {
		return nil, err
	}
	return &sender{Rule: c.numbers(), signName: c.SignName, api: api}, nil
}

// Send implements channels.Sender. The receipt's details are request_id and biz_id,
// by which the vendor's console finds the message.
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

// unusedNumber belongs to no subscriber.
const unusedNumber = "10000000000"

var beijing = time.FixedZone("CST", 8*60*60)

// Probe implements channels.Prober. It asks what was sent to an unused number today.
func (s *sender) Probe(ctx context.Context) error {
	_, e := s.api.call(ctx, "QuerySendDetails", map[string]string{
		"PhoneNumber": unusedNumber,
		"SendDate":    time.Now().In(beijing).Format("20060102"),
		"PageSize":    "1",
		"CurrentPage": "1",
	})
	switch {
	case e == nil, e.Class == channels.Permanent:
		return nil // the vendor accepts the credentials and refuses the number
	case e.Class == channels.Uncertain:
		e.Class = channels.Transient // a probe sends nothing
	}
	return e
}
