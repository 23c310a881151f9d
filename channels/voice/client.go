package voice

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

const apiVersion = "2022-01-01"

// client calls the vendor's API. docs/decisions/014-volcengine-client.md says why it is not the vendor's SDK.
type client struct {
	http            *http.Client
	url             url.URL // scheme and host
	accessKeyID     string
	accessKeySecret string
	region          string
}

func newClient(c *Config) (*client, error) {
	scheme, host, err := vendorhttp.Endpoint(c.Endpoint)
	if err != nil {
		return nil, err
	}
	return &client{
		http: vendorhttp.NewClient(), url: url.URL{Scheme: scheme, Host: host, Path: "/"},
		accessKeyID: c.AccessKeyID, accessKeySecret: c.AccessKeySecret, region: c.Region,
	}, nil
}

// post calls an action that takes JSON. It decodes the answer's result into result and returns the vendor's id
// of the request.
func (c *client) post(ctx context.Context, action string, input, result any) (requestID string, e *channels.Error) {
	body, err := json.Marshal(input)
	if err != nil {
		return "", notMade(err)
	}
	return c.call(ctx, http.MethodPost, url.Values{"Action": {action}}, body, result)
}

// get calls an action that takes parameters.
func (c *client) get(ctx context.Context, action, name, value string, result any) *channels.Error {
	_, e := c.call(ctx, http.MethodGet, url.Values{"Action": {action}, name: {value}}, nil, result)
	return e
}

func (c *client) call(ctx context.Context, method string, query url.Values, body []byte, result any) (requestID string, e *channels.Error) {
	target := c.url
	query.Set("Version", apiVersion)
	target.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return "", notMade(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	c.sign(req, body, time.Now())
	resp, err := c.http.Do(req)
	if err != nil {
		return "", failure(err)
	}
	defer func() { _ = resp.Body.Close() }() // vendorhttp has read it

	var answer struct {
		ResponseMetadata struct {
			RequestID string `json:"RequestId"`
			Error     struct{ Code, Message string }
		}
		Result json.RawMessage
	}
	err = json.NewDecoder(resp.Body).Decode(&answer)
	metadata := answer.ResponseMetadata
	switch {
	case err == nil && metadata.Error.Code != "":
		return "", refusal(metadata.Error.Code, metadata.Error.Message, metadata.RequestID)
	case resp.StatusCode >= http.StatusBadRequest:
		return "", vendorhttp.StatusError(resp.StatusCode)
	case err != nil || len(answer.Result) > 0 && json.Unmarshal(answer.Result, result) != nil:
		return "", vendorhttp.UnexpectedAnswer()
	}
	return metadata.RequestID, nil
}
