package sms

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

const (
	apiVersion         = "2017-05-25"
	signatureAlgorithm = "ACS3-HMAC-SHA256"
)

// client calls the SMS API as one account.
//
// Of the SDK it uses the signature alone. The SDK's own client prints requests to
// standard output when DEBUG names one of its packages. When a context ends, it
// drops the error that tells whether the request had left.
type client struct {
	scheme, host                 string
	accessKeyID, accessKeySecret string
	http                         *http.Client
}

func newClient(c *Config) (*client, error) {
	scheme, host, err := vendorhttp.Endpoint(c.Endpoint)
	if err != nil {
		return nil, err
	}
	return &client{
		scheme: scheme, host: host,
		accessKeyID: c.AccessKeyID, accessKeySecret: c.AccessKeySecret,
		http: vendorhttp.NewClient(),
	}, nil
}

// answer is the body of an answer; other fields are not read.
type answer struct {
	code, message, bizID, requestID string
	fields                          map[string]any // all of them
}

// call calls one action of the API, once.
func (c *client) call(ctx context.Context, action string, params map[string]string) (answer, *channels.Error) {
	resp, err := c.http.Do(c.request(ctx, action, params))
	if err != nil {
		return answer{}, channels.AsError(err)
	}
	defer func() { _ = resp.Body.Close() }() // vendorhttp has read it
	// JSON of another shape has no code, which is what decides.
	var body map[string]any
	_ = json.NewDecoder(resp.Body).Decode(&body)
	text := func(name string) string { s, _ := body[name].(string); return s }
	a := answer{text("Code"), text("Message"), text("BizId"), text("RequestId"), body}
	return a, a.failure(resp.StatusCode)
}

// request returns the signed request of a call.
func (c *client) request(ctx context.Context, action string, params map[string]string) *http.Request {
	payload := hex.EncodeToString(utils.Hash(nil, dara.String(signatureAlgorithm)))
	signed := dara.Request{
		Method: dara.String(http.MethodPost), Pathname: dara.String("/"),
		Query: map[string]*string{},
		Headers: map[string]*string{
			"host":                  &c.host,
			"x-acs-version":         dara.String(apiVersion),
			"x-acs-action":          &action,
			"x-acs-date":            utils.GetTimestamp(),
			"x-acs-signature-nonce": utils.GetNonce(),
			"x-acs-content-sha256":  &payload,
		},
	}
	query := url.Values{}
	for name, value := range params {
		query.Set(name, value)
		signed.Query[name] = &value
	}
	header := http.Header{}
	for name, value := range signed.Headers {
		header.Set(name, *value)
	}
	header.Set("Authorization", *utils.GetAuthorization(
		&signed, dara.String(signatureAlgorithm), &payload, &c.accessKeyID, &c.accessKeySecret))
	header.Set("Accept", "application/json")
	header.Set("User-Agent", *utils.GetUserAgent(nil))
	address := &url.URL{Scheme: c.scheme, Host: c.host, Path: "/", RawQuery: query.Encode()}
	return (&http.Request{Method: http.MethodPost, URL: address, Header: header}).WithContext(ctx)
}
