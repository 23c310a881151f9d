package voice

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/phone"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// resourceTTS marks the resource as a text template, not a recording.
const resourceTTS = 1

// sender calls from one pool of numbers.
type sender struct {
	phone.Rule // the numbers it calls
	numberPool string
	phoneParam string // the form of the params
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
	return &sender{Rule: c.numbers(), numberPool: c.NumberPool, phoneParam: c.PhoneParam, api: api}, nil
}

// Send implements channels.Sender. The receipt's details are request_id, phone_param
// (the form of the params that the vendor took, if there are any) and, when an earlier
// attempt had already asked for the call, duplicate.
func (s *sender) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	number, params, err := s.Prepare(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	call := map[string]any{
		"Phone": number.Digits(), "Type": resourceTTS, "Resource": m.TemplateCode,
		"NumberPoolNo": s.numberPool, "SingleOpenId": m.DeliveryID.String(),
	}
	details, e := s.place(ctx, call, s.phoneParam, params)
	if e != nil && refusesForm(e) && params != "" {
		// The vendor refused the whole request, so nobody was called.
		details, e = s.place(ctx, call, otherForm(s.phoneParam), params)
	}
	if e != nil {
		e.Code, e.Message = number.Redact(e.Code), number.Redact(e.Message)
		return channels.Receipt{}, e
	}
	return channels.Receipt{Details: details}, nil
}

// refusesForm reports whether a request was refused because of the params. Their form
// may be the reason: which one the vendor takes is not established.
func refusesForm(e *channels.Error) bool {
	return e.Code == codePrefix+invalidParameter && strings.Contains(e.Message, "PhoneParam")
}

func otherForm(form string) string {
	if form == formString {
		return formObject
	}
	return formString
}

// place places one call, with the params in one form, and returns the receipt's details.
func (s *sender) place(ctx context.Context, call map[string]any, form, params string) (map[string]any, *channels.Error) {
	switch {
	case params == "":
	case form == formString:
		call["PhoneParam"] = params
	default:
		call["PhoneParam"] = json.RawMessage(params)
	}
	var result struct {
		SuccessList []struct{}
		FailList    []*struct{ Type string }
	}
	requestID, e := s.api.post(ctx, "SingleBatchAppend", map[string]any{"List": []any{call}}, &result)
	if e != nil {
		return nil, e
	}
	details := map[string]any{"request_id": requestID}
	if params != "" {
		details["phone_param"] = form
	}
	switch {
	case len(result.FailList) > 0 && result.FailList[0] != nil:
		failed := result.FailList[0].Type
		if failed == duplicateItem {
			details["duplicate"] = true
			return details, nil
		}
		return nil, refusal(failed, "the call was refused", requestID)
	case len(result.SuccessList) > 0:
		return details, nil
	default:
		return nil, vendorhttp.UnexpectedAnswer()
	}
}

// unusedID is the id of a call that was never made.
const unusedID = "00000000-0000-0000-0000-000000000000"

// Probe implements channels.Prober. It asks for a call that was never made.
func (s *sender) Probe(ctx context.Context) error {
	_, e := s.api.post(ctx, querySingleInfo, map[string]any{"SingleOpenId": unusedID}, &struct{}{})
	switch {
	case e == nil:
		return nil
	case e.Class == channels.Permanent, e.Unlisted:
		return nil // the vendor accepts the credentials and refuses the id
	case e.Class == channels.Uncertain:
		e.Class = channels.Transient // a probe calls nobody
	}
	return e
}
