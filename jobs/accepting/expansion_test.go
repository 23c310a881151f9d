package accepting_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

// people stores contacts person-000 and so on, with the label all=yes and an address each, and the
// group "everyone" of the label. Requests bear 5 deliveries, and batches have 3 contacts.
func people(t *testing.T, b *jobstest.Bundle, n int, change func(i int, c *store.Contact)) {
	t.Helper()
	b.Jobs.Accepter.SetBounds(5, 3)
	var contacts []store.Contact
	for i := range n {
		now := store.Now()
		c := store.Contact{
			ContactKey: store.ContactKey{Owner: "app", Name: fmt.Sprintf("person-%03d", i)}, CreatedAt: now, UpdatedAt: now,
			Addresses: []store.Recipient{{Type: channels.RecipientEmail, Value: fmt.Sprintf("user%d@example.com", i)}}, Labels: store.Labels{"all": "yes"},
		}
		if change != nil {
			change(i, &c)
		}
		contacts = append(contacts, c)
	}
	_, err := b.Store.PutContacts(t.Context(), contacts, store.Actor{AppID: "app"})
	require.NoError(t, err)
	putGroup(t, b, store.Group{ContactKey: store.ContactKey{Owner: "app", Name: "everyone"}, Labels: store.Labels{"all": "yes"}})
}

func putGroup(t *testing.T, b *jobstest.Bundle, g store.Group) {
	t.Helper()
	g.CreatedAt, g.UpdatedAt = store.Now(), store.Now()
	_, err := b.Store.PutGroup(t.Context(), g, store.Actor{AppID: "app"})
	require.NoError(t, err)
}

// toEveryone returns a request to the group of people.
func toEveryone(key string) accepting.Request {
	req := jobstest.Request(key, 0)
	req.Recipients = accepting.To(store.Recipient{Type: accepting.RecipientGroup, Value: "everyone"})
	return req
}

// expandAll runs the job of an expansion to its end.
func expandAll(t *testing.T, b *jobstest.Bundle, id uuid.UUID) store.Notification {
	t.Helper()
	expanding, err := b.Jobs.Accepter.Expand(t.Context(), id)
	require.NoError(t, err)
	require.True(t, expanding.Done)
	n, err := b.Store.Notification(t.Context(), id)
	require.NoError(t, err)
	require.True(t, n.Expansion.Done())
	require.Equal(t, n.Expansion.Deliveries, n.Counts.Total)
	return n
}

// reachedBy returns the addresses of a notification's deliveries, in their order.
func reachedBy(b *jobstest.Bundle, id uuid.UUID) []string {
	var values []string
	for _, d := range b.Deliveries(id) {
		values = append(values, d.Recipient.Value)
	}
	slices.Sort(values)
	return values
}

