package accepting_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// storeTexts stores a template in Chinese, which is its own language, and English.
func storeTexts(t *testing.T, b *jobstest.Bundle) {
	t.Helper()
	now := store.Now()
	tmpl := store.Template{
		Name: "texts", Channel: "test", MsgType: "text", Locale: "zh", Body: "你好{{ .name }}",
		Texts: store.Texts{"en": {Body: "Hello {{ .name }}"}, "ja": {Body: "-"}, "ko": {Body: "-"}}, CreatedAt: now, UpdatedAt: now, Owner: "app",
	}
	_, err := b.Store.CreateTemplate(t.Context(), tmpl, "", jobstest.By("app", store.AuditTemplateCreate, tmpl.Name))
	require.NoError(t, err)
}

// speaker returns a recipient with a locale.
func speaker(user int, locale string) accepting.Recipient {
	return accepting.Recipient{
		Recipient: store.Recipient{Type: channels.RecipientEmail, Value: fmt.Sprintf("user%d@example.com", user)}, Locale: locale,
	}
}

// textsRequest returns a request with the template of storeTexts.
func textsRequest(key string, recipients ...accepting.Recipient) accepting.Request {
	req := jobstest.Request(key, 0)
	req.Channels["test"] = accepting.ChannelRequest{Template: "texts", Params: map[string]any{"name": "Li"}}
	req.Recipients = recipients
	return req
}

// locales returns the locale of each recipient's delivery, and how many messages there are.
func locales(b *jobstest.Bundle, notification uuid.UUID) (map[string]string, int) {
	got, messages := map[string]string{}, map[uuid.UUID]bool{}
	for _, d := range b.Deliveries(notification) {
		got[d.Recipient.Value], messages[d.MessageID] = d.Locale, true
	}
	return got, len(messages)
}

// The recipient's locale chooses, then the request's, then the template's own text. One message
// is written for each distinct rendering.
func TestLocaleChoosesTheText(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		storeTexts(t, b)
		req := textsRequest("1", speaker(0, ""), speaker(1, "en-US"), speaker(2, "zh-TW"), speaker(3, "de"), speaker(4, "ja"), speaker(5, "ko"), speaker(6, "xx"))
		a, err := b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		require.Equal(t, map[string]string{
			"user0@example.com": "你好Li", "user1@example.com": "Hello Li", "user2@example.com": "你好Li", "user3@example.com": "你好Li",
			"user4@example.com": "-", "user5@example.com": "-", "user6@example.com": "你好Li",
		}, bodies(t, b, a.NotificationID))
		got, messages := locales(b, a.NotificationID)
		require.Equal(t, map[string]string{
			"user0@example.com": "zh", "user1@example.com": "en", "user2@example.com": "zh", "user3@example.com": "zh",
			"user4@example.com": "ja", "user5@example.com": "ko", "user6@example.com": "zh",
		}, got)
		require.Equal(t, 3, messages, "two texts render to the same")

		req = textsRequest("2", speaker(0, ""), speaker(1, "zh"))
		req.Locale = "en-GB"
		a, err = b.Jobs.Accepter.Accept(t.Context(), req)
		require.NoError(t, err)
		got, _ = locales(b, a.NotificationID)
		require.Equal(t, map[string]string{"user0@example.com": "en", "user1@example.com": "zh"}, got)

		plain := b.AcceptWith("3", func(r *accepting.Request) { r.Locale = "en" })
		require.Empty(t, plain.Locale, "a template that names no language has one text")
	})
}

// Params and locales choose together.
func TestLocaleAndParams(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		storeTexts(t, b)
		var list []accepting.Recipient
		for i := range 8 {
			r := named(i, []string{"Ann", "Bo"}[i%2])
			r.Locale = []string{"zh", "en"}[i/2%2]
			list = append(list, r)
		}
		a, err := b.Jobs.Accepter.Accept(t.Context(), textsRequest("1", list...))
		require.NoError(t, err)
		got := bodies(t, b, a.NotificationID)
		for i := range 8 {
			want := []string{"你好Ann", "你好Bo", "Hello Ann", "Hello Bo"}[i%4]
			require.Equal(t, want, got[fmt.Sprintf("user%d@example.com", i)])
		}
		_, messages := locales(b, a.NotificationID)
		require.Equal(t, 4, messages)

		delete(list[6].Params, "name")
		req := textsRequest("2", list...)
		req.Channels["test"] = accepting.ChannelRequest{Template: "texts"}
		_, err = b.Jobs.Accepter.Accept(t.Context(), req)
		jobstest.RequireRefusal(t, err, refusal.MissingParam, "recipients[6].params.name")
		require.ErrorContains(t, err, "the text in en")
	})
}

