package rendering_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// What the vendor would refuse, because of its params, is refused before it is accepted, and
// in a preview.
func TestBodyThatTheVendorRefuses(t *testing.T) {
	t.Parallel()
	types := builtin.Types()
	live := &settings.Live{}
	live.Store(&settings.Settings{Registry: channels.NewRegistry(nil)})
	renderer := rendering.New(types, live)
	for _, typ := range types {
		if typ.Channel != "feishu_app" && typ.Channel != "feishu_webhook" {
			continue
		}
		for _, c := range []struct{ msgType, body, text, wrong string }{
			{"interactive", `{"elements": [{"tag": "markdown", "content": "{{ .text }}"}]}`, strings.Repeat("x", 31<<10), "bytes long"},
			{"interactive", `{"elements": [{{ if eq .text "bad" }}{}{{ else }}{"tag": "hr"}{{ end }}]}`, "bad", "elements[0].tag: is missing"},
			{"post", `{"zh_cn": {{ if eq .text "bad" }}{}{{ else }}{"content": []}{{ end }}}`, "bad", "zh_cn.content: is missing"},
		} {
			template := store.Template{Name: "t", Channel: typ.Channel, MsgType: c.msgType, Body: c.body}
			require.NoError(t, renderer.CheckTemplate(t.Context(), "app", template), "it depends on the params")
			params := map[string]any{"text": "good"}
			_, err := renderer.Begin(t.Context(), "app").Message(template, channels.Provider{Type: typ}, params)
			require.NoError(t, err)
			params["text"] = c.text
			_, err = renderer.Begin(t.Context(), "app").Message(template, channels.Provider{Type: typ}, params)
			jobstest.RequireRefusal(t, err, refusal.RenderFailed, ".params")
			require.ErrorContains(t, err, c.wrong)
			_, err = renderer.PreviewTemplate(t.Context(), "app", template, params)
			require.ErrorContains(t, err, c.wrong)
		}
	}
}

// WeCom counts the bytes of a text, DingTalk those of a request.
func TestLengthAsTheVendorCounts(t *testing.T) {
	t.Parallel()
	live := &settings.Live{}
	live.Store(&settings.Settings{Registry: channels.NewRegistry(nil)})
	renderer := rendering.New(builtin.Types(), live)
	for _, typ := range builtin.Types() {
		most := map[string]int{"wecom_group": 2048, "dingtalk_group": 9_400}[typ.Channel]
		if most == 0 {
			continue
		}
		template := store.Template{Name: "t", Channel: typ.Channel, MsgType: "text", Body: "{{ .text }}"}
		for text, long := range map[string]bool{strings.Repeat("\n", most): false, strings.Repeat("\n", most+200): true} {
			_, err := renderer.Begin(t.Context(), "app").Message(template, channels.Provider{Type: typ}, map[string]any{"text": text})
			require.Equal(t, long, err != nil, "%s: %v", typ.Channel, err)
		}
	}
}

func TestCheckTemplate(t *testing.T) {
	jobstest.EachEngine(t, func(t *testing.T, b *jobstest.Bundle) {
		for name, c := range map[string]struct {
			template    store.Template
			code, field string
		}{
			"unknown channel": {store.Template{Channel: "fax"}, refusal.UnknownChannel, "channel"},
			"unknown msgType": {store.Template{Channel: "test", MsgType: "video"}, refusal.InvalidMsgType, "msgType"},
			"body":            {store.Template{Channel: "test", Body: "{{ .a "}, refusal.InvalidTemplate, "body"},
			"body is no JSON": {store.Template{Channel: "test", MsgType: "card", Body: `{"a": {{ .a }},}`}, refusal.InvalidTemplate, "body"},
			"subject":         {store.Template{Channel: "test", Subject: "{{ nope }}"}, refusal.InvalidTemplate, "subject"},
		} {
			t.Run(name, func(t *testing.T) {
				jobstest.RequireRefusal(t, b.Jobs.Renderer.CheckTemplate(t.Context(), "app", c.template), c.code, c.field)
			})
		}
	})
}

// Renderings that take long take turns, one for an app. Others go on beside them.
func TestHeavyRenderingsTakeTurns(t *testing.T) {
	t.Parallel()
	live := &settings.Live{}
	live.Store(&settings.Settings{Registry: channels.NewRegistry(nil)})
	renderer := rendering.New([]channels.Type{jobstest.TestChannel}, live)
	heavy := store.Template{Name: "heavy", Channel: "test", MsgType: "text", Body: "{{range 1000}}{{end}}"}
	light := store.Template{Name: "light", Channel: "test", MsgType: "text", Body: "{{range 10}}{{end}}x"}
	giveBack := rendering.TakeTurns(t, renderer)
	_, err := renderer.PreviewTemplate(t.Context(), "app", light, nil)
	require.NoError(t, err)
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = renderer.PreviewTemplate(impatient, "app", heavy, nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, renderer.CheckTemplate(impatient, "app", light), context.DeadlineExceeded)
	giveBack()
	_, err = renderer.PreviewTemplate(t.Context(), "app", heavy, nil)
	require.NoError(t, err)
	require.NoError(t, renderer.CheckTemplate(t.Context(), "app", light))
}

// A code at something that is no provider of the channel is a mistake that would be found in an
// outage.
func TestCheckTemplateCodes(t *testing.T) {
	t.Parallel()
	vendor := channels.Type{Name: "vendor", Channel: "sms", TemplateCode: true, MsgTypes: []channels.MsgType{{Name: "text", Format: channels.FormatText}}}
	live := &settings.Live{}
	live.Store(&settings.Settings{Registry: channels.NewRegistry(map[string]channels.Provider{"sms": {Name: "a", Type: vendor}},
		channels.Provider{Name: "spare", Type: vendor})})
	renderer := rendering.New([]channels.Type{vendor, jobstest.TestChannel}, live)
	check := func(channel string, codes store.Codes) error {
		return renderer.CheckTemplate(t.Context(), "app", store.Template{Name: "t", Channel: channel, TemplateCodes: codes})
	}
	require.NoError(t, check("sms", store.Codes{"spare": "1"}))
	jobstest.RequireRefusal(t, check("sms", nil), refusal.TemplateCodeIsRequired, "templateCode")
	jobstest.RequireRefusal(t, check("sms", store.Codes{"a": "1", "sparse": "1"}), refusal.UnknownProvider, "templateCodes.sparse")
	jobstest.RequireRefusal(t, check("sms", store.Codes{"a": ""}), refusal.InvalidTemplate, "templateCodes.a")
	jobstest.RequireRefusal(t, check("test", store.Codes{"a": "1"}), refusal.InvalidTemplate, "templateCodes")
	live.Store(&settings.Settings{Registry: channels.NewRegistry(nil)})
	require.NoError(t, check("sms", store.Codes{"later": "1"}), "the channel is off, so nobody knows")
}
