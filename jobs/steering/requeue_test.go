package steering_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// deadDelivery returns a delivery that the provider has refused. River's client is stopped, so
// its job has ended too.
func deadDelivery(t *testing.T, b *jobstest.Bundle, key string) store.Delivery {
	t.Helper()
	b.Provider.Fail(&channels.Error{Class: channels.Permanent, Code: "refused"})
	c := b.Start()
	d := b.WaitFor(b.Accept(key).ID, store.DeliveryDead)
	require.NoError(t, c.Stop())
	b.NextCall()
	b.Provider.Fail(nil)
	return d
}

func TestRequeue(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		d := deadDelivery(t, b, "k")
		b.Template("hello-2", "text", "changed")
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}))
		jobstest.RequireRefusal(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}), refusal.DeliveryOpen, "")

		b.Start()
		m := b.NextCall()
		require.Equal(t, d.ID, m.DeliveryID, "the same delivery id")
		require.Equal(t, 1, m.Attempt)
		require.Equal(t, "Hello world", m.Body, "as it was rendered")
		got := b.WaitFor(d.ID, store.DeliverySuccess)
		require.Equal(t, 1, got.Attempts)
		jobstest.RequireRefusal(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}), refusal.DeliveryArrived, "")
		jobstest.RequireRefusal(t, b.Jobs.Control.Requeue(t.Context(), got, "", store.Actor{}), refusal.DeliveryArrived, "")

		attempts, err := b.Store.Attempts(t.Context(), d.ID)
		require.NoError(t, err)
		require.Len(t, attempts, 2)
		require.Equal(t, "refused", attempts[0].Code)
		n, err := b.Store.Notification(t.Context(), d.NotificationID)
		require.NoError(t, err)
		require.Equal(t, store.NotificationSuccess, n.Status)
	})
}

// A delivery to a group is sent again into that group, whatever provider a retry asks for, and
// not at all when the group is gone.
func TestRequeueOfAGroup(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.UseGroups()
		b.Provider.Fail(&channels.Error{Class: channels.Permanent, Code: "refused"})
		c := b.Start()
		var dead []store.Delivery
		for _, key := range []string{"1", "2"} {
			a, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.GroupRequest(key, "team-a"))
			require.NoError(t, err)
			b.NextCall()
			dead = append(dead, b.WaitFor(b.Deliveries(a.NotificationID)[0].ID, store.DeliveryDead))
		}
		require.NoError(t, c.Stop())
		b.Provider.Fail(nil)

		for provider, code := range map[string]string{"own": refusal.UnknownProvider, "team-b": refusal.UnknownProvider, "team-c": refusal.UnknownProvider} {
			jobstest.RequireRefusal(t, b.Jobs.Control.Requeue(t.Context(), dead[0], provider, store.Actor{}), code, "provider")
		}
		b.UseGroups("team-a")
		for _, provider := range []string{"", "own"} {
			jobstest.RequireRefusal(t, b.Jobs.Control.Requeue(t.Context(), dead[0], provider, store.Actor{}), refusal.UnknownGroup, "")
		}
		b.UseGroups()
		require.True(t, b.Jobs.Control.Admits("team-a", "app"))
		require.False(t, b.Jobs.Control.Admits("team-b", "app"))
		require.True(t, b.Jobs.Control.Admits("nobody", "app"), "it is refused as unknown")

		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), dead[0], "team-a", store.Actor{}))
		done, err := b.Jobs.Control.RequeueMatching(t.Context(), steering.RequeueRequest{Provider: "own", Limit: 10, Filter: store.DeliveryFilter{Channel: "bots"}})
		require.NoError(t, err)
		require.Equal(t, 1, done.Requeued)
		b.Start()
		for _, d := range dead {
			require.Equal(t, "team-a", b.WaitFor(d.ID, store.DeliverySuccess).Provider)
		}
	})
}

