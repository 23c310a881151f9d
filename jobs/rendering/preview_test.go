package rendering_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

func TestPreviewTemplate(t *testing.T) {
	t.Parallel()
	vendors := channels.Type{
		Name: "vendors", Channel: "vendors", TemplateCode: true,
		MsgTypes: []channels.MsgType{{Name: "text", Format: channels.FormatText}},
	}
	live := &settings.Live{}
	live.Store(&settings.Settings{Registry: channels.NewRegistry(map[string]channels.Provider{
		"test": {Name: "p", Type: jobstest.TestChannel, MsgType: "card"},
	})})
	renderer := rendering.New([]channels.Type{jobstest.TestChannel, vendors}, live)
	for name, c := range map[string]struct {
		template store.Template
		params   map[string]any
		want     rendering.Preview
	}{
		"as it is sent": {
			store.Template{Channel: "test", MsgType: "text", Subject: "[{{ .a }}]", Body: "{{ .a }} {{ .b }}"},
			map[string]any{"a": "x", "b": "y"},
			rendering.Preview{MsgType: "text", Subject: "[x]", Body: "x y"},
		},
		"the provider's msgType": {
			store.Template{Channel: "test", Body: `{"text": "{{ .a }}"}`},
			map[string]any{"a": `"`},
			rendering.Preview{MsgType: "card", Body: `{"text": "\""}`},
		},
		"missing params": {
			store.Template{Channel: "test", MsgType: "text", Subject: "{{ .a }} {{ .b }}", Body: "{{ .b }} {{ .c }}"},
			map[string]any{"b": nil},
			rendering.Preview{MsgType: "text", Subject: "‹a› ‹b›", Body: "‹b› ‹c›", Missing: []string{"a", "b", "c"}},
		},
		"a text that needs a missing param": {
			store.Template{Channel: "test", MsgType: "text", Body: "{{ if gt .n 5 }}many{{ end }} {{ .a }}"},
			map[string]any{},
			rendering.Preview{MsgType: "text", Missing: []string{"n"}},
		},
		"unused params": {
			store.Template{Channel: "test", MsgType: "text", Subject: "{{ .a }}", Body: `{{ if false }}{{ .b }}{{ end }}{{ index . "c" }}`},
			map[string]any{"z": 1.0, "a": "x", "b": "y", "c": "z", "y": nil},
			rendering.Preview{MsgType: "text", Subject: "x", Body: "z", Unused: []string{"y", "z"}},
		},
		"the vendor renders": {
			store.Template{Channel: "vendors", TemplateCode: "SMS_1", Body: "for people: {{ .a }}"},
			map[string]any{"code": "1"},
			rendering.Preview{MsgType: "text", TemplateCode: "SMS_1", Body: "for people: ‹a›", Params: []byte(`{"code":"1"}`), Missing: []string{"a"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := renderer.PreviewTemplate(t.Context(), "app", c.template, c.params)
			require.NoError(t, err)
			if len(got.Unused) == 0 {
				got.Unused = nil
			}
			require.Equal(t, c.want, got)
		})
	}
	for field, tmpl := range map[string]store.Template{
		".params":   {Channel: "test", MsgType: "card", Body: `{{ .a }}{`},
		".template": {Channel: "test", MsgType: "video", Body: "{{ .a }}"},
	} {
		_, err := renderer.PreviewTemplate(t.Context(), "app", tmpl, map[string]any{"a": 1.0})
		jobstest.RequireRefusal(t, err, refusal.RenderFailed, field)
	}
}
