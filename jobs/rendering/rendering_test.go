package rendering_test

import (
	"testing"

	"github.com/labring/sealos-notify/internal/test/jobstest"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

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
				jobstest.RequireRefusal(t, b.Jobs.Renderer.CheckTemplate(c.template), c.code, c.field)
			})
		}
	})
}