// A delivery that waits an hour for its retry is sent now, once. One that is being sent is
// left alone.
func TestRequeueOfAWaitingDelivery(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		settings.Defaults.RetryBackoffSeconds = []int{3600}
		b.Jobs.Apply(settings)
		b.Provider.Fail(&channels.Error{Class: channels.Transient, Code: "away"})
		b.Start()
		d := b.WaitFor(b.Accept("k").ID, store.DeliveryFailed)
		b.NextCall()
		require.Eventually(t, func() bool { return b.JobState(d.JobID) == string(rivertype.JobStateRetryable) }, limit.Wait, 5*time.Millisecond)

		release := make(chan struct{})
		b.Provider.AnswerAfter(release, func(channels.Message) (channels.Receipt, error) { return channels.Receipt{}, nil })
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}))
		require.Equal(t, d.ID, b.NextCall().DeliveryID)
		jobstest.RequireRefusal(t, b.Jobs.Control.Requeue(t.Context(), b.Deliveries(d.NotificationID)[0], "", store.Actor{}), refusal.DeliveryOpen, "")
		close(release)
		b.WaitFor(d.ID, store.DeliverySuccess)
		require.Empty(t, b.Provider.Calls, "once")
		require.Empty(t, b.JobState(d.JobID), "the job that waited is gone")
	})
}

// All that wait go at once, when the filter asks for them.
func TestRequeueMatchingWaitingDeliveries(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		settings := b.Settings(channels.Resend)
		settings.Defaults.RetryBackoffSeconds = []int{3600}
		b.Jobs.Apply(settings)
		b.Provider.Fail(&channels.Error{Class: channels.Transient, Code: "away"})
		c := b.Start()
		a, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", 3))
		require.NoError(t, err)
		for _, d := range b.Deliveries(a.NotificationID) {
			b.WaitFor(d.ID, store.DeliveryFailed)
		}
		require.NoError(t, c.Stop()) // the jobs wait by then
		b.Provider.Fail(nil)
		request := steering.RequeueRequest{Filter: store.DeliveryFilter{NotificationID: a.NotificationID}, Limit: steering.MaxRequeued}
		done, err := b.Jobs.Control.RequeueMatching(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, steering.Requeued{}, done, "the dead ones, when nothing is said")
		request.Filter.Status = store.DeliveryFailed
		done, err = b.Jobs.Control.RequeueMatching(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, []int{3, 3}, []int{done.Matched, done.Requeued})
		b.Start()
		for _, d := range b.Deliveries(a.NotificationID) {
			b.WaitFor(d.ID, store.DeliverySuccess)
		}
	})
}

// An operator retries the old job in River UI after the delivery was requeued with a new one.
func TestRequeuedDeliveryHasOneJob(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		d := deadDelivery(t, b, "k")
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}))
		b.Exec("UPDATE river_job SET state = 'available', finalized_at = NULL, max_attempts = max_attempts + 1 WHERE id = $1", d.JobID)
		b.Start()
		b.WaitFor(d.ID, store.DeliverySuccess)
		require.Eventually(t, func() bool { return b.JobState(d.JobID) == string(rivertype.JobStateCancelled) }, limit.Wait, 5*time.Millisecond)
		require.Len(t, b.Provider.Calls, 1)
	})
}

