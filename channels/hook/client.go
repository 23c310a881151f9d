package hook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// requestID is the header with the delivery's id. It helps to find a delivery in the log of a
// gateway.
const requestID = "X-Request-Id"

// Client makes requests to one address, over connections of its own: never through a proxy,
// which would connect to addresses that the dialer refuses.
type Client struct {
	key    string // of the address
	url    *url.URL
	dialer *net.Dialer
	client *http.Client
}

// NewClient returns a client for the address that the key has. The options have checked both.
// Answers are JSON (see vendorhttp.NewDirectClient).
func NewClient(key, address string, o Options) (*Client, error) {
	return newClient(key, address, o, vendorhttp.NewDirectClient)
}

// NewPlainClient is NewClient for a receiver whose answers may be anything (see
// vendorhttp.NewPlainClient).
func NewPlainClient(key, address string, o Options) (*Client, error) {
	return newClient(key, address, o, vendorhttp.NewPlainClient)
}

func newClient(key, address string, o Options, open func(*net.Dialer) *http.Client) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, channels.KeyErrorf(key, "is no address")
	}
	dialer := vendorhttp.NewDialer()
	if !o.AllowPrivateNetworks {
		dialer.Control = publicOnly
	}
	return &Client{key: key, url: u, dialer: dialer, client: open(dialer)}, nil
}

// Reply is an answer that was read to its end.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// URL returns the address.
func (c *Client) URL() *url.URL { return c.url }

// Post sends the JSON body of a message to the address, with query in the place of the address's
// own unless it is empty.
func (c *Client) Post(ctx context.Context, m channels.Message, query url.Values, body []byte) (Reply, error) {
	to := *c.url
	if len(query) > 0 {
		to.RawQuery = query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return Reply{}, channels.PermanentError("internal", c.key+" is no address") // it was checked
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set(requestID, m.DeliveryID.String())
	return c.Do(req)
}

// Do sends a request. Its errors do not show the address.
func (c *Client) Do(req *http.Request) (Reply, error) {
	resp, err := c.client.Do(req)
	if err != nil {
		return Reply{}, c.asError(err)
	}
	defer func() { _ = resp.Body.Close() }() // vendorhttp has read it
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Reply{}, c.asError(err)
	}
	return Reply{resp.StatusCode, resp.Header, body}, nil
}

// asError returns the typed error of a call without net/http's wrapper, which holds the address.
func (c *Client) asError(err error) error {
	if errors.Is(err, errInternal) {
		return c.internalAddress()
	}
	return channels.AsError(err)
}

func (c *Client) internalAddress() error {
	return &channels.Error{
		Class: channels.Misconfigured, Code: "internal_address",
		Message: c.key + ": " + errInternal.Error(), Cause: errInternal,
	}
}

// Probe implements channels.Prober. It only connects, because a request would be a message.
func (c *Client) Probe(ctx context.Context) error {
	port := c.url.Port()
	if port == "" {
		port = c.url.Scheme // the dialer knows the names http and https
	}
	address := net.JoinHostPort(c.url.Hostname(), port)
	dial := c.dialer.DialContext
	if c.url.Scheme == "https" {
		dial = (&tls.Dialer{NetDialer: c.dialer}).DialContext
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
		return c.internalAddress()
	case errors.As(err, &unknown):
		e.Message = "the name of the vendor's host cannot be looked up"
	case errors.As(err, &untrusted):
		e.Message = "the vendor's certificate is not trusted"
	}
	return e
}
