package api_test

import (
	"html"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/store"
)

// The page of events does what the API does: it shows a secret once, and only an app's own endpoints.
func TestConsoleEndpoints(t *testing.T) {
	t.Parallel()
	rules := &endpointRules{}
	b := start(t, func(o *api.Options) { o.Endpoints = rules })
	others := b.store.endpointOf("console")
	sender := b.signIn(t, "sender")
	post := func(path string, form url.Values) answer {
		return b.browse(t, http.MethodPost, "/console/events"+path, form, sender)
	}
	page := func() string { return b.browse(t, http.MethodGet, "/console/events", nil, sender).text }
	require.Contains(t, page(), "There are no endpoints")

	a := post("", url.Values{"url": {"https://hooks.example.com/x"}, "events": {"delivery.dead"}})
	require.Equal(t, http.StatusOK, a.status)
	var made store.Endpoint
	for _, e := range b.store.byID {
		if e.AppID == "sender" {
			made = e
		}
	}
	require.Equal(t, []store.EventType{store.EventDeliveryDead}, made.Events)
	require.Contains(t, a.text, "whsec_"+made.ID.String())
	require.NotContains(t, page(), "whsec_")
	require.Contains(t, page(), "https://hooks.example.com/x")
	a = post("", url.Values{"url": {"http://hooks.example.com/y"}})
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, html.UnescapeString(a.text), `value="http://hooks.example.com/y"`, "what was typed is not lost")

	path := "/" + made.ID.String()
	require.Equal(t, http.StatusSeeOther, post(path+"/switch", url.Values{"do": {"off"}}).status)
	require.Equal(t, store.OffByHand, b.store.byID[made.ID].Off)
	require.Equal(t, []store.EventType{store.EventDeliveryDead}, b.store.byID[made.ID].Events)
	require.Equal(t, http.StatusSeeOther, post(path+"/switch", url.Values{"do": {"on"}}).status)
	require.Empty(t, b.store.byID[made.ID].Off)
	require.Equal(t, http.StatusSeeOther, post(path+"/replay", url.Values{"hours": {"3"}}).status)
	require.Len(t, rules.replayed, 1)
	require.Contains(t, post(path+"/rotate", nil).text, "whsec_"+made.ID.String())
	for _, id := range []string{others.ID.String(), uuid.NewString(), "nothing"} {
		for _, action := range []string{"/switch", "/replay", "/rotate", "/delete"} {
			require.Equal(t, http.StatusNotFound, post("/"+id+action, nil).status, action)
		}
	}
	require.Equal(t, http.StatusSeeOther, post(path+"/delete", nil).status)
	require.NotContains(t, b.store.byID, made.ID)
	require.Contains(t, b.store.byID, others.ID)
}