// Everybody in a group larger than one request bears is reached once. Up to that a request is as any
// other.
func TestExpansionReachesAll(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		people(t, b, 5, nil)
		small, err := b.Jobs.Accepter.Accept(t.Context(), toEveryone("small"))
		require.NoError(t, err)
		require.Equal(t, 5, small.Deliveries)
		require.Nil(t, small.Expansion)

		people(t, b, 10, nil)
		a, err := b.Jobs.Accepter.Accept(t.Context(), toEveryone("1"))
		require.NoError(t, err)
		require.Zero(t, a.Deliveries)
		require.Nil(t, a.Reach)
		require.Equal(t, "everyone", a.Expansion.Group.Name)
		require.Empty(t, b.Deliveries(a.NotificationID), "they are made later")

		n := expandAll(t, b, a.NotificationID)
		require.Equal(t, []int{10, 10}, []int{n.Expansion.Contacts, n.Expansion.Deliveries})
		var want []string
		for i := range 10 {
			want = append(want, fmt.Sprintf("user%d@example.com", i))
		}
		require.Equal(t, want, reachedBy(b, a.NotificationID))
		for _, d := range b.Deliveries(a.NotificationID) {
			require.NotEmpty(t, d.Contact)
			require.Equal(t, "available", b.JobState(d.JobID))
		}
		m, err := b.Store.Message(t.Context(), b.Deliveries(a.NotificationID)[0].MessageID)
		require.NoError(t, err)
		require.Equal(t, "Hello world", m.Body)

		again, err := b.Jobs.Accepter.Accept(t.Context(), toEveryone("1"))
		require.NoError(t, err)
		require.True(t, again.Replayed)
		require.Equal(t, a.NotificationID, again.NotificationID)
		require.Equal(t, 10, again.Expansion.Deliveries)
		other := toEveryone("1")
		other.Channels["test"] = accepting.ChannelRequest{Template: "hello", Params: map[string]any{"name": "others"}}
		_, err = b.Jobs.Accepter.Accept(t.Context(), other)
		jobstest.RequireRefusal(t, err, refusal.IdempotencyConflict, "idempotencyKey")
		accepted, err := testutil.GatherAndCount(b.Metrics, "sealos_notify_deliveries_accepted_total")
		require.NoError(t, err)
		require.Equal(t, 1, accepted)
	})
}

// Who is listed, has the labels, or shares an address with others, is reached once; a name means the
// owner's contact before a shared one.
func TestExpansionReachesEachOnce(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		people(t, b, 9, func(i int, c *store.Contact) {
			switch i {
			case 4, 8:
				c.Addresses[0].Value = "user1@example.com" // of another page, and of the same as 7
			case 5:
				c.Addresses = nil
			case 6:
				c.Addresses[0].Value = "user7@example.com"
			case 2:
				c.Labels = nil
			}
		})
		shared := store.Contact{ContactKey: store.ContactKey{Name: "a-shared"}, Addresses: []store.Recipient{{Type: "email", Value: "shared@example.com"}}}
		hidden := store.Contact{ContactKey: store.ContactKey{Name: "person-002"}, Addresses: []store.Recipient{{Type: "email", Value: "hidden@example.com"}}}
		for _, c := range []*store.Contact{&shared, &hidden} {
			c.CreatedAt, c.UpdatedAt = store.Now(), store.Now()
		}
		_, err := b.Store.PutContacts(t.Context(), []store.Contact{shared, hidden}, store.Actor{AppID: "root"})
		require.NoError(t, err)
		putGroup(t, b, store.Group{
			ContactKey: store.ContactKey{Owner: "app", Name: "everyone"}, Labels: store.Labels{"all": "yes"},
			Contacts: []string{"person-007", "nobody", "person-002", "a-shared"},
		})
		a, err := b.Jobs.Accepter.Accept(t.Context(), toEveryone("1"))
		require.NoError(t, err)
		n := expandAll(t, b, a.NotificationID)
		require.Equal(t, []string{"shared@example.com", "user0@example.com", "user1@example.com", "user2@example.com", "user3@example.com", "user7@example.com"},
			reachedBy(b, a.NotificationID))
		require.Equal(t, 10, n.Expansion.Contacts)
	})
}

