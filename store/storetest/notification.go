package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var acceptCases = map[string]func(*testing.T, bundle){
	"Accept/keeps every field":                 acceptKeepsFields,
	"Accept/times keep their instant":          acceptTimes,
	"Accept/a stored key":                      acceptReplay,
	"Accept/a key twice in a batch":            acceptReplayInBatch,
	"Accept/replays and new ones in one batch": acceptMixed,
	"Accept/large replays":                     acceptLargeReplay,
	"Accept/same key, another app":             acceptOtherApp,
	"Accept/same key concurrently":             acceptConcurrently,
	"Accept/opposite batches":                  acceptOppositeBatches,
	"Accept/all or nothing":                    acceptAllOrNothing,
	"Accept/jobs belong to their deliveries":   acceptJobsMatch,
	"Accept/10000 deliveries":                  acceptMany,
	"Accept/empty batch":                       acceptNothing,
	"Accept/a current template":                acceptTemplate,
	"Accept/a stale template":                  acceptStale,
	"Notification/not found":                   notificationNotFound,
	"Ping":                                     ping,
}

func acceptKeepsFields(t *testing.T, b bundle) {
	a := Acceptance("console", "key 1 ' \" \\ 键", 2)
	a.Notification.RequestHash = []byte("\x00\x01\xfe\xff")
	a.Notification.Unmatched = []store.Recipient{{Type: "phone", Value: "+8613800000000"}, {Type: "x", Value: `"<&'`, Configured: true}}
	a.Messages[0].Subject = "磁盘已满 🚨"
	a.Messages[0].Body = "line 1\r\n\tline 2 <b>&amp;</b> \\ \u2028"
	a.Messages[0].TemplateCode, a.Messages[0].TemplateCodes = "SMS_1", store.Codes{"other": "4711"}
	a.Messages[0].Params = []byte(`{ "b":1.0, "a" : "x\u0041",  "a":null }`) // kept byte for byte
	a.Deliveries[1].Recipient = store.Recipient{Type: "feishu_user_id", Value: "ou_ü", Configured: true}
	a.Deliveries[1].Test = true
	sendAt, expiresAt := store.Now().Add(time.Hour), store.Now().Add(2*time.Hour)
	a.Notification.SendAt, a.Notification.ExpiresAt = &sendAt, &expiresAt
	a.Notification.Priority, a.Notification.Test = store.PriorityHigh, true
	a.Deliveries[0].Locale = "zh-Hant"
	a.Messages[0].TemplateVersion = 7
	a.Deliveries[0].TemplateVersion, a.Deliveries[0].SendAt, a.Deliveries[0].ExpiresAt = 7, &sendAt, &expiresAt

	accepted, err := b.Accept(t.Context(), []store.Acceptance{a})
	require.NoError(t, err)
	want := a.Notification
	want.Counts = store.Counts{Total: 2, Pending: 2}
	want.Status = store.NotificationPending
	require.Equal(t, []store.Accepted{{Notification: want}}, accepted)
	require.Equal(t, want, b.notification(t, want.ID))
	byKey, err := b.NotificationByKey(t.Context(), "console", a.Notification.IdempotencyKey)
	require.NoError(t, err)
	require.Equal(t, want, byKey)

	message, err := b.Message(t.Context(), a.Messages[0].ID)
	require.NoError(t, err)
	require.Equal(t, a.Messages[0], message)

	for _, d := range a.Deliveries {
		got := b.delivery(t, d.ID)
		require.NotZero(t, got.JobID)
		got.JobID = 0
		require.Equal(t, d, got)
	}
}

func acceptTimes(t *testing.T, b bundle) {
	a := Acceptance("app", "key", 1)
	at := time.Date(2026, 3, 29, 1, 59, 59, 123_456_000, time.FixedZone("", 5*3600+45*60))
	a.Notification.CreatedAt, a.Notification.UpdatedAt = at, at.Add(time.Microsecond)
	a.Deliveries[0].CreatedAt = at
	b.accept(t, a)

	n := b.notification(t, a.Notification.ID)
	require.Equal(t, at.UTC(), n.CreatedAt)
	require.Equal(t, at.Add(time.Microsecond).UTC(), n.UpdatedAt)
	require.Equal(t, at.UTC(), b.delivery(t, a.Deliveries[0].ID).CreatedAt)
}

func acceptReplay(t *testing.T, b bundle) {
	first := Acceptance("app", "key", 2)
	b.accept(t, first)
	d := b.delivery(t, first.Deliveries[0].ID)
	b.record(t.Context(), t, outcome(d, 1, store.DeliverySuccess))

	again, err := b.Accept(t.Context(), []store.Acceptance{Acceptance("app", "key", 3)})
	require.NoError(t, err)
	require.Equal(t, []store.Accepted{{Notification: b.notification(t, first.Notification.ID), Replayed: true}}, again)
	require.Equal(t, store.NotificationProcessing, again[0].Notification.Status)
	requireRows(t, b, 1, 2)
}

