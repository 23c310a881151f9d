package rendering_test

import (
	"maps"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/language"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// inLocales returns a template whose texts are their locales. The first is its own.
func inLocales(own string, others ...string) store.Template {
	t := store.Template{Name: "t", Channel: "test", MsgType: "text", Locale: own, Body: own}
	for _, locale := range others {
		if t.Texts == nil {
			t.Texts = store.Texts{}
		}
		t.Texts[locale] = store.Text{Body: locale}
	}
	return t
}

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		template store.Template
		want     map[string]string // the chosen text by locale
	}{
		{inLocales("zh", "en"), map[string]string{
			"": "zh", "zh": "zh", "en": "en", "zh-CN": "zh", "zh-Hans": "zh", "zh-TW": "zh", "zh-Hant-HK": "zh", "en-US": "en", "en-GB": "en",
			"EN": "en", "zh_CN": "zh", "en_us": "en", "de": "zh", "fr-CA": "zh", "ja": "zh", "und": "zh", "xx": "zh", "en-ZZ-x-y": "en", "tlh": "en", "mul": "zh",
		}},
		{inLocales("en", "zh", "zh-Hant"), map[string]string{
			"zh-TW": "zh-Hant", "zh-HK": "zh-Hant", "zh-Hant": "zh-Hant", "zh-CN": "zh", "zh-SG": "zh", "zh": "zh", "de": "en", "en-AU": "en",
		}},
		{inLocales("en", "pt-BR", "pt-PT", "es"), map[string]string{"pt": "pt-BR", "pt-AO": "pt-PT", "es-MX": "es", "it": "en"}},
		{inLocales("zh"), map[string]string{"en": "zh", "": "zh"}},
		{inLocales(""), map[string]string{"en": "", "": "", "zh": ""}},
	} {
		chooser := rendering.Choose(c.template)
		for _, twice := range []bool{false, true} {
			for locale, want := range c.want {
				got := chooser.For(locale)
				require.Equal(t, want, got.Locale, "%s among %q, again: %t", locale, c.template.Locales(), twice)
				require.Equal(t, want, got.Body)
				require.ElementsMatch(t, c.template.Locales(), got.Locales(), "no text is lost")
			}
		}
	}
}

func TestCheckLocale(t *testing.T) {
	t.Parallel()
	for _, locale := range []string{"zh", "en", "zh-CN", "zh-Hant", "zh-Hant-TW", "pt-BR", "en-US", "es-419"} {
		require.NoError(t, rendering.CheckLocale(locale), locale)
	}
	for locale, wrong := range map[string]string{
		"": "is not a language tag", "zh-cn": "must be written as zh-CN", "zh_CN": "must be written as zh-CN", "EN": "must be written as en",
		"english": "is not a language", "e": "is not a language tag", "en--US": "is not a language tag", "en.": "is not a language tag",
		"qqx-": "is not a language tag", "xx": "is not a language that is known", "und": "is not a language that is known",
		"zh\n": "is not a language tag", "中文": "is not a language tag", "iw": "must be written as he",
	} {
		require.ErrorContains(t, rendering.CheckLocale(locale), wrong, "%q", locale)
	}
}