// Only a group alone can be expanded. What is wrong with a request is said when it is made.
func TestExpansionRefusals(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		people(t, b, 10, nil)
		b.Jobs.Accepter.SetBounds(5, 3)
		for _, c := range []struct {
			code, field string
			change      func(*accepting.Request)
		}{
			{refusal.UnknownContact, "recipients[0].value", func(r *accepting.Request) { r.Recipients[0].Value = "nobody" }},
			{refusal.UnknownTemplate, "channels.test.template", func(r *accepting.Request) { r.Channels["test"] = accepting.ChannelRequest{Template: "nope"} }},
			{refusal.MissingParam, "channels.test.params.name", func(r *accepting.Request) { r.Channels["test"] = accepting.ChannelRequest{Template: "hello"} }},
			{refusal.ChannelOff, "channels.other", func(r *accepting.Request) { r.Channels["other"] = accepting.ChannelRequest{Template: "hello"} }},
			{refusal.LargerThanLimit, "channels.test", func(r *accepting.Request) { r.Limits.PerDay = map[string]int{"test": 0} }},
		} {
			req := toEveryone("1")
			c.change(&req)
			_, err := b.Jobs.Accepter.Accept(t.Context(), req)
			jobstest.RequireRefusal(t, err, c.code, c.field)
		}
		require.Equal(t, "0", b.QueryText(`SELECT CAST(count(*) AS text) FROM expansions`))
		own := toEveryone("own params")
		own.Recipients[0].Params = map[string]any{"name": "all"}
		a, err := b.Jobs.Accepter.Accept(t.Context(), own)
		require.NoError(t, err)
		expandAll(t, b, a.NotificationID)
		m, err := b.Store.Message(t.Context(), b.Deliveries(a.NotificationID)[0].MessageID)
		require.NoError(t, err)
		require.Equal(t, "Hello all", m.Body)
	})
}

// A limit of the app holds an expansion back until there is room, also when it is smaller than a
// batch.
func TestExpansionWaitsForLimits(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		people(t, b, 10, nil)
		req := toEveryone("1")
		req.Limits.PerDay = map[string]int{"test": 2}
		a, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		for _, want := range []int{2, 4, 6, 8} {
			expanding, err := b.Jobs.Accepter.Expand(t.Context(), a.NotificationID)
			require.NoError(t, err)
			require.False(t, expanding.Done)
			require.Positive(t, expanding.Wait)
			require.LessOrEqual(t, expanding.Wait, 24*time.Hour)
			require.Len(t, b.Deliveries(a.NotificationID), want)
			b.Exec(`UPDATE app_use SET used = 0`) // the next day
		}
		require.Equal(t, 10, expandAll(t, b, a.NotificationID).Expansion.Deliveries)
	})
}

// What the app has sent elsewhere leaves room for fewer than a batch.
func TestExpansionTakesWhatIsLeft(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		people(t, b, 10, nil)
		other := jobstest.Request("other", 3)
		other.Limits.PerDay = map[string]int{"test": 4}
		_, err := b.Jobs.Accepter.Accept(t.Context(), other)
		require.NoError(t, err)
		req := toEveryone("1")
		req.Limits = other.Limits
		a, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		expanding, err := b.Jobs.Accepter.Expand(t.Context(), a.NotificationID)
		require.NoError(t, err)
		require.False(t, expanding.Done)
		require.Len(t, b.Deliveries(a.NotificationID), 1)
		b.Exec(`UPDATE app_use SET used = 0`) // the next day
		_, err = b.Jobs.Accepter.Expand(t.Context(), a.NotificationID)
		require.NoError(t, err)
		require.Len(t, b.Deliveries(a.NotificationID), 5)
	})
}

// Everybody gets the text in their language, as it was when the request was made.
func TestExpansionInEachLanguage(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		storeTexts(t, b)
		speak := []string{"", "en-US", "zh-TW", "de", "ja", "ko", "xx", "en"}
		people(t, b, len(speak), func(i int, c *store.Contact) { c.Locale = speak[i] })
		req := toEveryone("1")
		req.Channels, req.Locale = textsRequest("").Channels, "en"
		req.Limits.PerDay = map[string]int{"test": 4}
		a, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		_, err = b.Jobs.Accepter.Expand(t.Context(), a.NotificationID)
		require.NoError(t, err)
		require.Len(t, b.Deliveries(a.NotificationID), 4)
		b.Exec(`DELETE FROM templates`)
		b.Exec(`UPDATE app_use SET used = 0`)
		expandAll(t, b, a.NotificationID)

		got, messages := locales(b, a.NotificationID)
		want := map[string]string{}
		for i, locale := range []string{"en", "en", "zh", "zh", "ja", "ko", "zh", "en"} {
			want[fmt.Sprintf("user%d@example.com", i)] = locale
		}
		require.Equal(t, want, got)
		require.Equal(t, 4, messages)
		for _, d := range b.Deliveries(a.NotificationID) {
			m, err := b.Store.Message(t.Context(), d.MessageID)
			require.NoError(t, err)
			require.Equal(t, map[string]string{"zh": "你好Li", "en": "Hello Li", "ja": "-", "ko": "-"}[d.Locale], m.Body)
		}
	})
}