func acceptReplayInBatch(t *testing.T, b bundle) {
	first, second, third := Acceptance("app", "key", 1), Acceptance("app", "key", 1), Acceptance("app", "key", 1)
	accepted, err := b.Accept(t.Context(), []store.Acceptance{first, second, third})
	require.NoError(t, err)
	n := b.notification(t, first.Notification.ID)
	require.Equal(t, []store.Accepted{
		{Notification: n}, {Notification: n, Replayed: true}, {Notification: n, Replayed: true},
	}, accepted)
	requireRows(t, b, 1, 1)
}

func acceptMixed(t *testing.T, b bundle) {
	old := Acceptance("app", "m", 1)
	b.accept(t, old)
	z, a := Acceptance("app", "z", 1), Acceptance("app", "a", 2)
	accepted, err := b.Accept(t.Context(), []store.Acceptance{z, Acceptance("app", "m", 1), a, Acceptance("app", "z", 1)})
	require.NoError(t, err)

	ids, replayed := make([]uuid.UUID, len(accepted)), make([]bool, len(accepted))
	for i := range accepted {
		ids[i], replayed[i] = accepted[i].Notification.ID, accepted[i].Replayed
	}
	require.Equal(t, []uuid.UUID{z.Notification.ID, old.Notification.ID, a.Notification.ID, z.Notification.ID}, ids)
	require.Equal(t, []bool{false, true, false, true}, replayed)
	requireRows(t, b, 3, 4)
}

func acceptLargeReplay(t *testing.T, b bundle) {
	const recipients = 1500
	old := Acceptance("app", "old", 1)
	b.accept(t, old)
	fresh := Acceptance("app", "fresh", recipients)
	accepted, err := b.Accept(t.Context(), []store.Acceptance{Acceptance("app", "old", recipients), fresh})
	require.NoError(t, err)
	require.Equal(t, old.Notification.ID, accepted[0].Notification.ID)
	require.Equal(t, []bool{true, false}, []bool{accepted[0].Replayed, accepted[1].Replayed})
	again, err := b.Accept(t.Context(), []store.Acceptance{Acceptance("app", "fresh", recipients)})
	require.NoError(t, err)
	require.Equal(t, []store.Accepted{{Notification: fresh.Written(), Replayed: true}}, again)
	requireRows(t, b, 2, recipients+1)
}

func acceptOtherApp(t *testing.T, b bundle) {
	mine, other := Acceptance("app", "key", 1), Acceptance("other", "key", 1)
	b.accept(t, mine)
	b.accept(t, other)
	n, err := b.NotificationByKey(t.Context(), "other", "key")
	require.NoError(t, err)
	require.Equal(t, other.Notification.ID, n.ID)
	requireRows(t, b, 2, 2)
}

func acceptConcurrently(t *testing.T, b bundle) {
	const callers = 50
	accepted, errs := make([]store.Accepted, callers), make([]error, callers)
	concurrently(t, callers, func(i int) {
		answer, err := b.Accept(t.Context(), []store.Acceptance{Acceptance("app", "key", 2)})
		if errs[i] = err; err == nil {
			accepted[i] = answer[0]
		}
	})

	written := 0
	for i := range callers {
		require.NoError(t, errs[i])
		require.Equal(t, accepted[0].Notification.ID, accepted[i].Notification.ID)
		if !accepted[i].Replayed {
			written++
		}
	}
	require.Equal(t, 1, written)
	requireRows(t, b, 1, 2)
}

// Replicas that accept the same keys in opposite orders do not deadlock.
func acceptOppositeBatches(t *testing.T, b bundle) {
	const rounds, callers, keys = 5, 4, 200
	for round := range rounds { // the first rounds open the connections
		errs := make([]error, callers)
		concurrently(t, callers, func(i int) {
			batch := make([]store.Acceptance, keys)
			for k := range keys {
				batch[k] = Acceptance("app", fmt.Sprint(round, k), 1)
			}
			if i%2 == 1 {
				slices.Reverse(batch)
			}
			_, errs[i] = b.Accept(t.Context(), batch)
		})
		for _, err := range errs {
			require.NoError(t, err)
		}
	}
	requireRows(t, b, rounds*keys, rounds*keys)
}

