package accepting_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// stepOf returns a step over the test channel with a template.
func stepOf(after time.Duration, template string) accepting.Step {
	return accepting.Step{After: after, Channels: map[string]accepting.ChannelRequest{"test": {Template: template}}}
}

// escalated returns a request to two recipients with steps.
func escalated(key string, steps ...accepting.Step) accepting.Request {
	r := jobstest.Request(key, 2)
	r.Escalation = steps
	return r
}

func TestStepsAreNotifications(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("urgent", "text", "Wake up, {{ .name }}")
		r := escalated("k", stepOf(time.Minute, "hello"), stepOf(3*time.Minute, "urgent"))
		r.Recipients[0].Params = map[string]any{"name": "alice"}
		r.Escalation[1].If = store.IfFailed
		r.Escalation[1].Recipients = accepting.To(store.Recipient{Type: channels.RecipientEmail, Value: "boss@example.com"})
		r.Repeat = 1
		accepted, err := b.Jobs.Accepter.Accept(t.Context(), r)
		require.NoError(t, err)
		id := accepted.NotificationID
		require.Equal(t, id, accepted.IncidentID)
		require.Equal(t, 2, accepted.Deliveries, "its own")
		incident, err := b.Store.Incident(t.Context(), id)
		require.NoError(t, err)
		parent, err := b.Store.Notification(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, incident.Steps, 4)
		for i, want := range []struct {
			after time.Duration
			cond  store.Condition
			texts []string
		}{
			{time.Minute, "", []string{"Hello alice", "Hello world"}},
			{3 * time.Minute, store.IfFailed, []string{"Wake up, world"}},
			{4 * time.Minute, "", []string{"Hello alice", "Hello world"}},
			{6 * time.Minute, store.IfFailed, []string{"Wake up, world"}},
		} {
			step := incident.Steps[i]
			at := parent.CreatedAt.Add(want.after)
			require.Equal(t, store.IncidentStep{NotificationID: step.NotificationID, At: at, Channels: []string{"test"}, If: want.cond}, step)
			n, err := b.Store.Notification(t.Context(), step.NotificationID)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("%s/%d", id, i+1), n.IdempotencyKey)
			require.Equal(t, store.PriorityHigh, n.Priority)
			require.Equal(t, at, *n.SendAt)
			var texts []string
			for _, d := range b.Deliveries(n.ID) {
				m, err := b.Store.Message(t.Context(), d.MessageID)
				require.NoError(t, err)
				texts = append(texts, m.Body)
				require.Equal(t, "scheduled", b.JobState(d.JobID))
				require.Equal(t, id, d.IncidentID)
			}
			require.Equal(t, want.texts, texts)
		}
		again, err := b.Jobs.Accepter.Accept(t.Context(), r)
		require.NoError(t, err)
		require.True(t, again.Replayed)
		require.Equal(t, id, again.IncidentID)
		r.Escalation[0].After = 2 * time.Minute
		_, err = b.Jobs.Accepter.Accept(t.Context(), r)
		jobstest.RequireRefusal(t, err, refusal.IdempotencyConflict, "idempotencyKey")
	})
}

// A step says how those are urged who have a message; a channel that urges nobody refuses it.
func TestUrgentSteps(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		r := escalated("k", stepOf(time.Minute, "hello"), stepOf(2*time.Minute, "hello"))
		r.Escalation[1].Urgent = "sms"
		_, err := b.Jobs.Accepter.Accept(t.Context(), r)
		jobstest.RequireRefusal(t, err, refusal.InvalidEscalation, "escalation[1].urgent")
		b.Types[0].Urgent = []string{"app", "sms"}
		b.Rebuild(b.Store)
		accepted, err := b.Jobs.Accepter.Accept(t.Context(), r)
		require.NoError(t, err)
		incident, err := b.Store.Incident(t.Context(), accepted.IncidentID)
		require.NoError(t, err)
		require.Equal(t, []string{"", "sms"}, []string{incident.Steps[0].Urgent, incident.Steps[1].Urgent})
		r.Escalation[1].Urgent = "app"
		_, err = b.Jobs.Accepter.Accept(t.Context(), r)
		jobstest.RequireRefusal(t, err, refusal.IdempotencyConflict, "idempotencyKey")
		r.IdempotencyKey, r.Escalation[1].Urgent = "other", "pigeon"
		_, err = b.Jobs.Accepter.Accept(t.Context(), r)
		jobstest.RequireRefusal(t, err, refusal.InvalidEscalation, "escalation[1].urgent")
	})
}

func TestAcknowledgeWithoutSteps(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		d := b.AcceptWith("k", func(r *accepting.Request) { r.Acknowledge = true })
		incident, err := b.Store.Incident(t.Context(), d.NotificationID)
		require.NoError(t, err)
		require.Empty(t, incident.Steps)
		require.Equal(t, uuid.Nil, b.Accept("plain").IncidentID)
	})
}

// A step's channel has what the request has for it, or else what its only channel has.
func TestStepsFallBackOnTheRequest(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.UseGroups()
		r := jobstest.Request("k", 0)
		own := r.Channels["test"]
		own.Recipients = accepting.To(store.Recipient{Type: channels.RecipientEmail, Value: "a@example.com"})
		r.Channels["test"], r.Recipients = own, nil
		r.Escalation = []accepting.Step{
			{After: time.Minute, Channels: map[string]accepting.ChannelRequest{"bots": {Template: "bots"}}},
			stepOf(time.Minute, "hello"),
		}
		accepted, err := b.Jobs.Accepter.Accept(t.Context(), r)
		require.NoError(t, err)
		incident, err := b.Store.Incident(t.Context(), accepted.IncidentID)
		require.NoError(t, err)
		for i, channel := range []string{"bots", "test"} {
			deliveries := b.Deliveries(incident.Steps[i].NotificationID)
			require.Len(t, deliveries, 1)
			require.Equal(t, channel, deliveries[0].Channel)
			require.Equal(t, "a@example.com", deliveries[0].Recipient.Value)
			m, err := b.Store.Message(t.Context(), deliveries[0].MessageID)
			require.NoError(t, err)
			require.Equal(t, "Hello world", m.Body)
		}
	})
}

