package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var endpointCases = map[string]func(*testing.T, bundle){
	"Endpoints/write, list, delete":       endpointWrite,
	"Endpoints/a secret is rotated":       endpointRotate,
	"Endpoints/failing, recovering, off":  endpointFails,
	"Endpoints/what switching on forgets": endpointSwitched,
}

var (
	endpointCreated = actor.Did(store.AuditEndpointCreate, "e")
	endpointUpdated = actor.Did(store.AuditEndpointUpdate, "e")
	endpointRotated = actor.Did(store.AuditEndpointRotate, "e")
	endpointDeleted = actor.Did(store.AuditEndpointDelete, "e")
)

// endpoint stores a new endpoint of an app that takes the types of events; none: all.
func (b bundle) endpoint(t *testing.T, app string, events ...store.EventType) store.Endpoint {
	t.Helper()
	now := store.Now()
	e := store.Endpoint{
		ID: newID(), AppID: app, URL: "https://hooks.example.com/" + app, Description: "账单", Events: events,
		Secret: []byte{0, 1, 0xff}, CreatedAt: now, UpdatedAt: now,
	}
	require.NoError(t, b.CreateEndpoint(t.Context(), e, endpointCreated))
	return e
}

// storedEndpoint returns an endpoint as it is stored.
func (b bundle) storedEndpoint(t *testing.T, id uuid.UUID) store.Endpoint {
	t.Helper()
	e, err := b.Endpoint(t.Context(), id)
	require.NoError(t, err)
	if len(e.Events) == 0 {
		e.Events = nil
	}
	return e
}

