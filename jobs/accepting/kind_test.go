package accepting_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// quietNow returns quiet hours that began two hours ago and end in two, in UTC.
func quietNow() *store.Quiet {
	now := time.Now().UTC()
	return &store.Quiet{From: now.Add(-2 * time.Hour).Format("15:04"), To: now.Add(2 * time.Hour).Format("15:04"), TimeZone: "UTC"}
}

// endOf returns when the quiet hours end that hold now.
func endOf(t *testing.T, q *store.Quiet) time.Time {
	t.Helper()
	hours, err := store.NewQuietHours(q.From, q.To, q.TimeZone)
	require.NoError(t, err)
	end := hours.Until(time.Now())
	require.True(t, end.After(time.Now()))
	return end
}

// putKind writes a kind as another replica does.
func putKind(t *testing.T, b *jobstest.Bundle, k store.Kind) {
	t.Helper()
	k.UpdatedAt = store.Now()
	require.NoError(t, b.Store.PutKind(t.Context(), k, jobstest.By("operator", store.AuditKindWrite, k.Name)))
}

// accepted accepts a request that change has changed.
func accepted(t *testing.T, b *jobstest.Bundle, key string, n int, change func(*accepting.Request)) (accepting.Accepted, error) {
	t.Helper()
	r := jobstest.Request(key, n)
	r.Kind = "billing"
	if change != nil {
		change(&r)
	}
	return b.Jobs.Accepter.Accept(t.Context(), r)
}

// A replica sees at once what another one has done to a kind.
func TestKindIsTheStoredOne(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		_, err := accepted(t, b, "1", 1, nil)
		jobstest.RequireRefusal(t, err, refusal.UnknownKind, "kind")
		putKind(t, b, store.Kind{Name: "billing"})
		first, err := accepted(t, b, "1", 1, nil)
		require.NoError(t, err)
		require.Equal(t, "billing", b.Deliveries(first.NotificationID)[0].Kind)

		putKind(t, b, store.Kind{Name: "billing", Channels: []string{"other"}})
		_, err = accepted(t, b, "2", 1, nil)
		jobstest.RequireRefusal(t, err, refusal.KindChannel, "channels.test")
		again, err := accepted(t, b, "1", 1, nil)
		require.NoError(t, err, "accepted before")
		require.True(t, again.Replayed)

		putKind(t, b, store.Kind{Name: "billing", Channels: []string{"test"}, Quiet: quietNow()})
		held, err := accepted(t, b, "3", 1, nil)
		require.NoError(t, err)
		require.NotEmpty(t, b.Deliveries(held.NotificationID)[0].Quiet)

		require.NoError(t, b.Store.DeleteKind(t.Context(), "billing", jobstest.By("operator", store.AuditKindDelete, "billing")))
		_, err = accepted(t, b, "4", 1, nil)
		jobstest.RequireRefusal(t, err, refusal.UnknownKind, "kind")
		_, err = accepted(t, b, "1", 1, func(r *accepting.Request) { r.Kind = "" })
		jobstest.RequireRefusal(t, err, refusal.IdempotencyConflict, "idempotencyKey")
	})
}

func TestQuietHoursAtAcceptance(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		quiet := quietNow()
		putKind(t, b, store.Kind{Name: "billing", Quiet: quiet})
		putKind(t, b, store.Kind{Name: "alert", Quiet: quiet, Critical: true})
		elsewhere := *quiet
		elsewhere.Channels = []string{"other"}
		putKind(t, b, store.Kind{Name: "elsewhere", Quiet: &elsewhere})
		end := endOf(t, quiet)
		for name, c := range map[string]struct {
			change func(*accepting.Request)
			until  *time.Time
			due    *time.Time
		}{
			"held":             {nil, &end, &end},
			"critical":         {func(r *accepting.Request) { r.Kind = "alert" }, nil, nil},
			"high":             {func(r *accepting.Request) { r.Priority = store.PriorityHigh }, nil, nil},
			"another channel":  {func(r *accepting.Request) { r.Kind = "elsewhere" }, nil, nil},
			"no kind":          {func(r *accepting.Request) { r.Kind = "" }, nil, nil},
			"another zone":     {func(r *accepting.Request) { r.Recipients[0].TimeZone = "Etc/GMT+9" }, nil, nil},
			"sendAt in them":   {func(r *accepting.Request) { r.SendAt = jobstest.FromNow(30 * time.Minute) }, &end, &end},
			"sendAt after":     {func(r *accepting.Request) { r.SendAt = jobstest.FromNow(3 * time.Hour) }, nil, jobstest.FromNow(3 * time.Hour)},
			"expires in them":  {func(r *accepting.Request) { r.ExpiresAt = jobstest.FromNow(time.Hour) }, &end, jobstest.FromNow(time.Hour)},
			"with test secret": {func(r *accepting.Request) { r.Simulated = true }, &end, &end},
		} {
			d := b.AcceptWith(name, func(r *accepting.Request) {
				r.Kind = "billing"
				if c.change != nil {
					c.change(r)
				}
			})
			until := d.HeldUntil(time.Now())
			require.Equal(t, c.until != nil, until != nil, name)
			if until != nil {
				require.True(t, c.until.Equal(*until), name)
			}
			state := "available"
			if c.due != nil {
				state = "scheduled"
				require.WithinDuration(t, *c.due, d.Wakes(d.Due()), time.Second, name)
			}
			require.Equal(t, state, b.JobState(d.JobID), name)
		}
		_, err := accepted(t, b, "zone", 2, func(r *accepting.Request) { r.Recipients[1].TimeZone = "Asia/Nowhere" })
		jobstest.RequireRefusal(t, err, refusal.InvalidRecipient, "recipients[1].timeZone")
		_, err = accepted(t, b, "twice", 1, func(r *accepting.Request) {
			r.Recipients = append(r.Recipients, r.Recipients[0])
			r.Recipients[1].TimeZone = "Asia/Shanghai"
		})
		jobstest.RequireRefusal(t, err, refusal.InvalidRecipient, "recipients[1].timeZone")
	})
}

