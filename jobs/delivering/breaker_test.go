package delivering_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
)

// acceptMany accepts so many deliveries, and returns them.
func acceptMany(b *jobstest.Bundle, prefix string, n int) []store.Delivery {
	var accepted []store.Delivery
	for i := range n {
		accepted = append(accepted, b.Accept(fmt.Sprintf("%s-%d", prefix, i)))
	}
	return accepted
}

// isOpen waits until the provider's breaker is open or not.
func isOpen(t *testing.T, b *jobstest.Bundle, want bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		open, err := b.Store.OpenBreakers(t.Context())
		require.NoError(t, err)
		return want == (len(open) > 0)
	}, limit.Wait, 5*time.Millisecond)
}

// A vendor is away for as long as it takes. Its breaker opens within ten calls, and what waits
// behind it spends no attempt; nor does the delivery that tries. When the vendor is back,
// everything arrives.
func TestBreakerHoldsInAnOutage(t *testing.T) {
	for name, away := range map[string]*channels.Error{
		"no connection": {Class: channels.Transient, Code: "connect_failed"},
		"no answer":     {Class: channels.Uncertain, Code: "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
				b.Provider.Fail(away)
				b.Start()
				first := acceptMany(b, "first", 5)
				isOpen(t, b, true)
				calls := len(b.Provider.Calls)
				require.LessOrEqual(t, calls, 10)

				held := acceptMany(b, "held", 20)
				for try := range 6 { // more than a delivery has attempts
					b.Exec(`UPDATE provider_breakers SET probe_at = opened_at`)
					require.Eventually(t, func() bool { return len(b.Provider.Calls) == calls+try+1 }, limit.Wait, 5*time.Millisecond)
				}
				for _, d := range held {
					d, err := b.Store.Delivery(t.Context(), d.ID)
					require.NoError(t, err)
					require.Zero(t, d.Attempts)
				}
				require.Equal(t, "few", b.QueryText(`SELECT CASE WHEN count(*) <= 16 THEN 'few' ELSE CAST(count(*) AS text) END
					FROM river_job WHERE attempted_at IS NOT NULL`), "what is held is not taken, but for those that try")

				b.Provider.Fail(nil)
				b.Exec(`UPDATE provider_breakers SET probe_at = opened_at`)
				isOpen(t, b, false)
				for _, d := range append(first, held...) {
					b.WaitFor(d.ID, store.DeliverySuccess)
				}
				entries, err := b.Store.ListAudit(t.Context(), store.AuditFilter{ObjectID: held[0].Provider}, [16]byte{}, 10)
				require.NoError(t, err)
				require.Len(t, entries, 2)
				require.Equal(t, store.AuditBreakerClose, entries[0].Action)
				require.Equal(t, store.AuditBreakerOpen, entries[1].Action)
				require.Empty(t, entries[0].AppID, "it did so by itself")
			})
		})
	}
}

// Failures that are about a message, about the account or unknown open no breaker, nor do those
// with a success between them.
func TestBreakerStaysClosed(t *testing.T) {
	for name, e := range map[string]*channels.Error{
		"permanent":     {Class: channels.Permanent, Code: "no_such_user"},
		"misconfigured": {Class: channels.Misconfigured, Code: "wrong_template"},
		"of a message":  {Class: channels.Transient, Code: "smtp_4.2.2", OfMessage: true},
		"unknown":       {Class: channels.Transient, Code: "vendor_1", Unlisted: true},
	} {
		t.Run(name, func(t *testing.T) {
			jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
				b.Provider.Fail(e)
				b.Start()
				for _, d := range acceptMany(b, "k", 10) {
					b.WaitFor(d.ID, store.DeliveryDead)
				}
				isOpen(t, b, false)
				require.Empty(t, b.QueryText(`SELECT provider FROM provider_breakers`))
			})
		})
	}
	t.Run("some arrive", func(t *testing.T) {
		jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
			b.Start()
			for i := range 10 {
				b.Provider.Fail(&channels.Error{Class: channels.Transient, Code: "http_503"})
				d := b.Accept(fmt.Sprintf("fails-%d", i))
				b.NextCall()
				b.Provider.Fail(nil)
				b.WaitFor(d.ID, store.DeliverySuccess)
			}
			isOpen(t, b, false)
		})
	})
}

// What an operator opened lets nothing through, and only an operator closes it.
func TestBreakerByHand(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		provider := b.Jobs.Overview.Providers(jobstest.TestChannel.Channel)[0]
		by := store.Actor{AppID: "admin"}
		require.NoError(t, b.Jobs.Control.SetBreaker(t.Context(), provider, true, by))
		b.Start()
		d := b.Accept("k")
		test := b.AcceptWith("test", func(r *accepting.Request) { r.Simulated = true })
		b.WaitFor(test.ID, store.DeliverySuccess) // its line is not held
		require.Equal(t, "available", b.JobState(d.JobID), "it is not taken")
		require.Equal(t, "0", b.QueryText(`SELECT CAST(attempt AS text) FROM river_job WHERE id = $1`, d.JobID))
		require.Empty(t, b.Provider.Calls)
		require.NoError(t, b.Jobs.Control.SetBreaker(t.Context(), provider, false, by))
		b.WaitFor(d.ID, store.DeliverySuccess)
	})
}
