package delivering_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// pair is a channel with the providers first, which is b.Provider, and second.
type pair struct {
	*jobstest.Bundle
	t        *testing.T
	settings settings.Settings
	second   *jobstest.Provider
}

// usePair gives the test channel two providers.
func usePair(t *testing.T, b *jobstest.Bundle, onUncertain channels.OnUncertain, change ...func(first, second *channels.Provider)) *pair {
	t.Helper()
	p := &pair{b, t, b.Settings(onUncertain), jobstest.NewProvider()}
	first := channels.Provider{Name: "first", Type: jobstest.TestChannel, OnUncertain: onUncertain, Sender: b.Provider}
	second := channels.Provider{Name: "second", Type: jobstest.TestChannel, OnUncertain: onUncertain, Sender: p.second, Place: 2}
	for _, change := range change {
		change(&first, &second)
	}
	p.settings.Registry = channels.NewRegistry(map[string]channels.Provider{"test": first}, second)
	b.Jobs.Apply(p.settings)
	return p
}

// went returns the providers of a delivery's attempts, in their order.
func (p *pair) went(d store.Delivery) string {
	p.t.Helper()
	attempts, err := p.Store.Attempts(p.t.Context(), d.ID)
	require.NoError(p.t, err)
	var names []string
	for _, a := range attempts {
		names = append(names, a.Provider)
	}
	return strings.Join(names, " ")
}

// What the first provider says decides when a delivery goes on through the second. That spends no
// attempt, so retries are not used up sooner.
func TestAnotherProviderByItself(t *testing.T) {
	dedupes := func(first, second *channels.Provider) { first.Type.Dedupes, second.Type.Dedupes = true, true }
	for name, c := range map[string]struct {
		onUncertain channels.OnUncertain
		change      func(first, second *channels.Provider)
		failure     channels.Error
		maxRetry    int
		went        string
		status      store.DeliveryStatus
		attempts    int
	}{
		"misconfigured": {failure: channels.Error{Class: channels.Misconfigured}, maxRetry: 3, went: "first second", attempts: 1},
		"transient":     {failure: channels.Error{Class: channels.Transient, OfMessage: true}, maxRetry: 3, went: "first first second", attempts: 2},
		"no retries":    {failure: channels.Error{Class: channels.Transient, OfMessage: true}, went: "first second", attempts: 1},
		"throttled":     {failure: channels.Error{Class: channels.Throttled, RetryAfter: time.Hour}, maxRetry: 3, went: "first second", attempts: 1},
		"permanent":     {failure: channels.Error{Class: channels.Permanent}, maxRetry: 3, went: "first", status: store.DeliveryDead, attempts: 1},
		"uncertain, a double costs": {
			onUncertain: channels.Hold, failure: channels.Error{Class: channels.Uncertain}, maxRetry: 3,
			went: "first", status: store.DeliveryDead, attempts: 1,
		},
		"uncertain, a double is harmless": {
			failure: channels.Error{Class: channels.Uncertain, OfMessage: true}, maxRetry: 3, went: "first first second", attempts: 2,
		},
		"uncertain, the vendor drops the double": {
			failure: channels.Error{Class: channels.Uncertain, OfMessage: true}, change: dedupes, maxRetry: 3,
			went: "first first first first", status: store.DeliveryDead, attempts: 4,
		},
	} {
		t.Run(name, func(t *testing.T) {
			jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
				p := usePair(t, b, channels.OnUncertain(firstOf(string(c.onUncertain), string(channels.Resend))), func(first, second *channels.Provider) {
					first.Tries.MaxRetry = &c.maxRetry
					if c.change != nil {
						c.change(first, second)
					}
				})
				c.failure.Code = "fails"
				b.Provider.Fail(&c.failure)
				d := b.Accept("k")
				require.Equal(t, "first", d.Provider)
				require.Equal(t, c.maxRetry, d.MaxRetry, "as the provider has it")
				b.Start()
				d = b.WaitFor(d.ID, store.DeliveryStatus(firstOf(string(c.status), string(store.DeliverySuccess))))
				require.Equal(t, c.went, p.went(d))
				require.Equal(t, c.attempts, d.Attempts)
				if d.Status == store.DeliverySuccess {
					require.Equal(t, "second", d.Provider)
					require.Equal(t, "second", d.NextProvider)
					require.Equal(t, "test|second|app", b.QueryText("SELECT queue FROM river_job WHERE id = $1", d.JobID))
				}
			})
		})
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Where both fail, each attempt is a walk along both, and the retries last as long as with one.
func TestBothProvidersFail(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p := usePair(t, b, channels.Resend)
		for _, one := range []*jobstest.Provider{b.Provider, p.second} {
			one.Fail(&channels.Error{Class: channels.Misconfigured, Code: "wrong_password"})
		}
		d := b.Accept("k")
		b.Start()
		d = b.WaitFor(d.ID, store.DeliveryDead)
		require.Equal(t, "first second first second first second first second", p.went(d))
		require.Equal(t, 4, d.Attempts)
	})
}