func TestRequeueThroughAnotherProvider(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		spare := jobstest.NewProvider()
		spare.Fail(&channels.Error{Class: channels.Permanent, Code: "spare_refused"})
		settings := b.Settings(channels.Resend)
		settings.Registry = channels.NewRegistry(
			map[string]channels.Provider{"test": {Name: "test-provider", Type: jobstest.TestChannel, Sender: b.Provider}},
			channels.Provider{Name: "spare", Type: jobstest.TestChannel, Sender: spare},
			channels.Provider{Name: "foreign", Type: jobstest.OtherChannel, Sender: spare})
		b.Jobs.Apply(settings)
		d := deadDelivery(t, b, "k")
		jobstest.RequireRefusal(t, b.Jobs.Control.Requeue(t.Context(), d, "nobody", store.Actor{}), refusal.UnknownProvider, "provider")
		jobstest.RequireRefusal(t, b.Jobs.Control.Requeue(t.Context(), d, "foreign", store.Actor{}), refusal.UnknownProvider, "provider")
		require.Equal(t, store.DeliveryDead, b.WaitFor(d.ID, store.DeliveryDead).Status)

		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "spare", store.Actor{}))
		c := b.Start()
		d = b.WaitFor(d.ID, store.DeliveryDead)
		require.Equal(t, []string{"spare", "spare_refused"}, []string{d.Provider, d.LastCode})
		require.NoError(t, c.Stop())
		require.Len(t, spare.Calls, 1)
		require.Empty(t, b.Provider.Calls)

		// The spare provider is removed before the attempt.
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "spare", store.Actor{}))
		b.Jobs.Apply(b.Settings(channels.Resend))
		b.Start()
		d = b.WaitFor(d.ID, store.DeliveryDead)
		require.Equal(t, "provider_gone", d.LastCode)
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}))
		require.Equal(t, "test-provider", b.WaitFor(d.ID, store.DeliverySuccess).Provider, "the channel's own provider again")
	})
}

func TestRequeueOnADisabledChannel(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		d := deadDelivery(t, b, "k")
		off := b.Settings(channels.Resend)
		off.Registry = channels.NewRegistry(nil)
		b.Jobs.Apply(off)
		jobstest.RequireRefusal(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}), refusal.ChannelOff, "")
		b.WaitFor(d.ID, store.DeliveryDead)
	})
}

func TestRequeueMatching(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		const n = 2*steering.RequeueBatch + 100
		b.Provider.Answer(func(m channels.Message) (channels.Receipt, error) {
			code := "refused"
			if m.Recipient.Value == "user7@example.com" {
				code = "rare"
			}
			return channels.Receipt{}, &channels.Error{Class: channels.Permanent, Code: code}
		})
		c := b.Start()
		a, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", n))
		require.NoError(t, err)
		counts := func() store.Counts {
			got, err := b.Store.Notification(t.Context(), a.NotificationID)
			require.NoError(t, err)
			return got.Counts
		}
		require.Eventually(t, func() bool { return counts().Dead == n }, limit.Wait, 10*time.Millisecond)
		require.NoError(t, c.Stop())
		b.Provider.Fail(nil)

		matching := func(r steering.RequeueRequest) steering.Requeued {
			done, err := b.Jobs.Control.RequeueMatching(t.Context(), r)
			require.NoError(t, err)
			done.Last = uuid.Nil
			return done
		}
		all := store.DeliveryFilter{NotificationID: a.NotificationID}
		require.Equal(t, steering.Requeued{Matched: n}, matching(steering.RequeueRequest{Filter: all, DryRun: true, Limit: steering.MaxRequeued}))
		require.Equal(t, steering.Requeued{Matched: 700, More: true}, matching(steering.RequeueRequest{Filter: all, DryRun: true, Limit: 700}))
		require.Equal(t, steering.Requeued{Matched: n}, matching(steering.RequeueRequest{Filter: all, DryRun: true, Limit: n}), "the limit is the number of matches")
		require.Equal(t, steering.Requeued{}, matching(steering.RequeueRequest{Filter: store.DeliveryFilter{Code: "none"}, Limit: steering.MaxRequeued}))
		require.Equal(t, n, counts().Dead, "a dry run changes nothing")
		for _, r := range []steering.RequeueRequest{
			{Filter: all, Provider: "nobody", Limit: 1},
			{Filter: store.DeliveryFilter{Channel: "other"}, Provider: "test-provider", Limit: 1},
		} {
			_, err := b.Jobs.Control.RequeueMatching(t.Context(), r)
			jobstest.RequireRefusal(t, err, refusal.UnknownProvider, "provider")
		}

		require.Equal(t, steering.Requeued{Matched: 1, Requeued: 1}, matching(steering.RequeueRequest{Filter: store.DeliveryFilter{Code: "rare"}, Provider: "test-provider", Limit: steering.MaxRequeued}))
		require.Equal(t, steering.Requeued{Matched: 600, Requeued: 600, More: true}, matching(steering.RequeueRequest{Filter: all, Limit: 600}))
		require.Equal(t, store.Counts{Total: n, Pending: 601, Dead: n - 601}, counts())
		require.Equal(t, steering.Requeued{Matched: n - 601, Requeued: n - 601}, matching(steering.RequeueRequest{Filter: all, Limit: steering.MaxRequeued}), "it continues with the rest")
		b.Start()
		require.Eventually(t, func() bool { return counts().Success == n }, limit.Wait, 10*time.Millisecond)
	})
}

