package telling_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/jobs/telling"
	"github.com/labring/sealos-notify/store"
)

// key seals secrets.
const key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// receiver is an endpoint whose answers the test controls.
type receiver struct {
	*httptest.Server
	requests chan request

	mu     sync.Mutex
	status int
}

type request struct {
	header http.Header
	body   string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{requests: make(chan request, 10_000), status: http.StatusOK}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.requests <- request{req.Header, string(body)}
		r.mu.Lock()
		defer r.mu.Unlock()
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// setUp puts settings in force with which endpoints of this machine may be told.
func setUp(b *jobstest.Bundle, change func(*settings.Endpoints)) {
	s := b.Settings(channels.Resend)
	s.Endpoints = settings.Endpoints{Key: key, AllowPrivateNetworks: true}
	if change != nil {
		change(&s.Endpoints)
	}
	b.Jobs.Apply(s)
}

// endpoint stores an endpoint and returns it with its secret.
func endpoint(t *testing.T, b *jobstest.Bundle, url string, events ...store.EventType) (store.Endpoint, string) {
	t.Helper()
	now := store.Now()
	e := store.Endpoint{ID: uuid.Must(uuid.NewV7()), AppID: "app", URL: url, Events: events, CreatedAt: now, UpdatedAt: now}
	secret, sealed, err := b.Jobs.Teller.NewSecret(e.ID)
	require.NoError(t, err)
	require.NotContains(t, string(sealed), strings.TrimPrefix(secret, "whsec_"))
	e.Secret = sealed
	require.NoError(t, b.Store.CreateEndpoint(t.Context(), e, jobstest.By("app", store.AuditEndpointCreate, e.ID.String())))
	return e, secret
}

// stored waits until the endpoint is as it must be.
func stored(t *testing.T, b *jobstest.Bundle, id uuid.UUID, is func(store.Endpoint) bool) store.Endpoint {
	t.Helper()
	var e store.Endpoint
	require.Eventually(t, func() bool {
		var err error
		e, err = b.Store.Endpoint(limit.Context(t), id)
		return err == nil && is(e)
	}, limit.Wait, 5*time.Millisecond)
	return e
}

// What ends is told, signed as Standard Webhooks has it, without an address or a text.
func TestTell(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		setUp(b, nil)
		r := newReceiver(t)
		_, secret := endpoint(t, b, r.URL+"/hook?token=t")
		b.Start()
		d := b.Accept("k")
		b.WaitFor(d.ID, store.DeliverySuccess)
		told := map[string]map[string]any{}
		for range 2 {
			got := limit.Receive(t, r.requests, "an event")
			verifier, err := standardwebhooks.NewWebhook(secret)
			require.NoError(t, err)
			require.NoError(t, verifier.Verify([]byte(got.body), got.header))
			id := got.header.Get("webhook-id")
			require.Equal(t, uuid.Version(7), uuid.MustParse(id).Version())
			require.NotContains(t, got.body, "example.com")
			require.NotContains(t, got.body, "Hello")
			var body struct {
				Type      string
				Timestamp time.Time
				Data      map[string]any
			}
			require.NoError(t, json.Unmarshal([]byte(got.body), &body))
			require.WithinDuration(t, time.Now(), body.Timestamp, time.Hour)
			told[body.Type] = body.Data
		}
		require.Equal(t, map[string]map[string]any{
			"delivery.success":      {"notificationId": d.NotificationID.String(), "deliveryId": d.ID.String(), "channel": "test", "status": "success"},
			"notification.finished": {"notificationId": d.NotificationID.String(), "status": "success"},
		}, told)
	})
}

// An attempt that fails is repeated with the same id, and what succeeds ends the failing.
func TestTellAgain(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		setUp(b, nil)
		r := newReceiver(t)
		e, _ := endpoint(t, b, r.URL, store.EventDeliverySuccess)
		r.answer(http.StatusInternalServerError)
		b.Start()
		b.Accept("k")
		first := limit.Receive(t, r.requests, "the first attempt")
		failing := stored(t, b, e.ID, func(e store.Endpoint) bool { return e.FailingSince != nil })
		require.Equal(t, "http_500", failing.LastCode)
		require.Empty(t, failing.Off)
		var text string
		require.Eventually(t, func() bool {
			text = b.QueryText(`SELECT CAST(errors AS text) FROM river_job WHERE kind = 'event' AND state <> 'running'`)
			return text != ""
		}, limit.Wait, 5*time.Millisecond)
		require.NotContains(t, text, r.URL)
		r.answer(http.StatusNoContent)
		second := limit.Receive(t, r.requests, "the second attempt")
		require.Equal(t, first.header.Get("webhook-id"), second.header.Get("webhook-id"))
		require.Equal(t, first.body, second.body)
		stored(t, b, e.ID, func(e store.Endpoint) bool { return e.FailingSince == nil && e.LastCode == "" })
	})
}

