package accepting_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

func TestThreadOfARequest(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		req := jobstest.Request("k", 2)
		req.Thread, req.Resolved = "db", true
		accepted, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		n, err := b.Store.Notification(t.Context(), accepted.NotificationID)
		require.NoError(t, err)
		require.Equal(t, []any{"db", int64(1), true}, []any{n.Thread, n.ThreadSeq, n.Resolved})
		for _, d := range b.Deliveries(n.ID) {
			require.Equal(t, []any{n.ThreadID, int64(1), true, false}, []any{d.ThreadID, d.ThreadSeq, d.Resolved, d.Anew})
		}
		again, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		require.True(t, again.Replayed)
		for name, change := range map[string]func(*accepting.Request){
			"another thread": func(r *accepting.Request) { r.Thread = "web" },
			"not resolved":   func(r *accepting.Request) { r.Resolved = false },
		} {
			other := req
			change(&other)
			_, err = b.Jobs.Accepter.Accept(t.Context(), other)
			jobstest.RequireRefusal(t, err, refusal.IdempotencyConflict, "idempotencyKey")
			require.Error(t, err, name)
		}
		alone := jobstest.Request("alone", 1)
		alone.Resolved = true
		_, err = b.Jobs.Accepter.Accept(t.Context(), alone)
		jobstest.RequireRefusal(t, err, refusal.InvalidThread, "resolved")
	})
}

// What fires may be a new message of its thread.
func TestAlertsInAThread(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		for i, anew := range []bool{true, false} {
			d := b.AcceptWith(string(rune('a'+i)), func(r *accepting.Request) {
				r.Thread, r.Alerts = "g", &accepting.Alerts{Receiver: "r", Telling: store.Telling{Receiver: "r", Group: "g", State: string(rune('a' + i))}, Anew: anew}
				r.Alerts.Content.Params = func(int, bool) map[string]any { return map[string]any{"name": "x"} }
			})
			require.Equal(t, []any{int64(i + 1), anew}, []any{d.ThreadSeq, d.Anew})
		}
	})
}