// A locale is a part of what a request asks.
func TestLocaleAndTheKey(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		storeTexts(t, b)
		accept := func(locale string, recipients ...accepting.Recipient) error {
			req := textsRequest("1", recipients...)
			req.Locale = locale
			a, err := b.Jobs.Accepter.Accept(t.Context(), req)
			if err == nil {
				require.Equal(t, 2, a.Deliveries)
			}
			return err
		}
		require.NoError(t, accept("en", speaker(0, "zh"), speaker(1, "")))
		require.NoError(t, accept("en", speaker(1, ""), speaker(0, "zh"), speaker(1, "")))
		jobstest.RequireRefusal(t, accept("zh", speaker(0, "zh"), speaker(1, "")), refusal.IdempotencyConflict, "idempotencyKey")
		jobstest.RequireRefusal(t, accept("en", speaker(0, "zh"), speaker(1, "zh")), refusal.IdempotencyConflict, "idempotencyKey")
		require.Equal(t, jobstest.Request("k", 3).Hash(), jobstest.Request("k", 3).Hash())
	})
}

// What is no language tag is refused with its place. One that fits nothing never is.
func TestBadLocales(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		storeTexts(t, b)
		accept := func(req accepting.Request) error {
			_, err := b.Jobs.Accepter.Accept(t.Context(), req)
			return err
		}
		jobstest.RequireRefusal(t, accept(textsRequest("1", speaker(0, "zh"), speaker(1, "chinese (simplified)"))), refusal.InvalidLocale, "recipients[1].locale")
		jobstest.RequireRefusal(t, accept(textsRequest("1", speaker(0, "zh"), speaker(0, "en"))), refusal.InvalidRecipient, "recipients[1].locale")
		req := textsRequest("1", speaker(0, ""))
		req.Locale = "en\n"
		jobstest.RequireRefusal(t, accept(req), refusal.InvalidLocale, "locale")
		own := textsRequest("1")
		own.Channels["test"] = accepting.ChannelRequest{Template: "texts", Params: map[string]any{"name": "x"}, Recipients: []accepting.Recipient{speaker(0, "?")}}
		jobstest.RequireRefusal(t, accept(own), refusal.InvalidLocale, "channels.test.recipients[0].locale")
		require.NoError(t, accept(textsRequest("1", speaker(0, "tlh"))))
	})
}

// Alerts have the template's own text, unless their receiver names a language.
func TestLocaleOfAlerts(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		storeTexts(t, b)
		for i, c := range []struct{ locale, text, want string }{{"", "你好Li", "zh"}, {"en-US", "Hello Li", "en"}, {"de", "你好Li", "zh"}} {
			req := textsRequest(fmt.Sprint(i), speaker(0, ""))
			req.Locale = c.locale
			req.Alerts = &accepting.Alerts{
				Receiver: "r", Telling: store.Telling{Receiver: "r", Group: fmt.Sprint("group", i), State: "s"},
				Content: rendering.Content{Params: func(int, bool) map[string]any { return map[string]any{"name": "Li"} }},
			}
			a, err := b.Jobs.Accepter.Accept(t.Context(), req)
			require.NoError(t, err)
			require.Equal(t, c.text, bodies(t, b, a.NotificationID)["user0@example.com"])
			got, _ := locales(b, a.NotificationID)
			require.Equal(t, c.want, got["user0@example.com"])
		}
	})
}

// A template with one text costs a request nothing for the languages of others: its recipients are
// not looked at one by one.
func TestOneTextCostsNoGroups(t *testing.T) { // not parallel: it counts allocations
	plain := jobstest.Request("1", 10_000).Recipients
	spoken := jobstest.Request("1", 10_000).Recipients
	for i := range spoken {
		spoken[i].Locale = "en"
	}
	for _, list := range [][]accepting.Recipient{plain, spoken} {
		groups, allocations := accepting.Groups(store.Template{Name: "t", Body: "x"}, list)
		require.Equal(t, 1, groups)
		require.LessOrEqual(t, allocations, 3.0)
	}
}
