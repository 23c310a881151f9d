package vendors_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/internal/vendors"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestInboxCountsMarks(t *testing.T) {
	t.Parallel()
	inbox := vendors.NewInbox()
	inbox.Request("a")
	inbox.Add(vendors.Arrival{ID: "1", Mark: "a", Text: "hello"})
	inbox.Request("a")
	inbox.Request("b")
	inbox.Request("")
	inbox.Note("1", "urgent app")
	inbox.Note("unknown", "nothing")

	a, ok := inbox.Get("1")
	require.True(t, ok)
	require.Equal(t, 2, a.Requests)
	require.Equal(t, []string{"urgent app"}, a.Notes)
	require.NotZero(t, a.At)
	require.Equal(t, []vendors.Arrival{a}, inbox.Arrivals())
	require.Equal(t, map[string]vendors.Mark{"a": {Requests: 2, Arrivals: 1}, "b": {Requests: 1}}, inbox.Marks())
	require.Equal(t, vendors.Mark{}, inbox.Mark("c"))
}

func TestInboxKeepsTheLast(t *testing.T) {
	t.Parallel()
	inbox := vendors.NewInbox()
	const sent = 10_005
	for n := range sent {
		id := fmt.Sprint(n)
		inbox.Request(id)
		inbox.Add(vendors.Arrival{ID: id, Mark: id})
	}
	kept := inbox.Arrivals()
	require.Len(t, kept, 10_000)
	require.Equal(t, "5", kept[0].ID)
	require.Equal(t, sent, inbox.Total())
	require.Len(t, inbox.Marks(), sent)
	_, ok := inbox.Get("4")
	require.False(t, ok)
}

func TestInboxWait(t *testing.T) {
	t.Parallel()
	inbox := vendors.NewInbox()
	done := make(chan error)
	for range 2 {
		go func() { done <- inbox.Wait(t.Context(), 2) }()
	}
	inbox.Add(vendors.Arrival{ID: "1"})
	inbox.Add(vendors.Arrival{ID: "2"})
	require.NoError(t, <-done)
	require.NoError(t, <-done)

	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- inbox.Wait(ctx, 3) }()
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
}

func TestInboxJSON(t *testing.T) {
	t.Parallel()
	inbox := vendors.NewInbox()
	get := func(path string) string {
		w := httptest.NewRecorder()
		inbox.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Body.String()
	}
	require.JSONEq(t, `{"total":0,"arrivals":[]}`, get("/inbox.json"))

	inbox.Add(vendors.Arrival{ID: "1", To: "ou_1", Text: "<script>alert(1)</script>", Mark: "m"})
	inbox.Add(vendors.Arrival{ID: "2", To: "ou_2", Text: "second", Subject: "主题"})

	var list struct {
		Total    int
		Arrivals []vendors.Arrival
	}
	require.NoError(t, json.Unmarshal([]byte(get("/inbox.json")), &list))
	require.Equal(t, 2, list.Total)
	require.Len(t, list.Arrivals, 2)
	require.Equal(t, "2", list.Arrivals[0].ID, "the newest first")
}