// A request that begins after the last one's Last takes none a second time, also when those that
// went again are dead again.
func TestRequeueMatchingGoesOn(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		const n = 50
		b.Provider.Fail(&channels.Error{Class: channels.Permanent, Code: "refused"})
		b.Start()
		a, err := b.Jobs.Accepter.Accept(t.Context(), jobstest.Request("k", n))
		require.NoError(t, err)
		allDead := func() {
			require.Eventually(t, func() bool {
				got, err := b.Store.Notification(t.Context(), a.NotificationID)
				return err == nil && got.Counts.Dead == n
			}, limit.Wait, 10*time.Millisecond)
		}
		allDead()
		sent, after := 0, uuid.Nil
		for _, more := range []bool{true, true, false} {
			done, err := b.Jobs.Control.RequeueMatching(t.Context(), steering.RequeueRequest{
				Filter: store.DeliveryFilter{Code: "refused"}, Limit: 20, After: after,
			})
			require.NoError(t, err)
			require.Equal(t, more, done.More)
			sent, after = sent+done.Requeued, done.Last
			allDead()
		}
		require.Equal(t, n, sent)
		done, err := b.Jobs.Control.RequeueMatching(t.Context(), steering.RequeueRequest{Limit: 20, After: after})
		require.NoError(t, err)
		require.Equal(t, steering.Requeued{Last: after}, done, "nothing is left")
	})
}

// An expired delivery cannot be requeued. A scheduled one waits for its time after a cancel and
// a requeue.
func TestRequeueKeepsExpiryAndSchedule(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		soon := store.Now().Add(2 * time.Second)
		expiring := jobstest.Request("expiring", 2)
		expiring.ExpiresAt = &soon
		b.Provider.Fail(&channels.Error{Class: channels.Permanent, Code: "refused"})
		c := b.Start()
		a, err := b.Jobs.Accepter.Accept(t.Context(), expiring)
		require.NoError(t, err)
		d := b.Deliveries(a.NotificationID)[0]
		b.WaitFor(d.ID, store.DeliveryDead)
		b.WaitFor(b.Deliveries(a.NotificationID)[1].ID, store.DeliveryDead)
		require.NoError(t, c.Stop())
		time.Sleep(time.Until(soon))
		jobstest.RequireRefusal(t, b.Jobs.Control.Requeue(t.Context(), b.Deliveries(a.NotificationID)[0], "", store.Actor{}), refusal.Expired, "")
		done, err := b.Jobs.Control.RequeueMatching(t.Context(), steering.RequeueRequest{Filter: store.DeliveryFilter{NotificationID: a.NotificationID}, Limit: steering.MaxRequeued})
		require.NoError(t, err)
		require.Equal(t, steering.Requeued{}, done)

		later := store.Now().Add(time.Hour)
		scheduled := jobstest.Request("scheduled", 1)
		scheduled.SendAt = &later
		a, err = b.Jobs.Accepter.Accept(t.Context(), scheduled)
		require.NoError(t, err)
		require.NoError(t, b.Jobs.Control.Cancel(t.Context(), a.NotificationID, store.Actor{}))
		d = b.Deliveries(a.NotificationID)[0]
		require.Equal(t, store.DeliveryCancelled, d.Status)
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{}))
		require.Equal(t, string(rivertype.JobStateScheduled), b.JobState(b.Deliveries(a.NotificationID)[0].JobID))
	})
}