// Each text is checked as a template's only one is, and the error says which.
func TestCheckTexts(t *testing.T) {
	t.Parallel()
	vendor := channels.Type{Name: "vendor", Channel: "sms", TemplateCode: true, MsgTypes: []channels.MsgType{{Name: "text", Format: channels.FormatText}}}
	live := &settings.Live{}
	live.Store(&settings.Settings{Registry: channels.NewRegistry(map[string]channels.Provider{"sms": {Name: "a", Type: vendor}})})
	renderer := rendering.New([]channels.Type{vendor, jobstest.TestChannel}, live)
	change := func(change func(*store.Template)) store.Template {
		tmpl := inLocales("zh", "en", "ja")
		change(&tmpl)
		return tmpl
	}
	require.NoError(t, renderer.CheckTemplate(t.Context(), "app", inLocales("zh", "en", "ja")))
	for name, c := range map[string]struct {
		template           store.Template
		code, field, wrong string
	}{
		"body":    {change(func(t *store.Template) { t.Texts["en"] = store.Text{Body: "a\nb\n{{ .x "} }), refusal.InvalidTemplate, "texts.en.body", "line 3"},
		"subject": {change(func(t *store.Template) { t.Texts["ja"] = store.Text{Subject: "{{ nope }}", Body: "x"} }), refusal.InvalidTemplate, "texts.ja.subject", "nope"},
		"JSON":    {change(func(t *store.Template) { t.MsgType, t.Body = "card", "{}" }), refusal.InvalidTemplate, "texts.en.body", "not valid JSON"},
		"code of none": {change(func(t *store.Template) {
			t.Channel, t.TemplateCode = "sms", "SMS_1"
			t.Texts["ja"] = store.Text{TemplateCode: "SMS_2"}
		}), refusal.TemplateCodeIsRequired, "texts.en.templateCode", "needs the code"},
		"unknown provider": {change(func(t *store.Template) {
			t.Channel, t.TemplateCode, t.Texts = "sms", "SMS_1", store.Texts{"en": {TemplateCodes: store.Codes{"b": "1"}}}
		}), refusal.UnknownProvider, "texts.en.templateCodes.b", "is none of"},
		"no locale of its own": {change(func(t *store.Template) { t.Locale = "" }), refusal.InvalidLocale, "locale", "is required"},
		"no language":          {change(func(t *store.Template) { t.Locale = "Chinese" }), refusal.InvalidLocale, "locale", "is not a language"},
		"another spelling":     {change(func(t *store.Template) { t.Texts["zh_tw"] = store.Text{Body: "x"} }), refusal.InvalidLocale, "texts.zh_tw", "zh-TW"},
		"its own again":        {change(func(t *store.Template) { t.Texts["zh"] = store.Text{Body: "x"} }), refusal.InvalidLocale, "texts.zh", "own locale"},
	} {
		err := renderer.CheckTemplate(t.Context(), "app", c.template)
		jobstest.RequireRefusal(t, err, c.code, c.field)
		require.ErrorContains(t, err, c.wrong, name)
	}
}

// A template without a text in a required language is refused, with the names of all that are
// missing.
func TestRequiredLocales(t *testing.T) {
	t.Parallel()
	live := &settings.Live{}
	setRequired := func(locales ...string) {
		live.Store(&settings.Settings{Registry: channels.NewRegistry(nil), Templates: settings.Templates{RequiredLocales: locales}})
	}
	setRequired("zh", "en", "ja")
	renderer := rendering.New([]channels.Type{jobstest.TestChannel}, live)
	for _, c := range []struct {
		template store.Template
		missing  string
	}{
		{inLocales(""), "zh, en, ja"}, {inLocales("zh"), "en, ja"}, {inLocales("en", "zh"), "ja"}, {inLocales("en", "zh-CN", "ja"), "zh"},
	} {
		err := renderer.CheckTemplate(t.Context(), "app", c.template)
		jobstest.RequireRefusal(t, err, refusal.MissingLocale, "texts")
		require.ErrorContains(t, err, ": "+c.missing+" (", c.missing)
	}
	require.NoError(t, renderer.CheckTemplate(t.Context(), "app", inLocales("en", "zh", "ja", "de")))
	setRequired()
	require.NoError(t, renderer.CheckTemplate(t.Context(), "app", inLocales("")), "by default none is required")
}

// A preview has all texts, with what is missing in each.
func TestPreviewOfTexts(t *testing.T) {
	t.Parallel()
	live := &settings.Live{}
	live.Store(&settings.Settings{Registry: channels.NewRegistry(nil)})
	renderer := rendering.New([]channels.Type{jobstest.TestChannel}, live)
	tmpl := inLocales("zh", "en", "ja")
	tmpl.Body, tmpl.Texts["en"], tmpl.Texts["ja"] = "你好{{ .name }}", store.Text{Subject: "{{ .due }}", Body: "{{ .name }} owes {{ .amount }}"}, store.Text{Body: "-"}
	p, err := renderer.PreviewTemplate(t.Context(), "app", tmpl, map[string]any{"name": "Li"})
	require.NoError(t, err)
	require.Equal(t, rendering.Preview{Locale: "zh", MsgType: "text", Body: "你好Li", Unused: []string{}, Texts: map[string]rendering.Preview{
		"en": {Locale: "en", MsgType: "text", Subject: "‹due›", Body: "Li owes ‹amount›", Missing: []string{"due", "amount"}, Unused: []string{}},
		"ja": {Locale: "ja", MsgType: "text", Body: "-", Unused: []string{"name"}},
	}}, p)

	tmpl.Texts["ja"] = store.Text{Body: "{{ range .name }}{{ end }}"}
	_, err = renderer.PreviewTemplate(t.Context(), "app", tmpl, map[string]any{"name": true})
	require.ErrorContains(t, err, "the text in ja")
}

