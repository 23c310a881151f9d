package delivering_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/delivering"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// digested makes a kind whose digests are due after a time.
func digested(t *testing.T, b *jobstest.Bundle, window, key string) {
	t.Helper()
	require.NoError(t, b.Store.PutKind(t.Context(), store.Kind{
		Name: "billing", Digest: &store.Digest{Window: window, Key: key, Template: "digest"}, UpdatedAt: store.Now(),
	}, jobstest.By("operator", store.AuditKindWrite, "billing")))
}

// itemOf accepts a request of the kind, with a name, and returns its delivery.
func itemOf(b *jobstest.Bundle, key, name string, change func(*accepting.Request)) store.Delivery {
	return b.AcceptWith(key, func(r *accepting.Request) {
		r.Kind = "billing"
		r.Channels["test"] = accepting.ChannelRequest{Template: "hello", Params: map[string]any{"name": name}}
		if change != nil {
			change(r)
		}
	})
}

const listOfNames = "{{ .count }}:{{ range .items }} {{ .name }}{{ end }}{{ if .rest }} +{{ .rest }}{{ end }}"

func TestDigestIsOneMessageWithAllItems(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("digest", "text", listOfNames)
		digested(t, b, "1s", "")
		var items []store.Delivery
		for i := range 3 {
			items = append(items, itemOf(b, fmt.Sprint(i), fmt.Sprint("n", i), nil))
		}
		require.True(t, items[0].IsItem())
		require.NotNil(t, items[0].HeldUntil(time.Now()))
		b.Start()
		call := b.NextCall()
		require.Equal(t, items[0].DigestID, call.DeliveryID)
		require.Equal(t, "3: n0 n1 n2", call.Body)
		for _, item := range items {
			require.Equal(t, store.CodeDigested, b.WaitFor(item.ID, store.DeliverySuccess).LastCode)
		}
		require.Empty(t, b.Provider.Calls)
	})
}

func TestDigestRetriesSendTheSame(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("digest", "text", listOfNames)
		digested(t, b, "10ms", "")
		item := itemOf(b, "1", "a", nil)
		b.Provider.Fail(&channels.Error{Class: channels.Transient, Code: "busy"})
		b.Start()
		for range 4 {
			call := b.NextCall()
			require.Equal(t, []any{item.DigestID, "1: a"}, []any{call.DeliveryID, call.Body})
		}
		require.Equal(t, "busy", b.WaitFor(item.ID, store.DeliveryDead).LastCode)
	})
}

func TestDigestShowsTheNewestItemsAndCountsTheRest(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("digest", "text", "{{ .count }} {{ len .items }} {{ .rest }}")
		digested(t, b, "1h", "")
		var item store.Delivery
		for i := range 103 {
			item = itemOf(b, fmt.Sprint(i), fmt.Sprint(i), nil)
		}
		digest, err := b.Store.Delivery(t.Context(), item.DigestID)
		require.NoError(t, err)
		b.Exec(`UPDATE river_job SET state = 'available', scheduled_at = created_at WHERE id = $1`, digest.JobID)
		b.Start()
		require.Equal(t, "103 100 3", b.NextCall().Body)
	})
}

func TestWhatDoesNotGoIntoADigest(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("digest", "text", listOfNames)
		digested(t, b, "1h", "name")
		first := itemOf(b, "first", "a", nil)
		require.True(t, first.IsItem())
		require.Equal(t, first.DigestID, itemOf(b, "same", "a", nil).DigestID)
		require.NotEqual(t, first.DigestID, itemOf(b, "other", "b", nil).DigestID, "another value of the key")
		for name, change := range map[string]func(*accepting.Request){
			"high":    func(r *accepting.Request) { r.Priority = store.PriorityHigh },
			"later":   func(r *accepting.Request) { r.SendAt = jobstest.FromNow(time.Hour) },
			"expires": func(r *accepting.Request) { r.ExpiresAt = jobstest.FromNow(time.Hour - time.Minute) },
			"trial":   func(r *accepting.Request) { r.Test = true },
			"no kind": func(r *accepting.Request) { r.Kind = "" },
		} {
			require.False(t, itemOf(b, name, "a", change).IsItem(), name)
		}
		require.NoError(t, b.Store.DeleteTemplate(t.Context(), "digest", "app", jobstest.By("app", store.AuditTemplateDelete, "digest")))
		r := jobstest.Request("gone", 1)
		r.Kind = "billing"
		_, err := b.Jobs.Accepter.Accept(t.Context(), r)
		jobstest.RequireRefusal(t, err, refusal.UnknownTemplate, "kind")
	})
}

