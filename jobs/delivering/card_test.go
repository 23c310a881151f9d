package delivering_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// heard is a board whose cards have buttons that it tells of.
type heard struct{ *board }

// Listen implements channels.Listener.
func (heard) Listen(ctx context.Context, _ channels.Events) error {
	<-ctx.Done()
	return nil
}

// useCards gives the test channel a board whose cards have buttons.
func useCards(b *jobstest.Bundle) *board {
	v := useBoard(b, func(s *settings.Settings) {
		p, _ := s.Registry.Provider("test")
		p.Type.MsgTypes = []channels.MsgType{{Name: "text", Format: channels.FormatText}, {Name: "card", Format: channels.FormatJSON, Buttons: true}}
		p.Sender = heard{p.Sender.(*board)}
		s.Registry = channels.NewRegistry(map[string]channels.Provider{"test": p})
	})
	b.Template("card", "card", `{"text": "{{ .name }}"}`)
	return v
}

// cards accepts a notification with cards that somebody is asked to acknowledge, and returns its deliveries.
func cards(t *testing.T, b *jobstest.Bundle, text string, recipients int, change func(*accepting.Request)) []store.Delivery {
	t.Helper()
	r := jobstest.Request(uuid.NewString(), recipients)
	r.Acknowledge = true
	r.Channels = map[string]accepting.ChannelRequest{"test": {Template: "card", Params: map[string]any{"name": text}}}
	change(&r)
	accepted, err := b.Jobs.Accepter.Accept(t.Context(), r)
	require.NoError(t, err)
	return b.Deliveries(accepted.NotificationID)
}

func acknowledge(t *testing.T, b *jobstest.Bundle, incident uuid.UUID) {
	t.Helper()
	_, changed, err := b.Jobs.Control.Acknowledge(t.Context(), steering.Acknowledgement{IncidentID: incident, By: "alice", Over: store.OverAPI}, store.Actor{AppID: "app"})
	require.NoError(t, err)
	require.True(t, changed)
}

// requireNoCards waits until no card of an incident is left to edit.
func requireNoCards(t *testing.T, b *jobstest.Bundle, incident uuid.UUID) {
	t.Helper()
	require.Eventually(t, func() bool {
		left, err := b.Store.IncidentCards(t.Context(), incident, store.Card{}, 10)
		require.NoError(t, err)
		return len(left) == 0
	}, limit.Wait, 5*time.Millisecond)
}

// All cards lose their button, those of steps, too, and texts, which have none, are left alone.
func TestCardsSayWhoHasAcknowledged(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useCards(b)
		b.Start()
		all := cards(t, b, "down", 2, func(r *accepting.Request) {
			text := accepting.Step{After: time.Second, Channels: map[string]accepting.ChannelRequest{"test": {Template: "hello"}}}
			again := text
			again.Channels = map[string]accepting.ChannelRequest{"test": {Template: "card"}}
			r.Escalation = []accepting.Step{text, again}
		})
		incident, err := b.Store.Incident(t.Context(), all[0].IncidentID)
		require.NoError(t, err)
		for _, step := range incident.Steps {
			all = append(all, b.Deliveries(step.NotificationID)...)
		}
		for _, d := range all {
			b.WaitFor(d.ID, store.DeliverySuccess)
		}
		buttons := 0
		for range all {
			if m := b.NextCall(); m.Button != nil {
				buttons++
				require.Equal(t, "card", m.MsgType)
			}
		}
		require.Equal(t, 4, buttons)
		acknowledge(t, b, incident.ID)
		for range buttons {
			m := limit.Receive(t, v.edited, "an edit")
			require.Contains(t, m.Note, "Acknowledged by alice, ")
			require.Nil(t, m.Button)
			require.JSONEq(t, `{"text": "down"}`, m.Body)
		}
		requireNoCards(t, b, incident.ID)
		require.Empty(t, v.edited)
	})
}

