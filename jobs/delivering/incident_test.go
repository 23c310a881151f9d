package delivering_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// bell is a board that also urges. Each call is the urgency and the message.
type bell struct {
	*board
	answer func() error // nil: calls succeed
	urged  chan [2]string
}

// Urge implements channels.Urger.
func (v *bell) Urge(_ context.Context, reference string, m channels.Message) (channels.Receipt, error) {
	v.urged <- [2]string{m.Urgent, reference}
	if v.answer != nil {
		if err := v.answer(); err != nil {
			return channels.Receipt{}, err
		}
	}
	return channels.Receipt{Details: map[string]any{"urged": true}}, nil
}

// useBell gives the test channel a bell.
func useBell(b *jobstest.Bundle) *bell {
	b.Types[0].Urgent = []string{"app", "sms"}
	b.Rebuild(b.Store)
	v := &bell{urged: make(chan [2]string, 100)}
	v.board = useBoard(b, func(s *settings.Settings) {
		p, _ := s.Registry.Provider("test")
		p.Sender = v
		s.Registry = channels.NewRegistry(map[string]channels.Provider{"test": p})
	})
	return v
}

// urgently accepts a notification with urgent steps that are due after so long, and returns its delivery and
// those of the steps.
func urgently(t *testing.T, b *jobstest.Bundle, key, kind string, after ...time.Duration) (store.Delivery, []store.Delivery) {
	t.Helper()
	first := b.AcceptWith(key, func(r *accepting.Request) {
		for _, d := range after {
			r.Escalation = append(r.Escalation, accepting.Step{
				After: d, Urgent: kind, Channels: map[string]accepting.ChannelRequest{"test": {Template: "hello"}},
			})
		}
	})
	incident, err := b.Store.Incident(t.Context(), first.IncidentID)
	require.NoError(t, err)
	var steps []store.Delivery
	for _, step := range incident.Steps {
		steps = append(steps, b.Deliveries(step.NotificationID)...)
	}
	return first, steps
}

// An urgent step urges the message that is there, and sends none.
func TestUrgentStepUrgesWhatIsThere(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useBell(b)
		b.Start()
		first, steps := urgently(t, b, "k", "sms", time.Second, 2*time.Second)
		b.WaitFor(first.ID, store.DeliverySuccess)
		require.Empty(t, b.NextCall().Urgent)
		for _, step := range steps {
			step = b.WaitFor(step.ID, store.DeliverySuccess)
			require.Equal(t, map[string]any{"urged": true}, detailsOf(t, step))
			require.Equal(t, [2]string{"sms", "message 1"}, limit.Receive(t, v.urged, "an urgent call"))
		}
		require.Equal(t, map[string][]string{"message 1": {"Hello world"}}, v.shows())
	})
}

// Without a message, or with one that cannot be urged, the step sends its own, which is urged.
func TestUrgentStepSendsItsOwn(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useBell(b)
		v.answer = func() error { return channels.PermanentError("deleted", "it is gone") }
		b.Start()
		first, steps := urgently(t, b, "k", "app", time.Second)
		b.WaitFor(first.ID, store.DeliverySuccess)
		require.Equal(t, map[string]any{"not_urged": "deleted"}, detailsOf(t, b.WaitFor(steps[0].ID, store.DeliverySuccess)))
		require.Equal(t, [2]string{"app", "message 1"}, limit.Receive(t, v.urged, "an urgent call"))
		require.Equal(t, []string{"", "app"}, []string{b.NextCall().Urgent, b.NextCall().Urgent})

		v.Fail(channels.PermanentError("nobody", "there is nobody"))
		first, steps = urgently(t, b, "none", "app", time.Second)
		b.WaitFor(first.ID, store.DeliveryDead)
		v.Answer(v.put)
		b.WaitFor(steps[0].ID, store.DeliverySuccess)
		require.Equal(t, []string{"", "app"}, []string{b.NextCall().Urgent, b.NextCall().Urgent})
		require.Empty(t, v.urged)
	})
}

// A call that fails for now is made again, and no message is sent for it.
func TestUrgentStepIsTriedAgain(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useBell(b)
		failures := 1
		v.answer = func() error {
			if failures--; failures < 0 {
				return nil
			}
			return &channels.Error{Class: channels.Throttled, Code: "busy", RetryAfter: time.Millisecond}
		}
		b.Start()
		first, steps := urgently(t, b, "k", "sms", time.Second)
		b.WaitFor(first.ID, store.DeliverySuccess)
		b.WaitFor(steps[0].ID, store.DeliverySuccess)
		require.Len(t, v.urged, 2)
		require.Len(t, v.shows(), 1)
	})
}