// What is wrong with the params of one text is said of that text.
func TestMissingParamOfAText(t *testing.T) {
	t.Parallel()
	live := &settings.Live{}
	live.Store(&settings.Settings{Registry: channels.NewRegistry(nil)})
	renderer := rendering.New([]channels.Type{jobstest.TestChannel}, live)
	tmpl := inLocales("zh", "en")
	tmpl.Texts["en"] = store.Text{Body: "{{ .amount }}"}
	message := func(locale string) error {
		_, err := renderer.Begin(t.Context(), "app").Message(*rendering.Choose(tmpl).For(locale), channels.Provider{Type: jobstest.TestChannel}, nil)
		return err
	}
	require.NoError(t, message("zh"))
	jobstest.RequireRefusal(t, message("en"), refusal.MissingParam, ".params.amount")
	require.ErrorContains(t, message("en"), "the text in en")
}

// A notification of the desktop has the texts of a template in all its languages.
func TestInAppHasAllTexts(t *testing.T) {
	t.Parallel()
	live := &settings.Live{}
	live.Store(&settings.Settings{Registry: channels.NewRegistry(nil)})
	renderer := rendering.New(builtin.Types(), live)
	types := builtin.Types()
	inapp := channels.Provider{Type: types[slices.IndexFunc(types, func(t channels.Type) bool { return t.Channel == "inapp" })]}
	tmpl := store.Template{
		Name: "t", Channel: "inapp", Locale: "zh", Subject: "欠费", Body: "欠 {{ .amount }}",
		Texts: store.Texts{"en": {Subject: "Debt", Body: "You owe {{ .amount }}"}},
	}
	for _, locale := range []string{"", "zh", "en", "de"} {
		m, err := renderer.Begin(t.Context(), "app").Message(*rendering.Choose(tmpl).For(locale), inapp, map[string]any{"amount": "5"})
		require.NoError(t, err)
		require.Equal(t, "json", m.MsgType)
		require.JSONEq(t, `{"title": "Debt", "message": "You owe 5", "i18ns": {
			"zh": {"title": "欠费", "message": "欠 5"}, "en": {"title": "Debt", "message": "You owe 5"}}}`, m.Body)
	}
	_, err := renderer.Begin(t.Context(), "app").Message(tmpl, inapp, nil)
	jobstest.RequireRefusal(t, err, refusal.MissingParam, ".params.amount")
	alone := tmpl
	alone.Texts = nil
	m, err := renderer.Begin(t.Context(), "app").Message(alone, inapp, map[string]any{"amount": "5"})
	require.NoError(t, err)
	require.Equal(t, []string{"text", "欠费", "欠 5"}, []string{m.MsgType, m.Subject, m.Body}, "a template with one text sends it as before")
}

// FuzzLocale checks that a locale of a request is refused or chooses a text of the template, and
// that a locale of a template is a key that is safe in paths of fields.
func FuzzLocale(f *testing.F) {
	for _, locale := range []string{
		"", "zh", "en", "zh-TW", "zh_CN.UTF-8", "en-US-u-co-phonebk-x-a", "und-CN", "xx", "i-klingon", "x-private", "-", "--", "a-b-c-d-e-f-g-h",
		"zh-\x00", "\xff", "en\n", "ZH-hant-hk", "root", "C", "POSIX", "sr-Latn-RS", "mul", "en-GB-oed", "art-lojban", "zh-min-nan", "zh;q=1", "*", "en-t-zh-m0-und",
	} {
		f.Add(locale)
	}
	tmpl := inLocales("zh", "en", "zh-Hant", "pt-BR", "sr-Latn")
	f.Fuzz(func(t *testing.T, locale string) {
		start := time.Now()
		chosen := rendering.Choose(tmpl).For(locale)
		require.Contains(t, tmpl.Locales(), chosen.Locale)
		tag, err := rendering.ParseLocale(locale)
		if err != nil || tag == language.Und {
			require.Equal(t, tmpl.Locale, chosen.Locale)
		}
		if rendering.CheckLocale(locale) == nil {
			require.NoError(t, err)
			require.Regexp(t, `^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$`, locale)
			require.LessOrEqual(t, len(locale), rendering.MaxLocale)
			own := inLocales(locale, slices.DeleteFunc(slices.Collect(maps.Keys(tmpl.Texts)), func(l string) bool { return l == locale })...)
			require.Equal(t, locale, rendering.Choose(own).For(locale).Locale, "a text is chosen by its own name")
		} else if err != nil {
			require.True(t, utf8.ValidString(err.Error()))
		}
		require.Less(t, time.Since(start), 10*time.Second)
	})
}