// A provider that throttles is left for one that would take the delivery sooner, and for no other.
func TestThrottledGoesWhereItWaitsLess(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p := usePair(t, b, channels.Resend)
		b.Provider.Fail(&channels.Error{Class: channels.Throttled, Code: "slow", RetryAfter: time.Minute})
		p.second.Fail(&channels.Error{Class: channels.Throttled, Code: "slower", RetryAfter: time.Hour})
		d := b.Accept("k")
		b.Start()
		limit.Receive(t, p.second.Calls, "a call")
		d = b.WaitFor(d.ID, store.DeliveryFailed)
		require.Eventually(t, func() bool { return p.went(d) == "first second" }, limit.Wait, 5*time.Millisecond)
		d = b.WaitFor(d.ID, store.DeliveryFailed)
		require.Equal(t, "first", d.NextProvider, "it is free sooner")
		require.WithinDuration(t, time.Now().Add(time.Minute), *d.NextRetryAt, 20*time.Second)
		require.Zero(t, d.Attempts)
	})
}

// While the breaker of the first is open, the second takes everything, and one delivery now and
// then tries the first. When both are open, everything waits.
func TestOpenBreakerSendsThroughTheNext(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p := usePair(t, b, channels.Resend)
		away := &channels.Error{Class: channels.Transient, Code: "connect_failed"}
		b.Provider.Fail(away)
		b.Start()
		for _, d := range acceptMany(b, "first", 5) {
			b.WaitFor(d.ID, store.DeliverySuccess)
		}
		isOpen(t, b, true)
		calls := len(b.Provider.Calls)
		for _, d := range acceptMany(b, "second", 20) {
			d = b.WaitFor(d.ID, store.DeliverySuccess)
			require.Equal(t, "second", d.Provider)
			require.Equal(t, "second", p.went(d), "no attempt is spent on the first")
		}
		require.Len(t, b.Provider.Calls, calls)

		b.Exec(`UPDATE provider_breakers SET probe_at = opened_at`)
		var tried store.Delivery
		require.Eventually(t, func() bool { // the breakers are read once a second
			tried = b.WaitFor(b.Accept("probe"+time.Now().String()).ID, store.DeliverySuccess)
			return p.went(tried) != "second"
		}, limit.Wait, 5*time.Millisecond)
		require.Equal(t, "first second", p.went(tried))
		require.Equal(t, 1, tried.Attempts)

		p.second.Fail(away)
		held := acceptMany(b, "held", 10)
		require.Eventually(t, func() bool {
			open, err := b.Store.OpenBreakers(t.Context())
			return err == nil && len(open) == 2
		}, limit.Wait, 5*time.Millisecond)
		b.Provider.Fail(nil)
		p.second.Fail(nil)
		b.Exec(`UPDATE provider_breakers SET probe_at = opened_at`)
		for _, d := range held {
			b.WaitFor(d.ID, store.DeliverySuccess)
		}
	})
}

// A lost worker's attempt may have arrived at the first, which would drop the repetition. So the
// delivery waits for the first, though the second works.
func TestLostAttemptStaysWhereItIsKnown(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p := usePair(t, b, channels.Resend, func(first, second *channels.Provider) { first.Type.Dedupes, second.Type.Dedupes = true, true })
		lost, fresh := b.Accept("lost"), b.Accept("fresh")
		b.Exec("UPDATE river_job SET attempt = 1 WHERE id = $1", lost.JobID)
		b.Provider.Fail(&channels.Error{Class: channels.Misconfigured, Code: "wrong_password"})
		b.Start()
		fresh = b.WaitFor(fresh.ID, store.DeliverySuccess)
		require.Equal(t, "first second", p.went(fresh))
		lost = b.WaitFor(lost.ID, store.DeliveryDead)
		require.Equal(t, "first first first", p.went(lost))
		require.True(t, lost.Pinned)
	})
}

// A worker whose attempt went through the second, because the first's breaker was open, is lost.
// The row names the second, so the repetition goes there, too.
func TestMoveIsWrittenBeforeTheSend(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p := usePair(t, b, channels.Resend)
		require.NoError(t, b.Jobs.Control.SetBreaker(t.Context(), "first", true, store.Actor{}))
		d := b.Accept("k")
		next := make(chan string, 1)
		p.second.Answer(func(channels.Message) (channels.Receipt, error) {
			d, err := b.Store.Delivery(t.Context(), d.ID)
			next <- fmt.Sprint(d.NextProvider, err)
			return channels.Receipt{}, nil
		})
		b.Start()
		require.Equal(t, "second<nil>", limit.Receive(t, next, "a call"))
		b.WaitFor(d.ID, store.DeliverySuccess)
	})
}