// Each batch obeys the kind: who has switched it off and who has had enough gets a delivery that says
// so, and others wait for the end of the night where they are.
func TestExpansionObeysItsKind(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		quiet := quietNow()
		putKind(t, b, store.Kind{Name: "billing", Optional: true, Quiet: quiet, Caps: map[string]store.Cap{"test": {Limit: 1, Per: store.PerDay}}})
		people(t, b, 8, func(i int, c *store.Contact) {
			if i == 4 {
				c.TimeZone = "Etc/GMT+9"
			}
		})
		require.NoError(t, b.Store.SwitchOff(t.Context(), store.Preference{
			Recipient: store.Recipient{Type: store.RecipientContact, Value: "app/person-005"}, Source: store.SourceAPI, CreatedAt: store.Now(),
		}))
		_, err := accepted(t, b, "one", 1, nil) // user0
		require.NoError(t, err)
		toAll := func(key string) store.Notification {
			req := toEveryone(key)
			req.Kind = "billing"
			a, err := b.Jobs.Accepter.Accept(t.Context(), req)
			require.NoError(t, err)
			return expandAll(t, b, a.NotificationID)
		}
		n := toAll("1")
		require.Equal(t, store.Amounts{store.CodeCapped: 1, store.CodeOptedOut: 1}, n.Withheld)
		require.Equal(t, store.Counts{Total: 8, Pending: 6, Cancelled: 2}, n.Counts)
		states := map[string]string{}
		for _, d := range b.Deliveries(n.ID) {
			states[d.Contact] = d.LastCode
			if d.JobID != store.NoJob {
				states[d.Contact] = b.JobState(d.JobID)
			}
		}
		require.Equal(t, map[string]string{
			"app/person-000": "capped", "app/person-001": "scheduled", "app/person-002": "scheduled", "app/person-003": "scheduled",
			"app/person-004": "available", "app/person-005": "opted_out", "app/person-006": "scheduled", "app/person-007": "scheduled",
		}, states)
		again := toAll("2")
		require.Equal(t, store.Amounts{store.CodeCapped: 7, store.CodeOptedOut: 1}, again.Withheld)
		require.Equal(t, store.NotificationCancelled, again.Status)

		putKind(t, b, store.Kind{Name: "billing", Caps: map[string]store.Cap{"test": {Limit: 2, Per: store.PerDay}}})
		require.Nil(t, toAll("3").Withheld, "the kind as it is now")
		require.NoError(t, testutil.GatherAndCompare(b.Metrics, strings.NewReader(`
# HELP sealos_notify_deliveries_withheld_total Deliveries of accepted notifications that were cancelled at once, by code.
# TYPE sealos_notify_deliveries_withheld_total counter
sealos_notify_deliveries_withheld_total{channel="test",code="capped"} 8
sealos_notify_deliveries_withheld_total{channel="test",code="opted_out"} 2
sealos_notify_deliveries_withheld_total{channel="test",code="suppressed"} 0
`), "sealos_notify_deliveries_withheld_total"))
	})
}