// An endpoint that has failed for a day, or is gone, is switched off. What comes then is kept, and told on
// request.
func TestSwitchedOff(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		setUp(b, nil)
		gone, failing := newReceiver(t), newReceiver(t)
		gone.answer(http.StatusGone)
		failing.answer(http.StatusBadGateway)
		first, _ := endpoint(t, b, gone.URL, store.EventDeliverySuccess)
		second, _ := endpoint(t, b, failing.URL, store.EventDeliverySuccess)
		_, err := b.Store.FailEndpoint(t.Context(), store.EndpointFailure{EndpointID: second.ID, At: store.Now().Add(-25 * time.Hour), Code: "timeout", OffSince: store.Now().AddDate(0, 0, -10)})
		require.NoError(t, err)
		b.Start()
		b.Accept("k")
		require.Equal(t, store.OffGone, stored(t, b, first.ID, func(e store.Endpoint) bool { return e.Off != "" }).Off)
		require.Equal(t, store.OffFailing, stored(t, b, second.ID, func(e store.Endpoint) bool { return e.Off != "" }).Off)
		limit.Receive(t, gone.requests, "the event")

		b.WaitFor(b.Accept("meanwhile").ID, store.DeliverySuccess)
		gone.answer(http.StatusOK)
		first.UpdatedAt = store.Now()
		_, err = b.Store.UpdateEndpoint(t.Context(), first, jobstest.By("app", store.AuditEndpointUpdate, first.ID.String()))
		require.NoError(t, err)
		events, next, err := b.Jobs.Teller.Replay(t.Context(), first.ID, store.FirstID(time.Now().Add(-time.Hour)), jobstest.By("app", store.AuditEndpointReplay, first.ID.String()))
		require.NoError(t, err)
		require.Equal(t, 2, events)
		require.Equal(t, uuid.Nil, next)
		for range 2 {
			limit.Receive(t, gone.requests, "an event that was kept")
		}
	})
}

// After a rotation both secrets sign.
func TestRotation(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		setUp(b, nil)
		r := newReceiver(t)
		e, before := endpoint(t, b, r.URL, store.EventDeliverySuccess)
		secret, sealed, err := b.Jobs.Teller.NewSecret(e.ID)
		require.NoError(t, err)
		until := store.Now().Add(telling.KeepSecret)
		e.Secret, e.BeforeUntil = sealed, &until
		_, err = b.Store.RotateSecret(t.Context(), e, jobstest.By("app", store.AuditEndpointRotate, e.ID.String()))
		require.NoError(t, err)
		b.Start()
		b.Accept("k")
		got := limit.Receive(t, r.requests, "an event")
		for _, s := range []string{before, secret} {
			verifier, err := standardwebhooks.NewWebhook(s)
			require.NoError(t, err)
			require.NoError(t, verifier.Verify([]byte(got.body), got.header))
		}
		b.Exec(`UPDATE endpoints SET before_until = created_at`)
		b.Accept("later")
		got = limit.Receive(t, r.requests, "an event")
		require.Len(t, strings.Fields(got.header.Get("webhook-signature")), 1)
	})
}

// An internal address is not connected to, whatever its name; nor are secrets of another key used.
func TestRefusals(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		setUp(b, nil)
		r := newReceiver(t)
		e, _ := endpoint(t, b, r.URL, store.EventDeliverySuccess)
		require.NoError(t, b.Jobs.Teller.CheckURL(r.URL))
		setUp(b, func(s *settings.Endpoints) { s.AllowPrivateNetworks = false })
		for _, url := range []string{r.URL, "https://127.0.0.1/", "https://user@example.com/", "ftp://example.com", "nothing", "https://", "https://example.com/#f"} {
			require.Error(t, b.Jobs.Teller.CheckURL(url), url)
		}
		require.NoError(t, b.Jobs.Teller.CheckURL("https://example.com:8443/hook?token=t"))
		b.Start()
		b.Accept("k")
		require.Equal(t, "internal_address", stored(t, b, e.ID, func(e store.Endpoint) bool { return e.FailingSince != nil }).LastCode)
		require.Empty(t, r.requests)

		setUp(b, func(s *settings.Endpoints) { s.Key = "" })
		_, _, err := b.Jobs.Teller.NewSecret(e.ID)
		require.ErrorIs(t, err, telling.ErrNoKey)
		setUp(b, func(s *settings.Endpoints) { s.Key = strings.Replace(key, "M", "N", 1) })
		event := b.QueryText(`SELECT CAST(id AS text) FROM events`)
		err = b.Jobs.Teller.Tell(t.Context(), store.EventArgs{EventID: uuid.MustParse(event), EndpointID: e.ID}, false)
		require.ErrorContains(t, err, "another endpoints.key")
	})
}

// Attempts go on for three days, and then the event is given up.
func TestWaits(t *testing.T) {
	t.Parallel()
	var sum time.Duration
	for attempt := 1; attempt < store.EventAttempts; attempt++ {
		require.LessOrEqual(t, telling.Wait(attempt), telling.Wait(attempt+1))
		sum += telling.Wait(attempt)
	}
	require.Greater(t, sum, 72*time.Hour)
	require.Less(t, sum, 80*time.Hour)
	require.Equal(t, 5*time.Second, telling.Wait(0))
}

// Endpoints that do not answer take some of the workers; the others are told at once.
func TestSlowEndpoints(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		setUp(b, nil)
		release := make(chan struct{})
		var held, most atomic.Int64
		slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			most.Store(max(most.Load(), held.Add(1)))
			<-release
			held.Add(-1)
		}))
		t.Cleanup(slow.Close)
		t.Cleanup(func() { close(release) })
		quick := newReceiver(t)
		for range 3 {
			endpoint(t, b, slow.URL, store.EventDeliverySuccess)
		}
		const first, later = 30, 10 // there are 20 workers
		for i := range first {
			b.Accept("first" + string(rune('a'+i)))
		}
		b.Start()
		require.Eventually(t, func() bool {
			return b.QueryText(`SELECT CAST(count(*) AS text) FROM river_job WHERE kind = 'event'`) == "90"
		}, limit.Wait, 5*time.Millisecond)
		endpoint(t, b, quick.URL, store.EventDeliverySuccess)
		for i := range later {
			b.Accept("later" + string(rune('a'+i)))
		}
		for range later {
			limit.Receive(t, quick.requests, "an event")
		}
		require.Positive(t, most.Load())
		require.Less(t, most.Load(), int64(20), "they leave some of the workers")
	})
}
