package receipts_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlite"
)

// asker is a provider whose vendor can be asked.
type asker struct {
	*jobstest.Provider
	mu        sync.Mutex
	answer    channels.Answer
	err       error
	questions []channels.Question
}

func (a *asker) Ask(_ context.Context, q channels.Question) (channels.Answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.questions = append(a.questions, q)
	return a.answer, a.err
}

func (a *asker) say(answer channels.Answer, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer, a.err = answer, err
}

func (a *asker) asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.questions)
}

// asking is a bundle whose test channel can be asked, and holds what is uncertain.
type asking struct {
	*jobstest.Bundle
	vendor *asker
	kind   channels.Type
}

func each(t *testing.T, test func(t *testing.T, b asking)) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		a := asking{b, &asker{Provider: b.Provider}, jobstest.TestChannel}
		a.kind.OnUncertain, a.kind.AskInterval = channels.Hold, time.Millisecond
		b.Types = []channels.Type{a.kind, jobstest.OtherChannel}
		a.rebuild()
		test(t, a)
	})
}

// rebuild makes new jobs, as a new process has them. Those whose client was stopped wait for no turn.
func (a asking) rebuild() {
	a.Rebuild(a.Store)
	a.Jobs.Apply(a.settings())
}

func (a asking) settings() settings.Settings {
	s := a.Settings(channels.Hold)
	s.Registry = channels.NewRegistry(map[string]channels.Provider{
		"test": {Name: "test-provider", Type: a.kind, OnUncertain: channels.Hold, Sender: a.vendor},
	})
	return s
}

// questions returns how many jobs ask.
func (a asking) questions() string {
	return a.QueryText(`SELECT CAST(count(*) AS text) FROM river_job WHERE kind = 'ask'`)
}

// sent sends a delivery, which ends with the status.
func (a asking) sent(t *testing.T, key string, status store.DeliveryStatus) store.Delivery {
	t.Helper()
	d := a.Accept(key)
	c := a.Start()
	d = a.WaitFor(d.ID, status)
	require.NoError(t, c.Stop())
	a.rebuild()
	return d
}

// held sends a delivery whose answer is lost.
func (a asking) held(t *testing.T) store.Delivery {
	t.Helper()
	a.Provider.Fail(&channels.Error{Class: channels.Uncertain, Code: "timeout"})
	d := a.sent(t, "held", store.DeliveryDead)
	require.Equal(t, channels.CodeUncertainOutcome, d.LastCode)
	a.Provider.Fail(nil)
	return d
}

// age makes the outcome of a delivery older.
func (a asking) age(d store.Delivery, age time.Duration) {
	a.Exec(`UPDATE deliveries SET updated_at = $1 WHERE id = $2`, a.stored(store.Now().Add(-age)), d.ID)
}

// stored returns a time as the engine has it.
func (a asking) stored(at time.Time) any {
	if _, isSQLite := a.Store.(*sqlite.Store); isSQLite {
		return at.UnixMicro()
	}
	return at
}

// ask runs the job of a question once.
func (a asking) ask(t *testing.T, d store.Delivery) time.Duration {
	t.Helper()
	again, err := a.Jobs.Receipts.Ask(t.Context(), d.ID)
	require.NoError(t, err)
	return again
}

func (a asking) delivery(t *testing.T, d store.Delivery) store.Delivery {
	t.Helper()
	got, err := a.Store.Delivery(t.Context(), d.ID)
	require.NoError(t, err)
	return got
}

// What the vendor says becomes the delivery's receipt. Its status stays.
func TestReceipts(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		d := a.sent(t, "k", store.DeliverySuccess)
		require.Equal(t, "1", a.questions())
		a.vendor.say(channels.Answer{Found: true}, nil)
		a.age(d, 31*time.Second)
		again := a.ask(t, d)
		require.InDelta(t, 5*time.Minute-31*time.Second, again, float64(time.Minute))
		require.Empty(t, a.delivery(t, d).Receipt)

		at := store.Now().Add(-time.Second)
		a.vendor.say(channels.Answer{Found: true, Fate: channels.FateDelivered, Code: "DELIVERED", At: at}, nil)
		require.Zero(t, a.ask(t, d))
		got := a.delivery(t, d)
		require.Equal(t, store.DeliverySuccess, got.Status)
		require.Equal(t, []any{store.ReceiptDelivered, "DELIVERED", at}, []any{got.Receipt, got.ReceiptCode, *got.ReceiptAt})
		require.Zero(t, a.ask(t, d))
		require.Equal(t, 2, a.vendor.asked(), "a final answer ends the asking")
	})
}

