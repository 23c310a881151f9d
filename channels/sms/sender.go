package sms

import (
	"context"
	"net/http"
	"time"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/darabonba-openapi/v2/utils"
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
	sdk      *openapi.Client // to be copied: see call
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
	sdk, err := openapi.NewClient(&utils.Config{
		AccessKeyId:     &c.AccessKeyID,
		AccessKeySecret: &c.AccessKeySecret,
		Protocol:        &scheme,
		Endpoint:        &host,
	})
	if err != nil {
		return nil, err
	}
	// The SDK's own error type mixes the vendor's code into a text.
	sdk.DisableSDKError = dara.Bool(true)
	return &sender{signName: c.SignName, numbers: c.numbers(), http: vendorhttp.NewClient(), sdk: sdk}, nil
}

// answer is the body of an answer; other fields are not looked at.
type answer struct{ code, message, bizID, requestID string }

// call calls one action of the SMS API. It uses the core of the SDK: the module of
// the SMS API has models of its hundred other actions, which cost the process
// megabytes, and does for one action what is done here.
//
// When a context ends, the SDK replaces the error of the HTTP client by the
// context's, which does not say whether the request had left. So the SDK is given
// no context, and its HTTP client is. It makes one request a call: it repeats none
// unless it is given RetryOptions.
func (s *sender) call(ctx context.Context, action string, query map[string]*string) (answer, error) {
	sdk := *s.sdk
	sdk.HttpClient = httpClient{ctx, s.http}
	result, err := sdk.CallApi(&utils.Params{
		Action: &action, Version: dara.String("2017-05-25"), Style: dara.String("RPC"), AuthType: dara.String("AK"),
		Protocol: sdk.Protocol, Method: dara.String(http.MethodPost), Pathname: dara.String("/"),
		ReqBodyType: dara.String("formData"), BodyType: dara.String("json"),
	}, &utils.OpenApiRequest{Query: query}, &dara.RuntimeOptions{})
	body, _ := result["body"].(map[string]any)
	text := func(name string) string { t, _ := body[name].(string); return t }
	return answer{text("Code"), text("Message"), text("BizId"), text("RequestId")}, err
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

	query := map[string]*string{
		"PhoneNumbers": dara.String(number.Digits()),
		"SignName":     &s.signName,
		"TemplateCode": &m.TemplateCode,
		"OutId":        dara.String(m.DeliveryID.String()),
	}
	if params != "" {
		query["TemplateParam"] = &params
	}
	body, err := s.call(ctx, "SendSms", query)
	if e := problem(err, body); e != nil {
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
	body, err := s.call(ctx, "QuerySendDetails", map[string]*string{
		"PhoneNumber": dara.String(nobody),
		"SendDate":    dara.String(time.Now().In(beijing).Format("20060102")),
		"PageSize":    dara.String("1"),
		"CurrentPage": dara.String("1"),
	})
	e := problem(err, body)
	switch {
	case e == nil, e.Class == channels.Permanent:
		return nil // the number is refused, by a vendor who knows us
	case e.Class == channels.Uncertain:
		e.Class = channels.Transient // nothing was to be sent
	}
	return e
}
