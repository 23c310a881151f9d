package jobs

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/templates"
)

// Preview is what a template would send with some params.
type Preview struct {
	MsgType      string
	Subject      string
	Body         string // the names of missing params stand in their place; empty when there is no text without them
	TemplateCode string
	Params       []byte   // a JSON object that goes to the vendor, or nil
	Missing      []string // params that the template needs, in the order they were met
	Unused       []string // params that the template never mentions, sorted
}

// PreviewTemplate renders a template as acceptance does, but goes on where a param
// is missing. The Field of a *Refusal is as renderTemplate's.
func (s *Service) PreviewTemplate(t store.Template, params map[string]any) (Preview, error) {
	provider, _ := s.settings.Load().Registry.Provider(t.Channel) // when the channel is off, its own default holds
	msgType, ok := s.types[t.Channel].MsgType(cmp.Or(t.MsgType, provider.MsgType))
	if !ok {
		return Preview{}, &Refusal{Code: CodeRenderFailed, Field: ".template", Message: fmt.Sprintf(badMsgType, t.Name, t.MsgType)}
	}
	p := Preview{MsgType: msgType.Name, TemplateCode: t.TemplateCode, Unused: slices.Sorted(maps.Keys(params))}
	for _, part := range []struct {
		name, source string
		format       templates.Format
		text         *string
	}{
		{"subject", t.Subject, templates.Line, &p.Subject},
		{"body", t.Body, templates.Format(msgType.Format), &p.Body},
	} {
		if part.source == "" {
			continue
		}
		parsed, err := s.parse(part.format, t.Name, part.name, part.source)
		if err != nil {
			return Preview{}, err
		}
		text, missing, err := parsed.Preview(params)
		if *part.text, err = checkText(t.Name, part.name, text, err); err != nil {
			return Preview{}, err
		}
		for _, param := range missing {
			if !slices.Contains(p.Missing, param) {
				p.Missing = append(p.Missing, param)
			}
		}
		p.Unused = slices.DeleteFunc(p.Unused, parsed.Names)
	}
	if t.TemplateCode != "" {
		p.Unused = nil // the vendor's template may use any of them
		var err error
		if p.Params, err = json.Marshal(params); err != nil {
			return Preview{}, err
		}
	}
	return p, nil
}