// A step counts from when the notification is sent, passes quiet hours and caps, and is in no digest.
func TestStepsAndKinds(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		quiet := quietNow()
		b.Template("digest", "text", "{{ .count }}")
		putKind(t, b, store.Kind{
			Name: "billing", Quiet: quiet, Caps: map[string]store.Cap{"test": {Limit: 1, Per: store.PerDay}},
			Digest: &store.Digest{Window: "1h", Template: "digest"},
		})
		for _, key := range []string{"first", "second"} {
			r := escalated(key, stepOf(time.Minute, "hello"))
			r.Kind = "billing"
			accepted, err := b.Jobs.Accepter.Accept(t.Context(), r)
			require.NoError(t, err)
			if key == "second" {
				require.Equal(t, store.Amounts{store.CodeCapped: 2}, accepted.Withheld)
			}
			incident, err := b.Store.Incident(t.Context(), accepted.IncidentID)
			require.NoError(t, err)
			require.Equal(t, endOf(t, quiet).UTC().Add(time.Minute), incident.Steps[0].At)
			for _, d := range b.Deliveries(incident.Steps[0].NotificationID) {
				require.Equal(t, store.DeliveryPending, d.Status)
				require.Empty(t, d.Quiet)
				require.Equal(t, uuid.Nil, d.DigestID)
			}
		}
	})
}

func TestRefusedEscalations(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("other-params", "text", "{{ .other }}")
		many := func(n int) (steps []accepting.Step) {
			for range n {
				steps = append(steps, stepOf(time.Minute, "hello"))
			}
			return steps
		}
		for name, c := range map[string]struct {
			change      func(*accepting.Request)
			code, field string
		}{
			"too many steps":  {func(r *accepting.Request) { r.Escalation = many(11) }, refusal.InvalidEscalation, "escalation"},
			"repeat alone":    {func(r *accepting.Request) { r.Repeat = 1 }, refusal.InvalidEscalation, "repeat"},
			"repeat too much": {func(r *accepting.Request) { r.Escalation, r.Repeat = many(1), 11 }, refusal.InvalidEscalation, "repeat"},
			"too soon":        {func(r *accepting.Request) { r.Escalation[1].After = 0 }, refusal.InvalidEscalation, "escalation[1].after"},
			"too late":        {func(r *accepting.Request) { r.Escalation[1].After = 169 * time.Hour }, refusal.InvalidEscalation, "escalation[1].after"},
			"out of order":    {func(r *accepting.Request) { r.Escalation[1].After = time.Second }, refusal.InvalidEscalation, "escalation[1].after"},
			"no channel":      {func(r *accepting.Request) { r.Escalation[1].Channels = nil }, refusal.InvalidEscalation, "escalation[1].channels"},
			"no condition":    {func(r *accepting.Request) { r.Escalation[1].If = "x" }, refusal.InvalidEscalation, "escalation[1].if"},
			"template":        {func(r *accepting.Request) { r.Escalation[1] = stepOf(time.Hour, "none") }, refusal.UnknownTemplate, "escalation[1].channels.test.template"},
			"param":           {func(r *accepting.Request) { r.Escalation[1] = stepOf(time.Hour, "other-params") }, refusal.MissingParam, "escalation[1].channels.test.params.other"},
			"recipient": {func(r *accepting.Request) {
				r.Escalation[1].Recipients = accepting.To(store.Recipient{Type: channels.RecipientEmail, Value: "x"})
			}, refusal.InvalidRecipient, "escalation[1].recipients[0].value"},
			"nobody": {func(r *accepting.Request) {
				r.Escalation[1].Recipients = accepting.To(store.Recipient{Type: channels.RecipientPhone, Value: "+8613800000000"})
			}, refusal.NoRecipients, "escalation[1].recipients"},
			"expired":  {func(r *accepting.Request) { r.ExpiresAt = jobstest.FromNow(2 * time.Minute) }, refusal.InvalidExpiresAt, "escalation[1].after"},
			"priority": {func(r *accepting.Request) { r.Limits.NoHigh = true }, refusal.PriorityForbidden, "escalation"},
			"limit":    {func(r *accepting.Request) { r.Limits.PerDay = map[string]int{"test": 5} }, refusal.LargerThanLimit, "channels.test"},
			"too many deliveries": {func(r *accepting.Request) {
				*r = jobstest.Request("k", 300)
				r.Escalation, r.Repeat = many(10), 10
			}, refusal.TooManyDeliveries, "escalation"},
		} {
			r := escalated("k", stepOf(time.Minute, "hello"), stepOf(time.Hour, "hello"))
			if name == "repeat alone" {
				r.Escalation = nil
			}
			c.change(&r)
			_, err := b.Jobs.Accepter.Accept(t.Context(), r)
			require.Error(t, err, name)
			t.Log(name)
			jobstest.RequireRefusal(t, err, c.code, c.field)
		}
		require.Empty(t, b.QueryText(`SELECT CAST(id AS text) FROM notifications`), "nothing was written")
		require.Empty(t, b.QueryText(`SELECT CAST(id AS text) FROM incidents`))
	})
}