// Of an address that is erased nothing is left, though the group has another contact with it.
func TestEraseWhileAGroupIsExpanded(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		st := &erasedBetween{Store: b.Store}
		b.Rebuild(st)
		people(t, b, 10, func(i int, c *store.Contact) {
			if i == 7 {
				c.Addresses[0].Value = "user1@example.com"
			}
		})
		req := toEveryone("1")
		req.Limits.PerDay = map[string]int{"test": 3}
		a, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		_, err = b.Jobs.Accepter.Expand(t.Context(), a.NotificationID)
		require.NoError(t, err)
		b.Exec(`UPDATE app_use SET used = -100`)
		st.between = func() { expandAll(t, b, a.NotificationID) }
		done, err := b.Jobs.Control.Erase(t.Context(), steering.EraseRequest{Recipient: store.Recipient{Type: "email", Value: "user1@example.com"}}, store.Actor{AppID: "root"})
		require.NoError(t, err)
		require.False(t, done.More)
		require.Equal(t, []int{2, 2}, []int{done.Deliveries, done.Contacts})
		require.NotContains(t, reachedBy(b, a.NotificationID), "user1@example.com")
	})
}

// erasedBetween does something once before addresses are erased in contacts.
type erasedBetween struct {
	store.Store
	between func()
}

func (s *erasedBetween) EraseAddress(ctx context.Context, e store.Erasure) (int, error) {
	if s.between != nil {
		s.between()
		s.between = nil
	}
	return s.Store.EraseAddress(ctx, e)
}

// A channel that is off, or a group that is deleted, while an expansion goes on.
func TestExpansionWhileThingsChange(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		people(t, b, 10, nil)
		accept := func(key string) uuid.UUID {
			a, err := b.Jobs.Accepter.Accept(t.Context(), toEveryone(key))
			require.NoError(t, err)
			return a.NotificationID
		}
		id := accept("off")
		settings := b.Settings(channels.Resend)
		settings.Registry = channels.NewRegistry(nil)
		b.Jobs.Apply(settings)
		expanding, err := b.Jobs.Accepter.Expand(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, accepting.Expanding{Wait: time.Minute}, expanding)
		b.Jobs.Apply(b.Settings(channels.Resend))
		require.Equal(t, 10, expandAll(t, b, id).Expansion.Deliveries)

		id = accept("deleted")
		require.NoError(t, b.Store.DeleteGroup(t.Context(), store.ContactKey{Owner: "app", Name: "everyone"}, store.Actor{AppID: "app"}))
		n := expandAll(t, b, id)
		require.Equal(t, store.StoppedNoGroup, n.Expansion.Stopped)
		require.Equal(t, store.NotificationCancelled, n.Status, "nothing was sent")

		putGroup(t, b, store.Group{ContactKey: store.ContactKey{Owner: "app", Name: "everyone"}, Labels: store.Labels{"all": "yes"}})
		id = accept("another one of that name")
		require.NoError(t, b.Store.DeleteGroup(t.Context(), store.ContactKey{Owner: "app", Name: "everyone"}, store.Actor{AppID: "app"}))
		putGroup(t, b, store.Group{ContactKey: store.ContactKey{Name: "everyone"}, Contacts: []string{"person-001"}})
		require.Equal(t, store.StoppedNoGroup, expandAll(t, b, id).Expansion.Stopped)

		expanding, err = b.Jobs.Accepter.Expand(t.Context(), uuid.New())
		require.NoError(t, err)
		require.True(t, expanding.Done, "its notification was deleted")
	})
}

// The worker makes the deliveries and sends them. A batch whose commit fails, or whose reply is lost,
// is made again, once.
func TestExpansionIsWorked(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Rebuild(&failingExpansions{Store: b.Store})
		people(t, b, 8, nil)
		b.Start()
		a, err := b.Jobs.Accepter.Accept(t.Context(), toEveryone("1"))
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			n, err := b.Store.Notification(limit.Context(t), a.NotificationID)
			return err == nil && n.Status == store.NotificationSuccess
		}, limit.Wait, 20*time.Millisecond)
		require.Len(t, b.Provider.Calls, 8)
		require.Len(t, b.Deliveries(a.NotificationID), 8)
	})
}

// failingExpansions fails every third batch before it, and every third after it.
type failingExpansions struct {
	store.Store
	calls atomic.Int64
}

