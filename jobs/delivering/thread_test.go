package delivering_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// board is a vendor whose messages can be edited, and which drops a repeated delivery id.
type board struct {
	*jobstest.Provider
	edit func(channels.Message) error // nil: edits succeed

	mu     sync.Mutex
	ids    map[uuid.UUID]string // of messages, by the delivery id
	shown  map[string][]string  // the texts that a message has had, by its id
	edited chan channels.Message
}

// useBoard gives the test channel a board.
func useBoard(b *jobstest.Bundle, change ...func(*settings.Settings)) *board {
	v := &board{Provider: b.Provider, ids: map[uuid.UUID]string{}, shown: map[string][]string{}, edited: make(chan channels.Message, 1000)}
	v.Answer(v.put)
	s := b.Settings(channels.Resend)
	of := jobstest.TestChannel
	of.Dedupes, of.Edits = true, true
	s.Registry = channels.NewRegistry(map[string]channels.Provider{"test": {Name: "test-provider", Type: of, OnUncertain: channels.Resend, Sender: v}})
	for _, change := range change {
		change(&s)
	}
	b.Jobs.Apply(s)
	return v
}

// put shows a message, once for each delivery id.
func (v *board) put(m channels.Message) (channels.Receipt, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	id, known := v.ids[m.DeliveryID]
	if !known {
		id = fmt.Sprint("message ", len(v.shown)+1)
		v.ids[m.DeliveryID] = id
		v.shown[id] = []string{m.Body}
	}
	return channels.Receipt{Reference: id}, nil
}

// Update implements channels.Updater.
func (v *board) Update(_ context.Context, reference string, m channels.Message) (channels.Receipt, error) {
	v.mu.Lock()
	edit := v.edit
	v.mu.Unlock()
	v.edited <- m
	if edit != nil {
		if err := edit(m); err != nil {
			return channels.Receipt{}, err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shown[reference] = append(v.shown[reference], m.Body)
	return channels.Receipt{Reference: reference}, nil
}

// refuse makes edits fail; nil lets them succeed.
func (v *board) refuse(edit func(channels.Message) error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.edit = edit
}

// shows returns all texts that each message has had.
func (v *board) shows() map[string][]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := map[string][]string{}
	for id, texts := range v.shown {
		all[id] = slices.Clone(texts)
	}
	return all
}

// threadOf returns a change of a request that makes it one of a thread, with a text of its own.
func threadOf(name, text string) func(*accepting.Request) {
	return func(r *accepting.Request) {
		r.Thread = name
		r.Channels = map[string]accepting.ChannelRequest{"test": {Template: "hello", Params: map[string]any{"name": text}}}
	}
}

// tell accepts a notification of the thread "db".
func tell(b *jobstest.Bundle, text string) store.Delivery {
	return b.AcceptWith(text, threadOf("db", text))
}

func detailsOf(t *testing.T, d store.Delivery) map[string]any {
	t.Helper()
	details := map[string]any{}
	if d.Details != nil {
		require.NoError(t, json.Unmarshal(d.Details, &details))
	}
	return details
}

func TestLaterOnesEdit(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useBoard(b)
		b.Start()
		first := b.WaitFor(tell(b, "fires").ID, store.DeliverySuccess)
		require.Empty(t, detailsOf(t, first))
		second := b.WaitFor(tell(b, "still fires").ID, store.DeliverySuccess)
		require.Equal(t, map[string]any{"edited": true}, detailsOf(t, second))
		last := b.AcceptWith("k", func(r *accepting.Request) { threadOf("db", "is over")(r); r.Resolved = true })
		b.WaitFor(last.ID, store.DeliverySuccess)
		b.WaitFor(b.AcceptWith("other", threadOf("web", "fires")).ID, store.DeliverySuccess)
		b.WaitFor(b.Accept("none").ID, store.DeliverySuccess)

		require.Equal(t, map[string][]string{
			"message 1": {"Hello fires", "Hello still fires", "Hello is over"}, "message 2": {"Hello fires"}, "message 3": {"Hello world"},
		}, v.shows())
		m := b.NextCall()
		require.True(t, m.InThread && !m.Resolved)
		for _, resolved := range []bool{false, true} {
			edit := limit.Receive(t, v.edited, "an edit")
			require.Equal(t, []any{first.ID, true, resolved}, []any{edit.DeliveryID, edit.InThread, edit.Resolved})
		}
		b.NextCall()
		require.False(t, b.NextCall().InThread)
		count, err := testutil.GatherAndCount(b.Metrics, "sealos_notify_edits_total")
		require.NoError(t, err)
		require.Equal(t, 3, count)
	})
}