// A card that is on its way when somebody acknowledges loses its button, too.
func TestCardsThatAreBeingSent(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useCards(b)
		release := make(chan struct{})
		v.AnswerAfter(release, v.put)
		b.Start()
		d := cards(t, b, "down", 1, func(*accepting.Request) {})[0]
		require.NotNil(t, b.NextCall().Button)
		acknowledge(t, b, d.IncidentID)
		close(release)
		require.Contains(t, limit.Receive(t, v.edited, "an edit").Note, "Acknowledged by alice")
	})
}

// What the vendor cannot do now is tried again; what it refuses is left.
func TestCardsThatCannotBeEdited(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useCards(b)
		b.Start()
		for _, c := range []struct {
			err   error
			calls int
		}{
			{&channels.Error{Class: channels.Transient, Code: "busy"}, 2},
			{channels.PermanentError("too_old", "it is too old"), 1},
			{errors.New("unknown"), 2},
		} {
			d := cards(t, b, "down", 1, func(*accepting.Request) {})[0]
			b.WaitFor(d.ID, store.DeliverySuccess)
			failed := false
			v.refuse(func(channels.Message) error {
				if failed {
					return nil
				}
				failed = true
				return c.err
			})
			acknowledge(t, b, d.IncidentID)
			for range c.calls {
				limit.Receive(t, v.edited, "an edit")
			}
			requireNoCards(t, b, d.IncidentID)
			require.Empty(t, v.edited)
		}
	})
}

// Of a thread the text stays that was told last, and a later notification is not held up.
func TestCardsOfAThread(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useCards(b)
		b.Start()
		of := func(text string) store.Delivery {
			d := cards(t, b, text, 1, func(r *accepting.Request) { r.Thread = "db" })[0]
			return b.WaitFor(d.ID, store.DeliverySuccess)
		}
		first := of("fires")
		require.Equal(t, first.IncidentID, of("still fires").IncidentID)
		require.Empty(t, limit.Receive(t, v.edited, "an edit").Note)
		acknowledge(t, b, first.IncidentID)
		m := limit.Receive(t, v.edited, "an edit")
		require.Contains(t, m.Note, "Acknowledged by alice")
		require.JSONEq(t, `{"text": "still fires"}`, m.Body)
		require.Equal(t, first.ID, m.DeliveryID, "that the vendor knows")
		requireNoCards(t, b, first.IncidentID)
		of("fires again")
		require.JSONEq(t, `{"text": "fires again"}`, limit.Receive(t, v.edited, "an edit").Body)
		require.Len(t, v.shows(), 1)
	})
}

// A message of a thread that a later one did not edit is a card of its own.
func TestCardsThatAThreadHasLeft(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useCards(b)
		b.Start()
		of := func(text string) store.Delivery {
			d := cards(t, b, text, 1, func(r *accepting.Request) { r.Thread = "db" })[0]
			return b.WaitFor(d.ID, store.DeliverySuccess)
		}
		v.refuse(func(channels.Message) error { return channels.PermanentError("too_old", "it is too old") })
		first := of("fires")
		of("fires again")
		limit.Receive(t, v.edited, "an edit")
		v.refuse(nil)
		acknowledge(t, b, first.IncidentID)
		texts := []string{limit.Receive(t, v.edited, "an edit").Body, limit.Receive(t, v.edited, "an edit").Body}
		require.ElementsMatch(t, []string{`{"text": "fires"}`, `{"text": "fires again"}`}, texts)
		require.Len(t, v.shows(), 2)
	})
}

// The cards of a notification that was cancelled say that it is over.
func TestCardsOfWhatWasCancelled(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useCards(b)
		b.Start()
		d := cards(t, b, "down", 1, func(*accepting.Request) {})[0]
		b.WaitFor(d.ID, store.DeliverySuccess)
		require.NoError(t, b.Jobs.Control.Cancel(t.Context(), d.NotificationID, store.Actor{}))
		require.Contains(t, limit.Receive(t, v.edited, "an edit").Note, "This is over")
	})
}