// River asks when it is time, and the answer ends the job.
func TestRiverAsks(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		d := a.sent(t, "k", store.DeliverySuccess)
		a.vendor.say(channels.Answer{Found: true, Fate: channels.FateAnswered, At: time.Now()}, nil)
		a.Exec(`UPDATE river_job SET scheduled_at = (SELECT created_at FROM river_job WHERE kind = 'ask') WHERE kind = 'ask'`)
		a.Start()
		require.Eventually(t, func() bool { return a.delivery(t, d).Receipt == store.ReceiptAnswered }, limit.Wait, 5*time.Millisecond)
	})
}

// Without an answer by the last question, the receipt is unknown.
func TestUnknown(t *testing.T) {
	for name, answer := range map[string]channels.Answer{"open": {Found: true}, "missing": {}} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, a asking) {
				d := a.sent(t, "k", store.DeliverySuccess)
				a.vendor.say(answer, nil)
				a.age(d, 59*time.Minute)
				require.Positive(t, a.ask(t, d))
				a.age(d, time.Hour)
				require.Zero(t, a.ask(t, d))
				require.Equal(t, store.ReceiptUnknown, a.delivery(t, d).Receipt)
			})
		})
	}
}

// A vendor that does not answer is asked for a day.
func TestVendorDoesNotAnswer(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		d := a.sent(t, "k", store.DeliverySuccess)
		a.vendor.say(channels.Answer{}, &channels.Error{Class: channels.Throttled, Code: "slow", RetryAfter: 2 * time.Minute})
		a.age(d, time.Minute)
		require.InDelta(t, 2*time.Minute, a.ask(t, d), float64(time.Second))
		a.vendor.say(channels.Answer{}, &channels.Error{Class: channels.Transient, Code: "down"})
		a.age(d, 2*time.Hour)
		require.Equal(t, time.Hour, a.ask(t, d))
		require.Empty(t, a.delivery(t, d).Receipt)
		a.age(d, 25*time.Hour)
		require.Zero(t, a.ask(t, d))
		require.Equal(t, store.ReceiptUnknown, a.delivery(t, d).Receipt)
	})
}

// The provider that sent is asked. When it is gone, nobody is.
func TestProviderIsGone(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		arrived := a.sent(t, "k", store.DeliverySuccess)
		held := a.held(t)
		s := a.settings()
		other := &asker{Provider: a.Provider}
		s.Registry = channels.NewRegistry(map[string]channels.Provider{
			"test": {Name: "other-provider", Type: a.kind, OnUncertain: channels.Hold, Sender: other},
		})
		a.Jobs.Apply(s)
		require.Zero(t, a.ask(t, arrived))
		require.Zero(t, a.ask(t, held))
		require.Equal(t, store.ReceiptUnknown, a.delivery(t, arrived).Receipt)
		require.Equal(t, store.DeliveryDead, a.delivery(t, held).Status)
		require.Zero(t, other.asked()+a.vendor.asked())
	})
}

// A test reaches nobody, and nobody is asked about it.
func TestNobodyIsAskedAboutTests(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		test := a.AcceptWith("test", func(r *accepting.Request) { r.Simulated = true })
		a.Start()
		a.WaitFor(test.ID, store.DeliverySuccess)
		require.Equal(t, "0", a.questions())
	})
}

// Nothing is asked where vendors cannot be.
func TestVendorCannotBeAsked(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		d := b.Accept("k")
		b.Start()
		b.WaitFor(d.ID, store.DeliverySuccess)
		require.Equal(t, "0", asking{Bundle: b}.questions())
	})
}

// A held delivery that its vendor has becomes a success, with an attempt that says how it was found.
func TestHeldIsFound(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		d := a.held(t)
		require.Equal(t, "1", a.questions())
		a.age(d, 31*time.Second)
		a.vendor.say(channels.Answer{}, nil)
		require.Positive(t, a.ask(t, d))
		require.Equal(t, store.DeliveryDead, a.delivery(t, d).Status)

		a.vendor.say(channels.Answer{Found: true}, nil)
		require.Equal(t, 30*time.Second, a.ask(t, d), "it is asked again for its receipt")
		got := a.delivery(t, d)
		require.Equal(t, []any{store.DeliverySuccess, 2, ""}, []any{got.Status, got.Attempts, got.LastCode})
		attempts, err := a.Store.Attempts(t.Context(), d.ID)
		require.NoError(t, err)
		require.JSONEq(t, `{"found": true}`, string(attempts[1].Details))
		a.vendor.say(channels.Answer{Found: true, Fate: channels.FateDelivered, At: time.Now()}, nil)
		require.Zero(t, a.ask(t, d))
		require.Equal(t, store.ReceiptDelivered, a.delivery(t, d).Receipt)
		a.NextCall()
		require.Empty(t, a.Provider.Calls, "it is not sent again")
	})
}