func TestEditIsRefused(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useBoard(b)
		b.Start()
		b.WaitFor(tell(b, "1").ID, store.DeliverySuccess)
		v.refuse(func(channels.Message) error { return channels.PermanentError("recalled", "it is gone") })
		second := b.WaitFor(tell(b, "2").ID, store.DeliverySuccess)
		require.Equal(t, map[string]any{"sent_anew": "recalled"}, detailsOf(t, second))
		v.refuse(nil)
		b.WaitFor(tell(b, "3").ID, store.DeliverySuccess)
		require.Equal(t, map[string][]string{"message 1": {"Hello 1"}, "message 2": {"Hello 2", "Hello 3"}}, v.shows())

		// Other failures are tried again.
		failures := 0
		v.refuse(func(channels.Message) error {
			if failures++; failures == 1 {
				return &channels.Error{Class: channels.Uncertain, Code: "no_answer"}
			}
			return nil
		})
		fourth := b.WaitFor(tell(b, "4").ID, store.DeliverySuccess)
		require.Equal(t, 2, fourth.Attempts)
		require.Equal(t, []string{"Hello 2", "Hello 3", "Hello 4"}, v.shows()["message 2"])
	})
}

// A message that replaces one whose edit was refused is sent once, though its worker is lost: a later
// delivery knows under which id it was sent.
func TestSentAnewAndLost(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useBoard(b)
		b.Start()
		b.WaitFor(tell(b, "1").ID, store.DeliverySuccess)
		v.refuse(func(channels.Message) error { return channels.PermanentError("recalled", "it is gone") })
		v.Answer(func(m channels.Message) (channels.Receipt, error) {
			_, _ = v.put(m)
			return channels.Receipt{}, &channels.Error{Class: channels.Uncertain, Code: "no_answer"}
		})
		second := tell(b, "2")
		b.WaitFor(second.ID, store.DeliveryDead) // all its answers were lost
		v.refuse(nil)
		v.Answer(v.put)
		b.WaitFor(tell(b, "3").ID, store.DeliverySuccess)
		require.Equal(t, map[string][]string{"message 1": {"Hello 1"}, "message 2": {"Hello 2", "Hello 3"}}, v.shows())
	})
}

// The first message has arrived and its worker is lost. The next delivery finds it and edits it.
func TestLostWorkerOfTheFirst(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useBoard(b)
		first := tell(b, "1")
		b.Exec("UPDATE river_job SET state = 'running', attempt = 1 WHERE id = $1", first.JobID)
		_, err := v.put(channels.Message{DeliveryID: first.ID, Body: "Hello 1"})
		require.NoError(t, err)
		first = b.WaitFor(first.ID, store.DeliveryPending)
		taken, err := b.Store.TakeTurns(t.Context(), []store.Turn{{
			ThreadMessageKey: first.ThreadMessage(), DeliveryID: first.ID, Seq: first.ThreadSeq, Provider: "test-provider", Lease: 100 * time.Millisecond,
		}})
		require.NoError(t, err)
		require.False(t, taken[0].Superseded)

		b.Start()
		second := b.WaitFor(tell(b, "2").ID, store.DeliverySuccess)
		require.Equal(t, map[string]any{"edited": true}, detailsOf(t, second))
		b.Exec("UPDATE river_job SET state = 'available' WHERE id = $1", first.JobID) // as River's rescuer does
		first = b.WaitFor(first.ID, store.DeliveryCancelled)
		require.Equal(t, store.CodeSuperseded, first.LastCode)
		require.Equal(t, map[string][]string{"message 1": {"Hello 1", "Hello 2"}}, v.shows())
	})
}

