package clienttest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
)

// service returns one answer after the other. The last one is also for all later
// requests.
type service struct {
	answers  []func() (*http.Response, error)
	requests []*http.Request
	bodies   []string
}

func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	s.requests, s.bodies = append(s.requests, req), append(s.bodies, string(body))
	return s.answers[min(len(s.requests), len(s.answers))-1]()
}

func answer(status int, body string, header ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		h := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{
			StatusCode: status, Status: http.StatusText(status), Header: h, Body: io.NopCloser(strings.NewReader(body)),
		}, nil
	}
}

func cut() (*http.Response, error) { return nil, errors.New("connection reset by peer") }

const (
	secret      = "canary-secret"
	unavailable = `{"title":"Service Unavailable","status":503,"code":"unavailable","detail":"the database does not answer; try again"}`
)

// setup returns a client of a service with the answers.
func setup(t *testing.T, answers ...func() (*http.Response, error)) (*client.Client, *service) {
	t.Helper()
	s := &service{answers: answers}
	c, err := client.New(client.Options{
		URL: "http://notify.example.com/", AppID: "app", AppSecret: secret, HTTPClient: &http.Client{Transport: s},
	})
	require.NoError(t, err)
	return c, s
}

// bubble runs a test with a clock of its own.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

var request = client.SendRequest{IdempotencyKey: "k", Recipients: []client.RecipientRequest{{Type: "email", Value: "a@example.com"}}}

func TestSend(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := setup(t, answer(202, `{"notificationId":"n","status":"accepted","deliveries":2,"unmatched":[],"later":1}`))
		a, err := c.Send(t.Context(), request)
		require.NoError(t, err, "unknown fields are ignored")
		require.Equal(t, client.Accepted{NotificationID: "n", Status: "accepted", Deliveries: 2, Unmatched: []client.Recipient{}}, a)
		require.Equal(t, "app", s.requests[0].Header.Get("X-App-Id"))
		require.Equal(t, secret, s.requests[0].Header.Get("X-App-Secret"))
		require.Equal(t, "http://notify.example.com/api/v1/notifications", s.requests[0].URL.String())
	})
}

func TestSendAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := setup(t, cut, answer(503, unavailable, "Content-Type", "application/problem+json", "Retry-After", "5"),
			answer(200, `{"notificationId":"n"}`))
		started := time.Now()
		a, err := c.Send(t.Context(), request)
		require.NoError(t, err)
		require.True(t, a.Replayed)
		require.Len(t, s.requests, 3)
		require.Equal(t, s.bodies[0], s.bodies[2], "with the same key")
		require.Equal(t, 5200*time.Millisecond, time.Since(started), "it waits as Retry-After asks")
	})
}

func TestRepeatingEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := setup(t, cut)
		_, err := c.Send(t.Context(), request)
		require.ErrorIs(t, err, client.ErrUnreachable)
		require.Len(t, s.requests, 4)

		c, s = setup(t, answer(503, unavailable, "Content-Type", "application/problem+json", "Retry-After", "86400"))
		started := time.Now()
		_, err = c.Notification(t.Context(), "n")
		var p *client.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, "unavailable", p.Code)
		require.Len(t, s.requests, 4)
		require.Equal(t, 90*time.Second, time.Since(started))

		c, s = setup(t, cut)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err = c.Send(ctx, request)
		require.ErrorIs(t, err, client.ErrUnreachable)
		require.Len(t, s.requests, 2, "the context ends the waiting")
	})
}

// A request that could take effect twice is not repeated. Neither is a refused one.
func TestNotRepeated(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for name, do := range map[string]func(*client.Client) error{
			"no key": func(c *client.Client) error { _, err := c.Send(t.Context(), client.SendRequest{}); return err },
			"new template": func(c *client.Client) error {
				_, err := c.CreateTemplate(t.Context(), client.TemplateRequest{})
				return err
			},
			"replacement": func(c *client.Client) error {
				_, err := c.ReplaceTemplate(t.Context(), client.ReplaceRequest{})
				return err
			},
			"retry": func(c *client.Client) error { _, err := c.RetryDelivery(t.Context(), "d", ""); return err },
			"retry of many": func(c *client.Client) error {
				_, err := c.RetryDeliveries(t.Context(), client.RetryRequest{})
				return err
			},
			"probe": func(c *client.Client) error { _, err := c.Ready(t.Context()); return err },
			"ended by caller": func(c *client.Client) error {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_, err := c.Send(ctx, request)
				require.ErrorIs(t, err, context.Canceled)
				require.NotErrorIs(t, err, client.ErrUnreachable)
				return err
			},
		} {
			c, s := setup(t, cut)
			require.Error(t, do(c), name)
			require.Len(t, s.requests, 1, name)
		}
		c, s := setup(t, answer(429, `{"code":"too_many_attempts","detail":"later","status":429}`,
			"Content-Type", "application/problem+json", "Retry-After", "7"))
		_, err := c.Send(t.Context(), request)
		var p *client.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, 7*time.Second, p.RetryAfter)
		require.Len(t, s.requests, 1)
	})
}

func TestProblem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, _ := setup(t, answer(400, `{"title":"Bad Request","status":400,"code":"invalid_request","detail":"a: is required",
			"errors":[{"field":"a","message":"is required"},{"field":"b[0]","message":"is not known here"}]}`,
			"Content-Type", "application/problem+json"))
		_, err := c.Send(t.Context(), request)
		var p *client.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, 400, p.Status)
		require.Equal(t, "invalid_request", p.Code)
		require.Equal(t, "a", p.Field())
		require.EqualError(t, p, "invalid_request: a: is required\nb[0]: is not known here")

		for name, foreign := range map[string]func() (*http.Response, error){
			"a proxy":    answer(502, "<html>"+secret, "Content-Type", "text/html"),
			"a redirect": answer(302, "", "Location", "http://elsewhere.example.com/"),
		} {
			c, s := setup(t, foreign)
			_, err := c.Notification(t.Context(), "n")
			require.ErrorAs(t, err, &p, name)
			require.Empty(t, p.Code, name)
			require.Empty(t, p.Field(), name)
			require.NotContains(t, err.Error(), secret)
			require.Len(t, s.requests, 1, name)
		}

		c, _ = setup(t, answer(200, "<html>"))
		_, err = c.Notification(t.Context(), "n")
		require.ErrorContains(t, err, "GET /api/v1/notifications/n: the answer is not the service's")
	})
}

// Errors contain neither the secret nor an address.
func TestErrorsAreClean(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, _ := setup(t, cut)
		_, err := c.Notifications(t.Context(), client.NotificationQuery{Recipient: "a@example.com"})
		require.EqualError(t, err, "the service does not answer: GET /api/v1/notifications: connection reset by peer")

		for _, url := range []string{"", "notify.example.com", "ftp://x", "http://u:" + secret + "@x", "http://x?s=" + secret, "http://\x7f" + secret} {
			_, err := client.New(client.Options{URL: url})
			require.ErrorContains(t, err, "the URL of the service must", url)
			require.NotContains(t, err.Error(), secret)
		}
	})
}
