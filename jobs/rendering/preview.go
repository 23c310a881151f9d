package rendering

import (
	"context"
	"maps"
	"slices"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// Preview is what a template sends with some params.
type Preview struct {
	MsgType       string
	Subject       string
	Body          string // missing params are shown by name; empty when nothing can be rendered without them
	TemplateCode  string
	TemplateCodes store.Codes
	Params        []byte   // a JSON object for the vendor, or nil
	Missing       []string // params that the template needs, in the order in which they were met
	Unused        []string // params that the template does not mention, sorted
}

// Form is what the templates of a channel have.
type Form struct {
	MsgTypes       []string // the first is the channel's default
	RecipientTypes []string
	Subject        bool
	TemplateCode   bool // the vendor renders: a body is not sent
}

// Form returns what the templates of a channel have; the zero value when there is no such
// channel.
func (r *Renderer) Form(channel string) Form {
	typ, known := r.types[channel]
	if !known {
		return Form{}
	}
	f := Form{Subject: typ.Subject, TemplateCode: typ.TemplateCode, RecipientTypes: channels.RecipientTypeNames(typ)}
	for _, m := range typ.MsgTypes {
		f.MsgTypes = append(f.MsgTypes, m.Name)
	}
	return f
}

// PreviewTemplate renders a template as Message does, but goes on where a param is missing.
func (r *Renderer) PreviewTemplate(ctx context.Context, app string, t store.Template, params map[string]any) (Preview, error) {
	provider, _ := r.settings.Load().Registry.Provider(t.Channel) // the zero value when the channel is off
	msgType, err := msgTypeOf(t, r.types[t.Channel], provider)
	if err != nil {
		return Preview{}, err
	}
	preview := Preview{MsgType: msgType.Name, TemplateCode: t.TemplateCode, TemplateCodes: t.TemplateCodes, Unused: slices.Sorted(maps.Keys(params))}
	turn := r.Begin(ctx, app)
	defer turn.End()
	var texts [2]string
	for i, p := range partsOf(t, msgType) {
		if p.text == "" {
			continue
		}
		parsed, err := turn.parse(t.Name, p)
		if err != nil {
			return Preview{}, err
		}
		text, missing, err := parsed.Preview(params, turn.work)
		if texts[i], err = checked(t.Name, p.name, text, err); err != nil {
			return Preview{}, err
		}
		for _, param := range missing {
			if !slices.Contains(preview.Missing, param) {
				preview.Missing = append(preview.Missing, param)
			}
		}
		preview.Unused = slices.DeleteFunc(preview.Unused, parsed.Names)
	}
	preview.Subject, preview.Body = texts[0], texts[1]
	if len(preview.Missing) == 0 {
		if err := checkVendor(t, msgType, preview.Body); err != nil {
			return Preview{}, err
		}
	}
	if t.HasCode() {
		preview.Unused = nil // the vendor's template may use any of them
		if preview.Params, err = vendorParams(t, params); err != nil {
			return Preview{}, err
		}
	}
	return preview, nil
}