func acceptAllOrNothing(t *testing.T, b bundle) {
	defects := map[string]func(*store.Acceptance){
		"delivery id twice": func(a *store.Acceptance) { a.Deliveries[1].ID = a.Deliveries[0].ID },
		"params not JSON":   func(a *store.Acceptance) { a.Messages[0].Params = []byte(`{"a":`) },
		"missing job":       func(a *store.Acceptance) { a.Jobs = a.Jobs[:1] },
		"foreign job":       func(a *store.Acceptance) { a.Jobs[1].DeliveryID = newID() },
		"invalid queue":     func(a *store.Acceptance) { a.Jobs[1].Queue = "no spaces" },
		"no deliveries":     func(a *store.Acceptance) { a.Deliveries, a.Jobs = nil, nil },
	}
	for name, spoil := range defects {
		bad := Acceptance("app", "bad", 2)
		spoil(&bad)
		_, err := b.Accept(t.Context(), []store.Acceptance{Acceptance("app", "good", 1), bad})
		require.Error(t, err, name)
		requireRows(t, b, 0, 0)
	}
	b.accept(t, Acceptance("app", "good", 1))
}

func acceptJobsMatch(t *testing.T, b bundle) {
	b.accept(t, Acceptance("app", "1", 300), Acceptance("app", "0", 1), Acceptance("app", "2", 200))
	var matching int
	require.NoError(t, b.db.QueryRowContext(t.Context(), `
		SELECT count(*) FROM deliveries d JOIN river_job j ON j.id = d.job_id
		WHERE j.args ->> 'deliveryId' = CAST(d.id AS text)`).Scan(&matching))
	require.Equal(t, 501, matching)
}

func acceptMany(t *testing.T, b bundle) {
	a := Acceptance("app", "key", 10_000)
	start := time.Now()
	b.accept(t, a)
	t.Logf("accepted 10,000 deliveries in %s", time.Since(start).Round(time.Millisecond))
	require.Equal(t, store.Counts{Total: 10_000, Pending: 10_000}, b.notification(t, a.Notification.ID).Counts)
	requireRows(t, b, 1, 10_000)
}

func acceptTemplate(t *testing.T, b bundle) {
	alert, other := b.create(t, template("alert", "email"), "app"), b.create(t, template("other", "sms"), "app")
	one, both := Acceptance("app", "one", 1), Acceptance("app", "both", 1)
	one.Templates, both.Templates = []store.Template{alert}, []store.Template{other, alert}
	b.accept(t, one, both, Acceptance("app", "none", 1))
	requireRows(t, b, 3, 3)
}

func acceptStale(t *testing.T, b bundle) {
	old := b.create(t, template("alert", "email"), "app")
	stale := Acceptance("app", "stale", 1)
	stale.Templates = []store.Template{old}
	requireStale := func(t *testing.T) {
		t.Helper()
		_, err := b.Accept(t.Context(), []store.Acceptance{Acceptance("app", "other", 1), stale})
		require.ErrorIs(t, err, store.ErrStale)
		require.ErrorContains(t, err, "alert")
		requireRows(t, b, 0, 0)
	}

	current, err := b.UpdateTemplate(t.Context(), old, old.Owner, 0, actor.Did(store.AuditTemplateUpdate, "alert")) // the same text, at the same time
	require.NoError(t, err)
	requireStale(t)
	stale.Templates = []store.Template{current}
	require.NoError(t, b.DeleteTemplate(t.Context(), "alert", old.Owner, actor.Did(store.AuditTemplateDelete, "alert")))
	requireStale(t)

	again := b.create(t, current, "app")
	requireStale(t)
	stale.Templates = []store.Template{again}
	b.accept(t, stale)
}

func acceptNothing(t *testing.T, b bundle) {
	accepted, err := b.Accept(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, accepted)
}

func notificationNotFound(t *testing.T, b bundle) {
	_, err := b.Notification(t.Context(), newID())
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.NotificationByKey(t.Context(), "app", "key")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func ping(t *testing.T, b bundle) { require.NoError(t, b.Ping(t.Context())) }

// requireRows requires these numbers of notifications, of messages (one for each
// notification), of deliveries and of jobs (one for each delivery).
func requireRows(t *testing.T, b bundle, notifications, deliveries int) {
	t.Helper()
	require.Equal(t, notifications, b.count(t, "notifications"))
	require.Equal(t, notifications, b.count(t, "messages"))
	require.Equal(t, deliveries, b.count(t, "deliveries"))
	require.Equal(t, deliveries, b.count(t, "river_job"))
}

// jsonObject returns m as JSON.
func jsonObject(t *testing.T, m map[string]any) []byte {
	t.Helper()
	b, err := json.Marshal(m)
	require.NoError(t, err)
	return b
}