func endpointWrite(t *testing.T, b bundle) {
	all, some := b.endpoint(t, "app"), b.endpoint(t, "app", store.EventDeliveryDead, store.EventNotificationFinished)
	other := b.endpoint(t, "other")
	require.Equal(t, all, b.storedEndpoint(t, all.ID))
	require.Equal(t, some, b.storedEndpoint(t, some.ID))
	require.Equal(t, 3, entriesOf(t, b, store.AuditEndpointCreate))

	idsOf := func(app string, after uuid.UUID, limit int) (ids []uuid.UUID) {
		list, err := b.ListEndpoints(t.Context(), app, after, limit)
		require.NoError(t, err)
		for _, e := range list {
			ids = append(ids, e.ID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{all.ID, some.ID, other.ID}, idsOf("", uuid.Nil, 10))
	require.Equal(t, []uuid.UUID{all.ID, some.ID}, idsOf("app", uuid.Nil, 10))
	require.Equal(t, []uuid.UUID{all.ID}, idsOf("app", uuid.Nil, 1))
	require.Equal(t, []uuid.UUID{some.ID}, idsOf("app", all.ID, 10))

	changed := some
	changed.URL, changed.Description, changed.Events, changed.UpdatedAt = "https://other.example.com", "", nil, store.Now()
	stored, err := b.UpdateEndpoint(t.Context(), changed, endpointUpdated)
	require.NoError(t, err)
	require.Equal(t, changed.URL, stored.URL)
	require.Equal(t, changed, b.storedEndpoint(t, some.ID))
	changed.AppID = "other"
	_, err = b.UpdateEndpoint(t.Context(), changed, endpointUpdated)
	require.ErrorIs(t, err, store.ErrNotFound, "another app's")
	require.ErrorIs(t, b.DeleteEndpoint(t.Context(), all.ID, "other", endpointDeleted), store.ErrNotFound)
	require.NoError(t, b.DeleteEndpoint(t.Context(), all.ID, "app", endpointDeleted))
	_, err = b.Endpoint(t.Context(), all.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Equal(t, 1, entriesOf(t, b, store.AuditEndpointUpdate))
	require.Equal(t, 1, entriesOf(t, b, store.AuditEndpointDelete))
}

func endpointRotate(t *testing.T, b bundle) {
	e := b.endpoint(t, "app")
	until := store.Now().Add(time.Hour)
	rotated := e
	rotated.Secret, rotated.BeforeUntil, rotated.UpdatedAt = []byte("second"), &until, store.Now()
	stored, err := b.RotateSecret(t.Context(), rotated, endpointRotated)
	require.NoError(t, err)
	rotated.Before = e.Secret
	require.Equal(t, rotated, b.storedEndpoint(t, e.ID))
	require.True(t, stored.Signs(store.Now()))
	require.False(t, stored.Signs(until))
	rotated.Secret = []byte("third")
	stored, err = b.RotateSecret(t.Context(), rotated, endpointRotated)
	require.NoError(t, err)
	require.Equal(t, []byte("second"), stored.Before)
	rotated.AppID = "other"
	_, err = b.RotateSecret(t.Context(), rotated, endpointRotated)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Equal(t, 2, entriesOf(t, b, store.AuditEndpointRotate))
}

// fail notes a failure of an endpoint that is switched off after a day.
func (b bundle) fail(t *testing.T, e store.Endpoint, at time.Time, code string, gone bool) store.Off {
	t.Helper()
	off, err := b.FailEndpoint(t.Context(), store.EndpointFailure{EndpointID: e.ID, At: at, Code: code, OffSince: at.AddDate(0, 0, -1), Gone: gone})
	require.NoError(t, err)
	return off
}

func endpointFails(t *testing.T, b bundle) {
	e, gone, fine := b.endpoint(t, "app"), b.endpoint(t, "app"), b.endpoint(t, "app")
	amounts := func() store.EndpointAmounts {
		a, err := b.CountEndpoints(t.Context())
		require.NoError(t, err)
		return a
	}
	at := store.Now()
	require.Empty(t, b.fail(t, e, at, "timeout", false))
	require.Empty(t, b.fail(t, e, at.Add(time.Hour), "http_500", false))
	got := b.storedEndpoint(t, e.ID)
	require.Equal(t, &at, got.FailingSince)
	require.Equal(t, "http_500", got.LastCode)
	require.Equal(t, store.EndpointAmounts{On: 3, Failing: 1}, amounts())

	require.NoError(t, b.RecoverEndpoint(t.Context(), e.ID))
	require.Equal(t, e, b.storedEndpoint(t, e.ID))
	since := at.Add(2 * time.Hour)
	require.Empty(t, b.fail(t, e, since, "timeout", false))
	require.Empty(t, b.fail(t, e, since.Add(24*time.Hour-time.Microsecond), "timeout", false))
	off := since.AddDate(0, 0, 1)
	require.Equal(t, store.OffFailing, b.fail(t, e, off, "http_502", false))
	require.Empty(t, b.fail(t, e, off.Add(time.Hour), "timeout", false), "it is off")
	require.NoError(t, b.RecoverEndpoint(t.Context(), e.ID))
	got = b.storedEndpoint(t, e.ID)
	require.Equal(t, []any{store.OffFailing, &off, &since, "http_502"}, []any{got.Off, got.OffAt, got.FailingSince, got.LastCode})

	require.Equal(t, store.OffGone, b.fail(t, gone, at, "http_410", true))
	require.Equal(t, store.OffGone, b.storedEndpoint(t, gone.ID).Off)
	require.Equal(t, fine, b.storedEndpoint(t, fine.ID))
	require.Equal(t, store.EndpointAmounts{On: 1, Off: 2}, amounts())
	require.NoError(t, b.RecoverEndpoint(t.Context(), fine.ID))
	require.Empty(t, b.fail(t, store.Endpoint{ID: newID()}, at, "timeout", false), "it was deleted")
}

func endpointSwitched(t *testing.T, b bundle) {
	e := b.endpoint(t, "app")
	set := func(url string, off store.Off) store.Endpoint {
		changed := e
		changed.URL, changed.Off, changed.UpdatedAt = url, off, store.Now()
		stored, err := b.UpdateEndpoint(t.Context(), changed, endpointUpdated)
		require.NoError(t, err)
		return stored
	}
	at := store.Now()
	b.fail(t, e, at, "timeout", false)
	require.NotNil(t, set(e.URL, "").FailingSince, "it was on")
	first := set(e.URL, store.OffByHand)
	require.Equal(t, first.UpdatedAt, *first.OffAt)
	require.NotNil(t, first.FailingSince)
	require.Equal(t, first.OffAt, set(e.URL, store.OffByHand).OffAt, "it was off before")
	on := set(e.URL, "")
	require.Nil(t, on.OffAt)
	require.Nil(t, on.FailingSince)
	require.Empty(t, on.LastCode)
	b.fail(t, e, at, "timeout", false)
	require.Nil(t, set("https://other.example.com", "").FailingSince)
	amounts, err := b.CountEndpoints(t.Context())
	require.NoError(t, err)
	require.Equal(t, store.EndpointAmounts{On: 1}, amounts)
}