// A held delivery that its vendor does not have is sent again after an hour, by itself once.
func TestHeldIsSentAgainOnce(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		d := a.held(t)
		a.vendor.say(channels.Answer{}, nil)
		a.age(d, 59*time.Minute)
		require.Positive(t, a.ask(t, d))
		a.age(d, time.Hour)
		a.Provider.Fail(&channels.Error{Class: channels.Uncertain, Code: "timeout"})
		require.Zero(t, a.ask(t, d))
		require.Zero(t, a.ask(t, d), "it has another job")
		again := a.delivery(t, d)
		require.Equal(t, store.DeliveryPending, again.Status)
		require.NotEqual(t, d.JobID, again.JobID)
		entries, err := a.Store.ListAudit(t.Context(), store.AuditFilter{}, [16]byte{}, 1)
		require.NoError(t, err)
		require.Equal(t, []any{store.AuditDeliveryRetry, "", d.ID.String()}, []any{entries[0].Action, entries[0].AppID, entries[0].ObjectID})

		a.Start()
		held := a.WaitFor(d.ID, store.DeliveryDead)
		a.age(held, time.Hour)
		require.Zero(t, a.ask(t, held))
		require.Equal(t, store.DeliveryDead, a.delivery(t, held).Status, "the second time it is left to a person")
	})
}

// A requeue by hand wins, whatever the vendor says then.
func TestRequeuedByHandMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		d := a.held(t)
		require.NoError(t, a.Jobs.Control.Requeue(t.Context(), d, "", store.Actor{AppID: "app"}))
		a.vendor.say(channels.Answer{Found: true}, nil)
		require.Zero(t, a.ask(t, d))
		require.Zero(t, a.vendor.asked())
		require.Equal(t, store.DeliveryPending, a.delivery(t, d).Status)
	})
}

// A held delivery that has expired is not sent again.
func TestHeldHasExpired(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		d := a.held(t)
		a.vendor.say(channels.Answer{}, nil)
		a.age(d, time.Hour)
		a.Exec(`UPDATE deliveries SET expires_at = $1 WHERE id = $2`, a.stored(store.Now().Add(-time.Minute)), d.ID)
		require.Zero(t, a.ask(t, d))
		got := a.delivery(t, d)
		require.Equal(t, []any{store.DeliveryDead, store.CodeExpired}, []any{got.Status, got.LastCode})
	})
}

// Another provider of the channel has it: the list changed since its worker was lost.
func TestHeldIsFoundAtAnotherProvider(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		d := a.held(t)
		a.vendor.say(channels.Answer{}, nil)
		other := &asker{Provider: a.Provider}
		other.say(channels.Answer{Found: true}, nil)
		s := a.settings()
		s.Registry = channels.NewRegistry(map[string]channels.Provider{
			"test": {Name: "test-provider", Type: a.kind, OnUncertain: channels.Hold, Sender: a.vendor},
		}, channels.Provider{Name: "spare", Type: a.kind, Sender: other})
		a.Jobs.Apply(s)
		require.Positive(t, a.ask(t, d))
		got := a.delivery(t, d)
		require.Equal(t, []any{store.DeliverySuccess, "spare"}, []any{got.Status, got.Provider})
	})
}

// A delivery whose worker was killed in the send, in its last attempt, is asked about, too.
func TestOrphanIsAskedAbout(t *testing.T) {
	each(t, func(t *testing.T, a asking) {
		d := a.Accept("k")
		a.Exec(`UPDATE river_job SET state = 'discarded', attempt = 1, finalized_at = CURRENT_TIMESTAMP WHERE id = $1`, d.JobID)
		n, err := a.Jobs.Orphans.Close(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Equal(t, "1", a.questions())
		a.vendor.say(channels.Answer{Found: true, Fate: channels.FateDelivered, At: time.Now()}, nil)
		require.Zero(t, a.ask(t, d))
		got := a.delivery(t, d)
		require.Equal(t, []any{store.DeliverySuccess, store.ReceiptDelivered}, []any{got.Status, got.Receipt})
	})
}