// A delivery that waits for its retry is replaced by a later one, and by none that is not due.
func TestRetryIsSuperseded(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useBoard(b, func(s *settings.Settings) { s.Defaults.RetryBackoffSeconds = []int{0, 3600} })
		v.Answer(func(m channels.Message) (channels.Receipt, error) {
			if m.Body == "Hello 1" {
				return channels.Receipt{}, &channels.Error{Class: channels.Transient, Code: "away"}
			}
			return v.put(m)
		})
		b.Start()
		first := tell(b, "1")
		tomorrow := b.AcceptWith("tomorrow", func(r *accepting.Request) {
			threadOf("db", "3")(r)
			r.SendAt = jobstest.FromNow(24 * time.Hour)
		})
		require.Eventually(t, func() bool { return b.WaitFor(first.ID, store.DeliveryFailed).Attempts == 2 }, limit.Wait, 5*time.Millisecond)
		b.WaitFor(tell(b, "2").ID, store.DeliverySuccess)
		require.Equal(t, store.DeliveryFailed, b.WaitFor(first.ID, store.DeliveryFailed).Status)

		b.Exec("UPDATE river_job SET state = 'available', scheduled_at = CURRENT_TIMESTAMP WHERE id = $1", first.JobID)
		first = b.WaitFor(first.ID, store.DeliveryCancelled)
		require.Equal(t, store.CodeSuperseded, first.LastCode)
		require.Equal(t, 2, first.Attempts)
		n, err := b.Store.Notification(t.Context(), first.NotificationID)
		require.NoError(t, err)
		require.Equal(t, store.NotificationCancelled, n.Status)

		// Somebody sends it again: it must not overwrite the later one.
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), first, "", store.Actor{}))
		require.Equal(t, store.CodeSuperseded, b.WaitFor(first.ID, store.DeliveryCancelled).LastCode)
		// Nor the one that is older than the latest one that was sent.
		b.Exec("UPDATE deliveries SET send_at = NULL WHERE id = $1", tomorrow.ID)
		b.Exec("UPDATE river_job SET state = 'available', scheduled_at = CURRENT_TIMESTAMP WHERE id = $1", tomorrow.JobID)
		require.Equal(t, store.CodeSuperseded, b.WaitFor(tomorrow.ID, store.DeliveryCancelled).LastCode)
		require.Equal(t, map[string][]string{"message 1": {"Hello 2", "Hello 2"}}, v.shows(), "it may have been the first one's")
	})
}

// While one is being sent, the later ones wait, on all replicas. Of those that wait the latest is sent.
func TestUpdatesDoNotOvertake(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useBoard(b)
		release := make(chan struct{})
		v.AnswerAfter(release, v.put)
		b.Start()
		b.Start()
		first := tell(b, "1")
		b.NextCall()
		waiting := []store.Delivery{tell(b, "2"), tell(b, "3"), tell(b, "4")}
		waitForSnooze(t, b, waiting[2])
		require.Empty(t, v.edited)
		close(release)
		b.WaitFor(first.ID, store.DeliverySuccess)
		b.WaitFor(waiting[2].ID, store.DeliverySuccess)
		for _, d := range waiting[:2] {
			require.Equal(t, store.CodeSuperseded, b.WaitFor(d.ID, store.DeliveryCancelled).LastCode)
		}
		require.Equal(t, map[string][]string{"message 1": {"Hello 1", "Hello 4"}}, v.shows())
	})
}

func waitForSnooze(t *testing.T, b *jobstest.Bundle, d store.Delivery) {
	t.Helper()
	require.Eventually(t, func() bool {
		return b.QueryText("SELECT metadata->>'snoozes' FROM river_job WHERE id = $1", d.JobID) != ""
	}, limit.Wait, 5*time.Millisecond, "the job was not snoozed")
}

// A channel that edits nothing sends each, in order, and leaves out those that are replaced.
func TestThreadWithoutEdits(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		waits := []store.Delivery{tell(b, "1"), tell(b, "2")}
		b.Start()
		b.WaitFor(waits[1].ID, store.DeliverySuccess)
		require.Equal(t, store.CodeSuperseded, b.WaitFor(waits[0].ID, store.DeliveryCancelled).LastCode)
		third := b.WaitFor(tell(b, "3").ID, store.DeliverySuccess)
		require.Empty(t, detailsOf(t, third))
		for _, d := range []store.Delivery{waits[1], third} {
			require.Equal(t, d.ID, b.NextCall().DeliveryID)
		}
		require.Empty(t, b.Provider.Calls)
	})
}

// What a test secret sends is in threads of its own, which reach nobody.
func TestThreadOfATest(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		v := useBoard(b)
		b.Start()
		b.WaitFor(tell(b, "1").ID, store.DeliverySuccess)
		test := b.AcceptWith("test", func(r *accepting.Request) {
			threadOf("db", "2")(r)
			r.AppID, r.Simulated = "app"+accepting.TestSuffix, true
		})
		b.WaitFor(test.ID, store.DeliverySuccess)
		require.Equal(t, map[string][]string{"message 1": {"Hello 1"}}, v.shows())
	})
}