func TestCapsAtAcceptance(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		putKind(t, b, store.Kind{Name: "billing", Caps: map[string]store.Cap{"test": {Limit: 2, Per: store.PerDay}}})
		for i, want := range []store.Amounts{nil, nil, {store.CodeCapped: 3}} {
			a, err := accepted(t, b, fmt.Sprint(i), 3, nil)
			require.NoError(t, err)
			require.Equal(t, want, a.Withheld)
			require.Equal(t, 3, a.Deliveries)
		}
		replayed, err := accepted(t, b, "2", 3, nil)
		require.NoError(t, err)
		require.True(t, replayed.Replayed)
		require.Equal(t, store.Amounts{store.CodeCapped: 3}, replayed.Withheld, "a repetition has the same answer")
		for name, change := range map[string]func(*accepting.Request){
			"high": func(r *accepting.Request) { r.Priority = store.PriorityHigh },
			"test": func(r *accepting.Request) { r.Simulated, r.AppID = true, "app"+accepting.TestSuffix },
		} {
			a, err := accepted(t, b, name, 3, change)
			require.NoError(t, err)
			require.Nil(t, a.Withheld, name)
		}
		require.NoError(t, testutil.GatherAndCompare(b.Metrics, strings.NewReader(`
# HELP sealos_notify_deliveries_withheld_total Deliveries of accepted notifications that were cancelled at once, by code.
# TYPE sealos_notify_deliveries_withheld_total counter
sealos_notify_deliveries_withheld_total{channel="test",code="capped"} 3
sealos_notify_deliveries_withheld_total{channel="test",code="opted_out"} 0
sealos_notify_deliveries_withheld_total{channel="test",code="suppressed"} 0
`), "sealos_notify_deliveries_withheld_total"))
	})
}

// As many as the cap allows, however many replicas accept at once.
func TestCapsOverCallers(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		const most, callers, each = 5, 8, 4
		putKind(t, b, store.Kind{Name: "billing", Caps: map[string]store.Cap{"test": {Limit: most, Per: store.PerDay}}})
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for i := range each {
					if _, err := accepted(t, b, fmt.Sprint(c, "-", i), 2, nil); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.Equal(t, fmt.Sprint(2*most), b.QueryText(`SELECT CAST(count(*) AS text) FROM deliveries WHERE status = 'pending'`))
		require.Equal(t, fmt.Sprint(2*(callers*each-most)), b.QueryText(`SELECT CAST(count(*) AS text) FROM deliveries WHERE last_code = 'capped'`))
	})
}

// Nobody who posts alerts can mend the name of a kind: they are sent without it, and the check of
// the receivers finds it.
func TestKindOfAlerts(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		alert := func(key string) accepting.Request {
			r := jobstest.Request(key, 1)
			r.Kind = "alert"
			r.Alerts = &accepting.Alerts{Receiver: "team", Telling: store.Telling{Receiver: "team", Group: key, State: "firing"}}
			r.Alerts.Content.Params = func(int, bool) map[string]any { return map[string]any{"name": "world"} }
			return r
		}
		a, err := b.Jobs.Accepter.Accept(t.Context(), alert("1"))
		require.NoError(t, err)
		require.Empty(t, b.Deliveries(a.NotificationID)[0].Kind)
		problems, err := b.Jobs.Accepter.CheckAlerts(t.Context(), alert("2"))
		require.NoError(t, err)
		require.Equal(t, refusal.UnknownKind, problems[0].Code)

		putKind(t, b, store.Kind{Name: "alert", Quiet: quietNow()})
		a, err = b.Jobs.Accepter.Accept(t.Context(), alert("3"))
		require.NoError(t, err)
		require.NotEmpty(t, b.Deliveries(a.NotificationID)[0].Quiet)

		putKind(t, b, store.Kind{Name: "alert", Channels: []string{"other"}})
		_, err = b.Jobs.Accepter.Accept(t.Context(), alert("4"))
		jobstest.RequireRefusal(t, err, refusal.KindChannel, "channels.test")
		problems, err = b.Jobs.Accepter.CheckAlerts(t.Context(), alert("5"))
		require.NoError(t, err)
		require.Equal(t, "channels.test", problems[len(problems)-1].Field)
	})
}