func (s *failingExpansions) Expand(ctx context.Context, b store.ExpansionBatch) (store.Expanded, error) {
	call := s.calls.Add(1)
	if call%3 == 0 {
		return store.Expanded{}, errors.New("the database is away")
	}
	expanded, err := s.Store.Expand(ctx, b)
	if call%3 == 2 {
		return store.Expanded{}, errors.New("the reply is lost")
	}
	return expanded, err
}

// A notification is never shown with an expansion of another moment.
func TestExpansionIsReadWithItsCounts(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		people(t, b, 200, nil)
		b.Jobs.Accepter.SetBounds(5, 1)
		a, err := b.Jobs.Accepter.Accept(t.Context(), toEveryone("1"))
		require.NoError(t, err)
		expanded := make(chan error, 1)
		go func() {
			_, err := b.Jobs.Accepter.Expand(t.Context(), a.NotificationID)
			expanded <- err
		}()
		for done := false; !done; {
			select {
			case err := <-expanded:
				require.NoError(t, err)
				done = true // what is read now is the end
			default:
			}
			n, err := b.Store.Notification(t.Context(), a.NotificationID)
			require.NoError(t, err)
			require.Equal(t, n.Counts.Total, n.Expansion.Deliveries)
			listed, err := b.Store.ListNotifications(t.Context(), store.NotificationFilter{}, uuid.Nil, 10)
			require.NoError(t, err)
			require.Equal(t, listed[0].Counts.Total, listed[0].Expansion.Deliveries)
			if done || n.Expansion.Done() {
				require.Equal(t, 200, n.Counts.Total)
			}
		}
	})
}

// keptExpansions counts the batches that are still in memory when a later one is written.
type keptExpansions struct {
	store.Store
	batches []weak.Pointer[store.Delivery]
	kept    int
}

func (s *keptExpansions) Expand(ctx context.Context, b store.ExpansionBatch) (store.Expanded, error) {
	runtime.GC()
	kept := 0
	for _, batch := range s.batches {
		if batch.Value() != nil {
			kept++
		}
	}
	s.kept = max(s.kept, kept)
	if len(b.Deliveries) > 0 {
		s.batches = append(s.batches, weak.Make(&b.Deliveries[0]))
	}
	return s.Store.Expand(ctx, b)
}

// An expansion has one batch in memory, however many it has made.
func TestExpansionForgetsItsBatches(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		kept := &keptExpansions{Store: b.Store}
		b.Rebuild(kept)
		people(t, b, 30, nil)
		a, err := b.Jobs.Accepter.Accept(t.Context(), toEveryone("1"))
		require.NoError(t, err)
		expandAll(t, b, a.NotificationID)
		require.Len(t, kept.batches, 10)
		require.LessOrEqual(t, kept.kept, 1)
	})
}

// A cancelled notification gets no more deliveries, and a job that an operator ends ends it.
func TestExpansionIsStopped(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		people(t, b, 10, nil)
		b.Jobs.Accepter.SetBounds(5, 3)
		a, err := b.Jobs.Accepter.Accept(t.Context(), toEveryone("1"))
		require.NoError(t, err)
		require.NoError(t, b.Jobs.Control.Cancel(t.Context(), a.NotificationID, store.Actor{AppID: "app"}))
		n := expandAll(t, b, a.NotificationID)
		require.Equal(t, store.StoppedCancelled, n.Expansion.Stopped)
		require.Equal(t, store.NotificationCancelled, n.Status)

		a, err = b.Jobs.Accepter.Accept(t.Context(), toEveryone("2"))
		require.NoError(t, err)
		b.Exec(`DELETE FROM river_job WHERE kind = 'expand'`)
		require.NoError(t, b.Jobs.Orphans.CloseSparingly(t.Context()))
		require.Equal(t, store.StoppedNoJob, expandAll(t, b, a.NotificationID).Expansion.Stopped)
	})
}
