// Package client calls the API of sealos-notify. It needs the standard library only.
//
//	c, err := client.New(client.Options{URL: "https://notify.example.com", AppID: id, AppSecret: secret})
//	accepted, err := c.Send(ctx, client.SendRequest{…})
//
// A request that the service refuses returns a *Problem. A request without an answer
// returns an error that wraps ErrUnreachable.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ErrUnreachable is wrapped by the error of a request that got no answer. The service
// may have acted on the request.
var ErrUnreachable = errors.New("the service does not answer")

const (
	// tries bounds how often a repeatable request is sent.
	tries = 4
	// firstPause comes before the second try. Each later pause is twice as long.
	firstPause = 200 * time.Millisecond
	// longestPause bounds the pause that Retry-After asks for.
	longestPause = 30 * time.Second
	// answerTimeout bounds one try with the default HTTP client.
	answerTimeout = 30 * time.Second
)

// Options are the service's address and the app that calls.
type Options struct {
	URL       string // of the service, such as https://notify.example.com
	AppID     string
	AppSecret string

	// HTTPClient makes the requests; nil for one with a timeout of 30 seconds.
	// Redirects are not followed, because they would send the secret elsewhere.
	HTTPClient *http.Client
}

// Client calls the API. It is safe for concurrent use.
type Client struct {
	base             string
	appID, appSecret string
	http             http.Client
}

// New returns a client. It makes no request.
func New(o Options) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("the URL of the service must look like https://host:port")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the URL of the service must have no user, query or fragment")
	}
	c := &Client{base: strings.TrimSuffix(u.String(), "/"), appID: o.AppID, appSecret: o.AppSecret}
	if o.HTTPClient != nil {
		c.http = *o.HTTPClient
	} else {
		c.http.Timeout = answerTimeout
	}
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

// call is one request to the API.
type call struct {
	method string
	path   string // escaped
	query  url.Values
	body   any
	// repeatable is true when sending the request again is safe, even if the service
	// acted on the first one.
	repeatable bool
}

// do makes the call, repeats it where that can help, and decodes the answer's body
// into answer, unless that is nil. It returns the last answer's status.
func (c *Client) do(ctx context.Context, call call, answer any) (status int, err error) {
	var payload []byte
	if call.body != nil {
		if payload, err = json.Marshal(call.body); err != nil {
			return 0, fmt.Errorf("%s %s: %w", call.method, call.path, err)
		}
	}
	pause := firstPause
	for try := 1; ; try++ {
		status, err = c.once(ctx, call, payload, answer)
		if err == nil || try == tries || !call.repeatable || !isTemporary(err) {
			return status, err
		}
		wait := pause
		var p *Problem
		if errors.As(err, &p) && p.RetryAfter > 0 {
			wait = min(p.RetryAfter, longestPause)
		}
		pause *= 2
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return status, err
		}
	}
}

// isTemporary reports whether the same request may succeed a little later.
func isTemporary(err error) bool {
	var p *Problem
	if errors.As(err, &p) {
		return p.Status == http.StatusServiceUnavailable
	}
	return errors.Is(err, ErrUnreachable)
}

func (c *Client) once(ctx context.Context, call call, payload []byte, answer any) (int, error) {
	target := c.base + call.path
	if len(call.query) > 0 {
		target += "?" + call.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, call.method, target, bytes.NewReader(payload))
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", call.method, call.path, err)
	}
	if payload != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.appID != "" || c.appSecret != "" {
		req.Header.Set("X-App-Id", c.appID)
		req.Header.Set("X-App-Secret", c.appSecret)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, unanswered(ctx, call, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, unanswered(ctx, call, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return resp.StatusCode, problemOf(resp, body)
	}
	if answer == nil {
		return resp.StatusCode, nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return resp.StatusCode, fmt.Errorf("%s %s: the answer is not the service's: %w", call.method, call.path, err)
	}
	return resp.StatusCode, nil
}

// unanswered returns the error of a request without an answer. When the context has
// ended, the error is the context's and does not wrap ErrUnreachable.
func unanswered(ctx context.Context, call call, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", call.method, call.path, ctx.Err())
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // the text of u shows the query, which may hold recipients
	}
	return fmt.Errorf("%w: %s %s: %w", ErrUnreachable, call.method, call.path, err)
}

// query holds the parameters that are set.
type query url.Values

func (q query) text(name, value string) {
	if value != "" {
		q[name] = []string{value}
	}
}

func (q query) time(name string, value time.Time) {
	if !value.IsZero() {
		q[name] = []string{value.Format(time.RFC3339Nano)}
	}
}

func (q query) number(name string, value int) {
	if value != 0 {
		q[name] = []string{strconv.Itoa(value)}
	}
}