// A template of a digest has texts in several languages, and the recipient's chooses. Each that is sent is
// tried when an item is accepted.
func TestDigestIsInTheLanguageOfItsRecipient(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		now := store.Now()
		_, err := b.Store.CreateTemplate(t.Context(), store.Template{
			Name: "digest", Channel: "test", MsgType: "text", Owner: "app", Locale: "zh", Body: "{{ .count }} 条", CreatedAt: now, UpdatedAt: now,
			Texts: store.Texts{"en": {Body: "{{ .count }} notices:{{ range .items }} {{ .name }}{{ .due }}{{ end }}"}},
		}, "", jobstest.By("app", store.AuditTemplateCreate, "digest"))
		require.NoError(t, err)
		digested(t, b, "10ms", "")
		english := jobstest.Request("1", 1)
		english.Kind, english.Recipients[0].Locale = "billing", "en-GB"
		_, err = b.Jobs.Accepter.Accept(t.Context(), english)
		jobstest.RequireRefusal(t, err, refusal.MissingParam, "channels.test.params")
		b.Start()
		for locale, want := range map[string][]string{"en-GB": {"1 notices: a!", "en"}, "zh-TW": {"1 条", "zh"}, "": {"1 条", "zh"}} {
			item := itemOf(b, "in "+locale, "a", func(r *accepting.Request) {
				r.Recipients[0].Locale = locale
				r.Channels["test"].Params["due"] = "!"
			})
			require.Equal(t, want[0], b.NextCall().Body)
			require.Equal(t, want[1], b.WaitFor(item.DigestID, store.DeliverySuccess).Locale)
		}
	})
}

// What happens to a recipient while the window is open holds for the digest.
func TestDigestLeavesOutWhoHasOptedOut(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("digest", "text", listOfNames)
		require.NoError(t, b.Store.PutKind(t.Context(), store.Kind{
			Name: "billing", Optional: true, Digest: &store.Digest{Window: "10ms", Template: "digest"}, UpdatedAt: store.Now(),
		}, jobstest.By("operator", store.AuditKindWrite, "billing")))
		item := itemOf(b, "1", "a", nil)
		require.NoError(t, b.Store.SetPreferences(t.Context(), item.Recipient, []store.Preference{{Kind: "billing"}}, jobstest.By("app", store.AuditPreferenceUpdate, "")))
		b.Start()
		require.Equal(t, store.CodeOptedOut, b.WaitFor(item.ID, store.DeliveryCancelled).LastCode)
		require.Equal(t, delivering.CodeDigestEmpty, b.WaitFor(item.DigestID, store.DeliveryCancelled).LastCode)
		require.Empty(t, b.Provider.Calls)
	})
}

// A recipient gets as many digests as the kind's cap allows. The next one waits and goes on gathering.
func TestDigestBeyondACapWaits(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("digest", "text", listOfNames)
		require.NoError(t, b.Store.PutKind(t.Context(), store.Kind{
			Name: "billing", Digest: &store.Digest{Window: "10ms", Template: "digest"}, UpdatedAt: store.Now(),
			Caps: map[string]store.Cap{"test": {Limit: 1, Per: store.PerDay}},
		}, jobstest.By("operator", store.AuditKindWrite, "billing")))
		b.Start()
		first := itemOf(b, "1", "a", nil)
		require.Equal(t, "1: a", b.NextCall().Body)
		b.WaitFor(first.ID, store.DeliverySuccess)
		held := itemOf(b, "2", "b", nil)
		require.Eventually(t, func() bool {
			digest, err := b.Store.Delivery(t.Context(), held.DigestID)
			require.NoError(t, err)
			return digest.SendAt.After(time.Now()) && b.JobState(digest.JobID) == "scheduled"
		}, limit.Wait, 10*time.Millisecond, "the digest is not held")
		require.Equal(t, held.DigestID, itemOf(b, "3", "c", nil).DigestID)
		require.Empty(t, b.Provider.Calls)
	})
}

func TestItemThatItsDigestCannotShowIsRefused(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("digest", "text", "{{ len (index .items 1).name }}")
		digested(t, b, "10ms", "")
		r := jobstest.Request("1", 1)
		r.Kind = "billing"
		_, err := b.Jobs.Accepter.Accept(t.Context(), r)
		jobstest.RequireRefusal(t, err, refusal.RenderFailed, "channels.test.params")
	})
}

func TestDigestWhoseTemplateIsGoneIsDeadAndCanBeSentAgain(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("digest", "text", listOfNames)
		digested(t, b, "10ms", "")
		item := itemOf(b, "1", "a", nil)
		b.Exec(`DELETE FROM template_versions WHERE name = 'digest'`)
		b.Exec(`DELETE FROM templates WHERE name = 'digest'`)
		b.Start()
		for _, id := range []uuid.UUID{item.ID, item.DigestID} {
			require.Equal(t, delivering.CodeDigestFailed, b.WaitFor(id, store.DeliveryDead).LastCode)
		}
		b.Template("digest", "text", listOfNames)
		digest, err := b.Store.Delivery(t.Context(), item.DigestID)
		require.NoError(t, err)
		require.NoError(t, b.Jobs.Control.Requeue(t.Context(), digest, "", store.Actor{AppID: "app"}))
		require.Equal(t, "1: a", b.NextCall().Body)
		require.Equal(t, store.CodeDigested, b.WaitFor(item.ID, store.DeliverySuccess).LastCode)
	})
}

func TestDigestWithoutItemsIsCancelled(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		b.Template("digest", "text", listOfNames)
		digested(t, b, "10ms", "")
		item := itemOf(b, "1", "a", nil)
		require.NoError(t, b.Jobs.Control.Cancel(t.Context(), item.NotificationID, store.Actor{AppID: "app"}))
		b.Start()
		require.Equal(t, delivering.CodeDigestEmpty, b.WaitFor(item.DigestID, store.DeliveryCancelled).LastCode)
		require.Empty(t, b.Provider.Calls)
	})
}
