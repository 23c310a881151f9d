package steering_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// escalate accepts a notification with steps that are due after so long, and returns its delivery and
// those of the steps.
func escalate(t *testing.T, b *jobstest.Bundle, condition store.Condition, after ...time.Duration) (store.Delivery, []store.Delivery) {
	t.Helper()
	r := jobstest.Request(uuid.NewString(), 1)
	r.Acknowledge = true
	for _, d := range after {
		r.Escalation = append(r.Escalation, accepting.Step{
			After: d, If: condition, Channels: map[string]accepting.ChannelRequest{"test": {Template: "hello"}},
		})
	}
	accepted, err := b.Jobs.Accepter.Accept(t.Context(), r)
	require.NoError(t, err)
	incident, err := b.Store.Incident(t.Context(), accepted.IncidentID)
	require.NoError(t, err)
	var steps []store.Delivery
	for _, step := range incident.Steps {
		steps = append(steps, b.Deliveries(step.NotificationID)...)
	}
	return b.Deliveries(accepted.NotificationID)[0], steps
}

func acknowledge(t *testing.T, b *jobstest.Bundle, incident uuid.UUID, by string) (store.Incident, bool) {
	t.Helper()
	i, changed, err := b.Jobs.Control.Acknowledge(t.Context(), steering.Acknowledgement{IncidentID: incident, By: by, Over: store.OverAPI}, store.Actor{AppID: "app"})
	require.NoError(t, err)
	return i, changed
}

func TestStepsAreSentUntilSomebodyAcknowledges(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Start()
		first, steps := escalate(t, b, "", time.Second, time.Hour)
		b.WaitFor(first.ID, store.DeliverySuccess)
		b.WaitFor(steps[0].ID, store.DeliverySuccess)
		i, changed := acknowledge(t, b, first.IncidentID, "")
		require.True(t, changed)
		require.Equal(t, "app", i.AcknowledgedBy)
		stopped := b.WaitFor(steps[1].ID, store.DeliveryCancelled)
		require.Equal(t, store.CodeAcknowledged, stopped.LastCode)
		require.Empty(t, b.JobState(stopped.JobID))
		i, changed = acknowledge(t, b, first.IncidentID, "bob")
		require.False(t, changed)
		require.Equal(t, "app", i.AcknowledgedBy)
		require.Len(t, b.Provider.Calls, 2)
	})
}

// What waits for a retry is stopped, too.
func TestAcknowledgementStopsRetries(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Provider.Fail(&channels.Error{Class: channels.Throttled, Code: "busy", RetryAfter: time.Hour})
		b.Start()
		first, _ := escalate(t, b, "")
		b.WaitFor(first.ID, store.DeliveryFailed)
		require.Eventually(t, func() bool { return b.JobState(first.JobID) == "scheduled" }, limit.Wait, 5*time.Millisecond)
		acknowledge(t, b, first.IncidentID, "alice")
		require.Equal(t, store.CodeAcknowledged, b.WaitFor(first.ID, store.DeliveryCancelled).LastCode)
	})
}

// The worker looks at the incident last, so a step that is about to start sees an acknowledgement of
// which the job has cancelled nothing yet.
func TestAcknowledgementWinsOverAStep(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		first, steps := escalate(t, b, "", time.Second)
		acknowledge(t, b, first.IncidentID, "alice")
		b.Exec("DELETE FROM river_job WHERE kind = 'incident'")
		b.Start()
		for _, d := range []store.Delivery{first, steps[0]} {
			require.Equal(t, store.CodeAcknowledged, b.WaitFor(d.ID, store.DeliveryCancelled).LastCode)
		}
		require.Empty(t, b.Provider.Calls)
	})
}

// A call that has begun ends as it ends.
func TestStepWinsOverALaterAcknowledgement(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		release := make(chan struct{})
		first, steps := escalate(t, b, "", time.Second)
		b.Exec("DELETE FROM river_job WHERE id = $1", first.JobID)
		b.Provider.AnswerAfter(release, func(channels.Message) (channels.Receipt, error) { return channels.Receipt{}, nil })
		b.Start()
		require.Equal(t, steps[0].ID, b.NextCall().DeliveryID)
		acknowledge(t, b, first.IncidentID, "alice")
		close(release)
		b.WaitFor(steps[0].ID, store.DeliverySuccess)
	})
}

