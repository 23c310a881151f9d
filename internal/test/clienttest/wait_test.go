package clienttest

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
)

const (
	openOne  = `{"id":"n","status":"processing","counts":{"total":2,"success":1,"pending":1}}`
	endedOne = `{"id":"n","status":"failed","counts":{"total":2,"success":1,"dead":1}}`
	limited  = `{"title":"Too Many Requests","status":429,"code":"limit_requests_per_minute","detail":"too many requests"}`
	missing  = `{"title":"Not Found","status":404,"code":"not_found","detail":"not found"}`
)

func problem(status int, body string, header ...string) func() (*http.Response, error) {
	return answer(status, body, append(header, "Content-Type", "application/problem+json")...)
}

func TestWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := setup(t, answer(200, openOne), answer(200, openOne), answer(200, openOne), answer(200, endedOne))
		started := time.Now()
		n, err := c.Wait(t.Context(), "n")
		require.NoError(t, err, "what failed has ended")
		require.Equal(t, client.StatusFailed, n.Status)
		require.Equal(t, 200*time.Millisecond+300*time.Millisecond+450*time.Millisecond, time.Since(started))
		require.Equal(t, "/api/v1/notifications/n?tasks=false", s.requests[0].URL.RequestURI(), "there may be a million deliveries")

		c, _ = setup(t, append(slices.Repeat([]func() (*http.Response, error){answer(200, openOne)}, 100), answer(200, endedOne))...)
		started = time.Now()
		_, err = c.Wait(t.Context(), "n")
		require.NoError(t, err)
		require.InDelta(t, (95 * 5 * time.Second).Seconds(), time.Since(started).Seconds(), 20, "the pauses have a bound")
	})
}

// A service that restarts or limits the app does not end the wait.
func TestWaitGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := setup(t, problem(429, limited, "Retry-After", "40"), cut, cut, cut, cut, cut, problem(503, unavailable), answer(200, endedOne))
		started := time.Now()
		n, err := c.Wait(t.Context(), "n")
		require.NoError(t, err)
		require.Equal(t, client.StatusFailed, n.Status)
		require.Len(t, s.requests, 8)
		require.GreaterOrEqual(t, time.Since(started), 40*time.Second, "as Retry-After asks")
	})
}

func TestWaitEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := setup(t, problem(404, missing))
		_, err := c.Wait(t.Context(), "n")
		var p *client.Problem
		require.ErrorAs(t, err, &p)
		require.Equal(t, client.CodeNotFound, p.Code)
		require.Len(t, s.requests, 1)

		c, _ = setup(t, answer(200, openOne))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n, err := c.Wait(ctx, "n")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "wait for notification n: context deadline exceeded")
		require.Equal(t, 1, n.Counts.Success, "as it was last")

		c, _ = setup(t, cut)
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = c.Wait(ctx, "n")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, client.ErrUnreachable, "why it had to wait")
	})
}

func TestAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, s := setup(t, answer(200, `{"deliveries":[{"id":"a"},{"id":"b"}],"next":"b"}`), answer(200, `{"deliveries":[{"id":"c"}]}`))
		var ids []string
		for d, err := range c.AllDeliveries(t.Context(), client.DeliveryQuery{DeliveryFilter: client.DeliveryFilter{Status: "dead"}, Limit: 2}) {
			require.NoError(t, err)
			ids = append(ids, d.ID)
		}
		require.Equal(t, []string{"a", "b", "c"}, ids)
		require.Equal(t, "limit=2&status=dead", s.requests[0].URL.RawQuery)
		require.Equal(t, "after=b&limit=2&status=dead", s.requests[1].URL.RawQuery)

		c, s = setup(t, answer(200, `{"notifications":[{"id":"a"},{"id":"b"}],"next":"b"}`))
		for _, err := range c.AllNotifications(t.Context(), client.NotificationQuery{}) {
			require.NoError(t, err)
			break
		}
		require.Len(t, s.requests, 1, "no page that nobody reads")

		c, s = setup(t, answer(200, `{"versions":[{"version":3}],"next":3}`), problem(404, missing))
		var failed error
		for _, err := range c.AllTemplateVersions(t.Context(), "t") {
			failed = err
		}
		require.ErrorContains(t, failed, client.CodeNotFound, "an error ends the list")
		require.Equal(t, "after=3&limit=500", s.requests[1].URL.RawQuery)

		again := answer(200, `{"kinds":[{"name":"a"}],"next":"a"}`)
		c, s = setup(t, again, again)
		for _, err := range c.AllKinds(t.Context()) {
			failed = err
		}
		require.ErrorContains(t, failed, "the next page is the one that it has answered with", "it would never end")
		require.Len(t, s.requests, 2)
	})
}

// Every list of pages has an iterator, which asks for the page after Next.
func TestAllLists(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for list, read := range map[string]func(*client.Client) int{
			"notifications": func(c *client.Client) int { return length(c.AllNotifications(t.Context(), client.NotificationQuery{})) },
			"deliveries":    func(c *client.Client) int { return length(c.AllDeliveriesOf(t.Context(), "n")) },
			"incidents":     func(c *client.Client) int { return length(c.AllIncidents(t.Context(), client.IncidentQuery{})) },
			"contacts":      func(c *client.Client) int { return length(c.AllContacts(t.Context(), client.ContactQuery{})) },
			"groups":        func(c *client.Client) int { return length(c.AllGroups(t.Context(), client.GroupQuery{})) },
			"templates":     func(c *client.Client) int { return length(c.AllTemplates(t.Context(), client.TemplateQuery{})) },
			"kinds":         func(c *client.Client) int { return length(c.AllKinds(t.Context())) },
			"endpoints":     func(c *client.Client) int { return length(c.AllEndpoints(t.Context(), client.EndpointQuery{})) },
			"suppressions":  func(c *client.Client) int { return length(c.AllSuppressions(t.Context(), client.SuppressionQuery{})) },
			"entries":       func(c *client.Client) int { return length(c.AllAudit(t.Context(), client.AuditQuery{})) },
		} {
			c, s := setup(t, answer(200, `{"`+list+`":[{},{}],"next":"x"}`), answer(200, `{"`+list+`":[{}]}`))
			require.Equal(t, 3, read(c), list)
			require.Equal(t, "x", s.requests[1].URL.Query().Get("after"), list)
		}
	})
}

func length[T any](list func(func(T, error) bool)) int {
	n := 0
	for _, err := range list {
		if err == nil {
			n++
		}
	}
	return n
}
