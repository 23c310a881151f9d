package sms

import (
	"context"
	"net/http"
	"time"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	dysmsapi "github.com/alibabacloud-go/dysmsapi-20170525/v5/client"
	"github.com/alibabacloud-go/tea/dara"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/phone"
	_ "github.com/labring/sealos-notify/channels/sms/undebug" // before the SDK
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// sender sends from one account under one signature.
type sender struct {
	signName string
	numbers  phone.Rule
	http     *http.Client
	sdk      *dysmsapi.Client // to be copied: see client
}

var (
	_ channels.Sender           = (*sender)(nil)
	_ channels.Prober           = (*sender)(nil)
	_ channels.RecipientChecker = (*sender)(nil)
)

func newSender(c *Config) (*sender, error) {
	scheme, host, err := vendorhttp.Endpoint(c.Endpoint)
	if err != nil {
		return nil, err
	}
	sdk, err := dysmsapi.NewClient(&openapi.Config{
		AccessKeyId:     &c.AccessKeyID,
		AccessKeySecret: &c.AccessKeySecret,
		Protocol:        &scheme,
		Endpoint:        &host,
	})
	if err != nil {
		return nil, err
	}
	// The SDK's own error type mixes the vendor's code into a text.
	sdk.Client.DisableSDKError = dara.Bool(true)
	return &sender{signName: c.SignName, numbers: c.numbers(), http: vendorhttp.NewClient(), sdk: sdk}, nil
}

// client returns the SDK's client for one call.
//
// When a context ends, the SDK replaces the error of the HTTP client by the
// context's, which does not say whether the request had left. So the SDK is given
// no context, and its HTTP client is. It makes one request a call: it repeats none
// unless it is given RetryOptions.
func (s *sender) client(ctx context.Context) *dysmsapi.Client {
	c := *s.sdk
	c.HttpClient = httpClient{ctx, s.http}
	return &c
}

// httpClient is the SDK's HTTP client for one call.
type httpClient struct {
	ctx    context.Context
	client *http.Client
}

// Call implements dara.HttpClient.
func (c httpClient) Call(r *http.Request, _ *http.Transport) (*http.Response, error) {
	return c.client.Do(r.WithContext(c.ctx)) //nolint:gosec // the address is the operator's
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

	request := (&dysmsapi.SendSmsRequest{}).
		SetPhoneNumbers(number.Digits()).
		SetSignName(s.signName).
		SetTemplateCode(m.TemplateCode).
		SetOutId(m.DeliveryID.String())
	if params != "" {
		request.SetTemplateParam(params)
	}
	var body dysmsapi.SendSmsResponseBody
	resp, err := s.client(ctx).SendSmsWithOptions(request, &dara.RuntimeOptions{})
	if err == nil && resp.Body != nil {
		body = *resp.Body
	}
	if e := problem(err, body.Code, body.Message, body.RequestId); e != nil {
		// The vendor repeats what it was sent.
		e.Code, e.Message = number.Strike(e.Code), number.Strike(e.Message)
		return channels.Receipt{}, e
	}
	return channels.Receipt{Details: map[string]any{
		"biz_id": dara.StringValue(body.BizId), "request_id": dara.StringValue(body.RequestId),
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
	request := (&dysmsapi.QuerySendDetailsRequest{}).
		SetPhoneNumber(nobody).
		SetSendDate(time.Now().In(beijing).Format("20060102")).
		SetPageSize(1).
		SetCurrentPage(1)
	var body dysmsapi.QuerySendDetailsResponseBody
	resp, err := s.client(ctx).QuerySendDetailsWithOptions(request, &dara.RuntimeOptions{})
	if err == nil && resp.Body != nil {
		body = *resp.Body
	}
	e := problem(err, body.Code, body.Message, body.RequestId)
	switch {
	case e == nil, e.Class == channels.Permanent:
		return nil // the number is refused, by a vendor who knows us
	case e.Class == channels.Uncertain:
		e.Class = channels.Transient // nothing was to be sent
	}
	return e
}