func TestConditionsOfSteps(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Start()
		arrived, needless := escalate(t, b, store.IfFailed, time.Second)
		b.WaitFor(arrived.ID, store.DeliverySuccess)
		require.Equal(t, store.CodeNotNeeded, b.WaitFor(needless[0].ID, store.DeliveryCancelled).LastCode)

		read, unneeded := escalate(t, b, store.IfUnread, 3*time.Second)
		b.WaitFor(read.ID, store.DeliverySuccess)
		set, err := b.Store.SetReceipts(t.Context(), []store.Received{{DeliveryID: read.ID, Receipt: store.ReceiptRead, At: store.Now()}})
		require.NoError(t, err)
		require.Equal(t, []bool{true}, set)
		require.Equal(t, store.CodeNotNeeded, b.WaitFor(unneeded[0].ID, store.DeliveryCancelled).LastCode)
		_, unread := escalate(t, b, store.IfUnread, time.Second)
		b.WaitFor(unread[0].ID, store.DeliverySuccess)

		b.Provider.Answer(func(m channels.Message) (channels.Receipt, error) {
			if m.Attempt == 1 && m.DeliveryID != unread[0].ID {
				return channels.Receipt{}, &channels.Error{Class: channels.Permanent, Code: "gone"}
			}
			return channels.Receipt{}, nil
		})
		dead, needed := escalate(t, b, store.IfFailed, time.Second)
		b.WaitFor(dead.ID, store.DeliveryDead)
		b.WaitFor(needed[0].ID, store.DeliveryDead) // it was tried
	})
}

func TestCancellingTheNotificationClosesItsIncident(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Start()
		first, steps := escalate(t, b, "", time.Hour)
		b.WaitFor(first.ID, store.DeliverySuccess)
		require.NoError(t, b.Jobs.Control.Cancel(t.Context(), first.NotificationID, store.Actor{}))
		require.Equal(t, store.CodeStopped, b.WaitFor(steps[0].ID, store.DeliveryCancelled).LastCode)
		i, changed := acknowledge(t, b, first.IncidentID, "late")
		require.False(t, changed)
		require.Equal(t, store.ClosedByCancel, i.ClosedBy)
	})
}

// A person who presses the button of a card acknowledges, and the card says so.
func TestButtonsOfCards(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		first, steps := escalate(t, b, "", time.Hour)
		buttons := steering.Buttons{Control: b.Jobs.Control}
		for _, name := range []string{"Alice", "Bob"} {
			response, err := buttons.Acknowledge(t.Context(), first.ID, channels.Person{ID: "ou_" + name, Name: name})
			require.NoError(t, err)
			require.False(t, response.Refused)
			require.Contains(t, response.Text, "Acknowledged by Alice, ")
			require.Equal(t, response.Text, response.Message.Note)
			require.Equal(t, "Hello world", response.Message.Body)
		}
		i, err := b.Store.Incident(t.Context(), first.IncidentID)
		require.NoError(t, err)
		require.Equal(t, store.OverCard, i.Over)
		b.Start()
		require.Equal(t, store.CodeAcknowledged, b.WaitFor(steps[0].ID, store.DeliveryCancelled).LastCode)

		none, err := buttons.Acknowledge(t.Context(), b.Accept("plain").ID, channels.Person{ID: "x"})
		require.NoError(t, err)
		require.True(t, none.Refused)
		over, _ := escalate(t, b, "")
		require.NoError(t, b.Jobs.Control.Cancel(t.Context(), over.NotificationID, store.Actor{}))
		closed, err := buttons.Acknowledge(t.Context(), over.ID, channels.Person{ID: "x"})
		require.NoError(t, err)
		require.True(t, closed.Refused)
	})
}