// What an operator sends through a provider goes through that one, and waits for it.
func TestRequeueThroughMovesNowhere(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p := usePair(t, b, channels.Resend)
		b.Provider.Fail(&channels.Error{Class: channels.Permanent, Code: "no"})
		d := b.Accept("k")
		b.Start()
		d = b.WaitFor(d.ID, store.DeliveryDead)
		b.Provider.Fail(&channels.Error{Class: channels.Misconfigured, Code: "wrong_password"})
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "first", store.Actor{}))
		require.Eventually(t, func() bool { return len(strings.Fields(p.went(d))) == 5 }, limit.Wait, 5*time.Millisecond)
		d = b.WaitFor(d.ID, store.DeliveryDead)
		require.Equal(t, "first first first first first", p.went(d))
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}))
		d = b.WaitFor(d.ID, store.DeliverySuccess)
		require.Equal(t, "second", d.Provider, "by itself again")
	})
}

// A provider that has left the list is left by what was moved to it.
func TestMovedToAProviderThatIsGone(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p := usePair(t, b, channels.Resend)
		d := b.Accept("k")
		b.Exec("UPDATE deliveries SET next_provider = 'gone'")
		b.Start()
		d = b.WaitFor(d.ID, store.DeliverySuccess)
		require.Equal(t, "first", p.went(d))
	})
}

// Each delivery keeps to the provider that its id chose.
func TestSharesOfDeliveries(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		p := usePair(t, b, channels.Resend, func(first, second *channels.Provider) { first.Weight, second.Weight = 1, 1 })
		b.Start()
		through := map[string]int{}
		for _, d := range acceptMany(b, "k", 60) {
			begins := d.Provider
			line := map[string]string{"first": "test|app", "second": "test|second|app"}[begins]
			require.Equal(t, line, b.QueryText("SELECT queue FROM river_job WHERE id = $1", d.JobID))
			d = b.WaitFor(d.ID, store.DeliverySuccess)
			require.Equal(t, begins, d.Provider)
			through[begins]++
		}
		require.Len(t, b.Provider.Calls, through["first"])
		require.Len(t, p.second.Calls, through["second"])
		require.Greater(t, min(through["first"], through["second"]), 10)
	})
}

// The narrower timeout and table count.
func TestTriesOfAProvider(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		timeout, retries := 1, 2
		p := usePair(t, b, channels.Resend, func(first, second *channels.Provider) {
			first.Tries = channels.Tries{TimeoutSeconds: &timeout, RetryBackoffSeconds: []int{0}, MaxRetry: &retries}
			second.Tries = channels.Tries{RetryBackoffSeconds: []int{3600}}
		})
		b.Provider.AnswerContext(func(ctx context.Context, _ channels.Message) (channels.Receipt, error) {
			<-ctx.Done()
			return channels.Receipt{}, &channels.Error{Class: channels.Transient, Code: "timeout", OfMessage: true}
		})
		p.second.Fail(&channels.Error{Class: channels.Transient, Code: "busy", OfMessage: true})
		d := b.Accept("k")
		b.Start()
		require.Eventually(t, func() bool { return p.went(d) == "first first second" }, limit.Wait, 5*time.Millisecond)
		attempts, err := b.Store.Attempts(t.Context(), d.ID)
		require.NoError(t, err)
		require.WithinDuration(t, attempts[0].StartedAt.Add(time.Second), attempts[0].FinishedAt, 900*time.Millisecond)
		require.Eventually(t, func() bool {
			d, err = b.Store.Delivery(t.Context(), d.ID)
			return err == nil && d.NextRetryAt != nil && d.Attempts == 2
		}, limit.Wait, 5*time.Millisecond)
		require.WithinDuration(t, time.Now().Add(time.Hour), *d.NextRetryAt, time.Minute)
	})
}

// What waits for a turn at a provider with a rate limit does not wait for it any more when its
// breaker is open, and waits for its turns at the next one.
func TestOpenBreakerOfALimitedProvider(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		const interval = 20 * time.Millisecond
		p := usePair(t, b, channels.Resend, func(first, second *channels.Provider) { first.Interval, second.Interval = time.Hour, interval })
		require.NoError(t, b.Jobs.Control.SetBreaker(t.Context(), "first", true, store.Actor{}))
		accepted := acceptMany(b, "k", 20)
		b.Start()
		begin := time.Now()
		for _, d := range accepted {
			d = b.WaitFor(d.ID, store.DeliverySuccess)
			require.Equal(t, "second", p.went(d))
			require.Equal(t, "test|second|app", b.QueryText("SELECT queue FROM river_job WHERE id = $1", d.JobID))
		}
		require.GreaterOrEqual(t, time.Since(begin), 19*interval-10*time.Millisecond, "its limit holds")
		require.Empty(t, b.Provider.Calls)
	})
}
