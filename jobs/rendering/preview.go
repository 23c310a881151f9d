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
	Locale        string // of the text
	MsgType       string
	Subject       string
	Body          string // missing params are shown by name; empty when nothing can be rendered without them
	TemplateCode  string
	TemplateCodes store.Codes
	Params        []byte             // a JSON object for the vendor, or nil
	Missing       []string           // params that the template needs, in the order in which they were met
	Unused        []string           // params that the template does not mention, sorted
	Texts         map[string]Preview // of a template's other texts, by locale; nil for none
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
	turn := r.Begin(ctx, app)
	defer turn.End()
	preview, err := turn.preview(t, msgType, params)
	for _, locale := range t.Locales()[1:] {
		if err != nil {
			break
		}
		if preview.Texts == nil {
			preview.Texts = map[string]Preview{}
		}
		preview.Texts[locale], err = turn.preview(t.In(locale), msgType, params)
	}
	if err != nil {
		return Preview{}, err
	}
	return preview, nil
}

// preview renders the template's own text.
func (t *Turn) preview(template store.Template, msgType channels.MsgType, params map[string]any) (preview Preview, err error) {
	defer func() { err = inText(template, err) }()
	preview = Preview{
		Locale: template.Locale, MsgType: msgType.Name, TemplateCode: template.TemplateCode, TemplateCodes: template.TemplateCodes,
		Unused: slices.Sorted(maps.Keys(params)),
	}
	var texts [2]string
	for i, p := range partsOf(template, msgType) {
		if p.text == "" {
			continue
		}
		parsed, err := t.parse(template.Name, p)
		if err != nil {
			return Preview{}, err
		}
		text, missing, err := parsed.Preview(params, t.work)
		if texts[i], err = checked(template.Name, p.name, text, err); err != nil {
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
		if err := checkVendor(template, msgType, preview.Body); err != nil {
			return Preview{}, err
		}
	}
	if template.HasCode() {
		preview.Unused = nil // the vendor's template may use any of them
		if preview.Params, err = vendorParams(template, params); err != nil {
			return Preview{}, err
		}
	}
	return preview, nil
}
