// Package rendering checks templates and renders them into messages.
package rendering

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/jobs/shares"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/templates"
)

// Renderer checks templates and renders messages. Work that takes long waits for its turn, so
// that it leaves processors to everything else: an app has one turn at a time.
type Renderer struct {
	types    map[string]channels.Type // by channel
	settings *settings.Live
	parsed   *otter.Cache[source, *templates.Template]
	turns    *shares.Pool // of processors
}

// source is what a parsed template was parsed from. A changed template has another source,
// so nothing has to be invalidated.
type source struct {
	format templates.Format
	text   string
}

// New returns a Renderer. types is the table of provider types, one for each channel.
func New(types []channels.Type, live *settings.Live) *Renderer {
	r := &Renderer{
		types: make(map[string]channels.Type, len(types)), settings: live,
		turns: shares.New(turns(), 1),
	}
	for _, t := range types {
		r.types[t.Channel] = t
	}
	r.parsed = otter.Must(&otter.Options[source, *templates.Template]{
		// A parsed template can take a hundred times the memory of its source.
		MaximumWeight: 100 << 20,
		Weigher:       func(s source, _ *templates.Template) uint32 { return uint32(4096 + 100*len(s.text)) }, //nolint:gosec // a body is bounded
	})
	return r
}

// CheckChannel returns a *refusal.Error for the field when there is no such channel.
func (r *Renderer) CheckChannel(channel, field string) error {
	if _, known := r.types[channel]; known {
		return nil
	}
	return refusal.New(refusal.UnknownChannel, field, "unknown channel; known are %s",
		strings.Join(slices.Sorted(maps.Keys(r.types)), ", "))
}

// turns is how many processors do heavy work at once.
func turns() int64 { return int64(max(1, runtime.GOMAXPROCS(0)/2)) }

// Turn is the work of one request for an app. End it. It is not safe for concurrent use.
type Turn struct {
	renderer *Renderer
	ctx      context.Context
	app      string
	work     *templates.Work
	giveBack func() // nil while the work is light
}

// Begin begins the work of a request.
func (r *Renderer) Begin(ctx context.Context, app string) *Turn {
	t := &Turn{renderer: r, ctx: ctx, app: app}
	t.work = templates.NewWork(t.heavy)
	return t
}

// heavy is a templates.Heavy: it waits until the work may go on.
func (t *Turn) heavy() (err error) {
	if t.giveBack == nil {
		t.giveBack, err = t.renderer.turns.Take(t.ctx, t.app, 1)
	}
	return err
}

// isPutOff reports whether work ended because its turn did not come.
func isPutOff(err error) bool {
	return errors.Is(err, shares.ErrBusy) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// End gives back what the work has taken.
func (t *Turn) End() {
	if t.giveBack != nil {
		t.giveBack()
	}
}

// CheckTemplate returns a *refusal.Error, which names the field, when a template may not be
// stored. An error of package shares means that it could not be checked now.
func (r *Renderer) CheckTemplate(ctx context.Context, app string, t store.Template) error {
	if err := r.CheckChannel(t.Channel, "channel"); err != nil {
		return err
	}
	typ := r.types[t.Channel]
	msgType, ok := typ.MsgType(t.MsgType)
	if !ok {
		names := make([]string, len(typ.MsgTypes))
		for i, mt := range typ.MsgTypes {
			names[i] = mt.Name
		}
		return refusal.New(refusal.InvalidMsgType, "msgType", "channel %s takes %s", t.Channel, strings.Join(names, ", "))
	}
	if err := r.checkLocales(t); err != nil {
		return err
	}
	turn := r.Begin(ctx, app)
	defer turn.End()
	for i, locale := range t.Locales() {
		if err := turn.checkText(t.In(locale), msgType); err != nil {
			return below(fieldOf(t, locale), i > 0, err)
		}
	}
	return nil
}

// below places a refusal in one of the other texts of a template.
func below(text string, other bool, err error) error {
	var refused *refusal.Error
	if !other || !errors.As(err, &refused) {
		return err
	}
	moved := *refused
	moved.Field = text + "." + refused.Field
	return &moved
}

// checkText returns a *refusal.Error when the template's own text may not be stored.
func (t *Turn) checkText(template store.Template, msgType channels.MsgType) error {
	if t.renderer.types[template.Channel].TemplateCode && !template.HasCode() {
		return refusal.New(refusal.TemplateCodeIsRequired, "templateCode",
			"channel %s needs the code of the vendor's template", template.Channel)
	}
	if err := t.renderer.checkCodes(template); err != nil {
		return err
	}
	if err := t.heavy(); err != nil { // checking a body may take long, and cannot be known before
		return err
	}
	for _, p := range partsOf(template, msgType) {
		parsed, err := templates.Parse(p.format, p.text, nil)
		if err == nil && p.name == "body" && p.text != "" {
			err = checkBody(parsed, msgType)
		}
		if err != nil {
			return refusal.New(refusal.InvalidTemplate, p.name, "%s", err)
		}
	}
	return nil
}

// checkCodes returns a *refusal.Error for a code at something that is no provider of the template's
// channel. Of a channel that is not enabled no provider is known.
func (r *Renderer) checkCodes(t store.Template) error {
	registry := r.settings.Load().Registry
	known := registry.Providers(t.Channel)
	for _, name := range slices.Sorted(maps.Keys(t.TemplateCodes)) {
		switch _, on := registry.Provider(t.Channel); {
		case !r.types[t.Channel].TemplateCode:
			return refusal.New(refusal.InvalidTemplate, "templateCodes", "no vendor of channel %s has templates", t.Channel)
		case on && !slices.Contains(known, name):
			return refusal.New(refusal.UnknownProvider, "templateCodes."+name, "is none of channel %s, which has: %s", t.Channel, strings.Join(known, ", "))
		case t.TemplateCodes[name] == "":
			return refusal.New(refusal.InvalidTemplate, "templateCodes."+name, "is empty; leave it out")
		}
	}
	return nil
}

// checkBody returns what is wrong with whatever the template renders to: JSON that is none,
// and what the channel can check of it.
func checkBody(parsed *templates.Template, msgType channels.MsgType) error {
	check := msgType.Check
	if check == nil {
		check = func(string) error { return nil }
	}
	if msgType.Format != channels.FormatJSON {
		return nil
	}
	return parsed.CheckBody(channels.Placeholder, check)
}

// part is a text of a template.
type part struct {
	name string // "subject" or "body"
	source
}

func partsOf(t store.Template, msgType channels.MsgType) []part {
	return []part{
		{"subject", source{templates.Line, t.Subject}},
		{"body", source{templates.Format(msgType.Format), t.Body}},
	}
}

// Message renders a template for its channel's provider. The Field of a *refusal.Error
// starts at the channel (".params.name", ".template"). An error of package shares means that
// it could not be rendered now.
func (t *Turn) Message(template store.Template, provider channels.Provider, params map[string]any) (store.Message, error) {
	msgType, err := msgTypeOf(template, provider.Type, provider)
	if err != nil {
		return store.Message{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return store.Message{}, err
	}
	m := store.Message{
		ID: id, Channel: template.Channel, TemplateName: template.Name, TemplateVersion: template.Version,
		MsgType: msgType.Name, TemplateCode: template.TemplateCode, TemplateCodes: template.TemplateCodes,
	}
	text, err := t.text(template, msgType, params)
	if err != nil {
		return store.Message{}, err
	}
	m.Subject, m.Body = text.Subject, text.Body
	if combine := provider.Type.Combine; combine != nil && len(template.Texts) > 0 {
		if m.MsgType, m.Body, err = t.combined(template, msgType, text, params, combine); err != nil {
			return store.Message{}, err
		}
	}
	if err := checkVendor(template, msgType, m.Body); err != nil {
		return store.Message{}, err
	}
	if template.HasCode() {
		if m.Params, err = vendorParams(template, params); err != nil {
			return store.Message{}, err
		}
	}
	return m, nil
}

// text renders the template's own text.
func (t *Turn) text(template store.Template, msgType channels.MsgType, params map[string]any) (text channels.Text, err error) {
	parts := partsOf(template, msgType)
	if text.Subject, err = t.render(template.Name, parts[0], params); err == nil {
		text.Body, err = t.render(template.Name, parts[1], params)
	}
	return text, inText(template, err)
}

// combined returns the type and the body of a message that has all texts of a template. own is
// its own, rendered.
func (t *Turn) combined(
	template store.Template, msgType channels.MsgType, own channels.Text, params map[string]any, combine channels.Combine,
) (string, string, error) {
	texts := map[string]channels.Text{template.Locale: own}
	for _, locale := range template.Locales()[1:] {
		var err error
		if texts[locale], err = t.text(template.In(locale), msgType, params); err != nil {
			return "", "", err
		}
	}
	name, body, err := combine(msgType.Name, template.Locale, texts)
	if err != nil {
		return "", "", refusal.New(refusal.RenderFailed, ".params", "the texts of template %q: %v", template.Name, err)
	}
	if len(body) > templates.MaxOutput {
		return "", "", tooLong(template, "the message with all its texts is %d bytes long; at most %d", len(body), templates.MaxOutput)
	}
	return name, body, nil
}

// maxParams bounds the params that a vendor renders, in bytes of JSON: workers keep them in
// memory, and no vendor takes more than some dozen characters of each.
const maxParams = 64 << 10

// vendorParams returns the params for a vendor that renders the template itself.
func vendorParams(t store.Template, params map[string]any) ([]byte, error) {
	encoded, err := json.Marshal(params)
	if err == nil && len(encoded) > maxParams {
		err = tooLong(t, "the params are %d bytes long; at most %d", len(encoded), maxParams)
	}
	return encoded, err
}

// checkVendor returns a *refusal.Error for a rendered body that the vendor would refuse.
func checkVendor(t store.Template, msgType channels.MsgType, body string) error {
	if msgType.MaxBody > 0 {
		if size := bodySize(body, msgType); size > msgType.MaxBody {
			return tooLong(t, "the message is %d bytes long; %s takes %d", size, msgType.Name, msgType.MaxBody)
		}
	}
	if msgType.Check == nil {
		return nil
	}
	if err := msgType.Check(body); err != nil {
		return refusal.New(refusal.RenderFailed, ".params", "the body of template %q: %v", t.Name, err)
	}
	return nil
}

// bodySize returns how many bytes a body has in a request, as its vendor counts. A text is part of
// a JSON document.
func bodySize(body string, msgType channels.MsgType) int {
	if msgType.Format == channels.FormatText && !msgType.Unquoted {
		if quoted, err := jsontext.AppendQuote(nil, body); err == nil {
			return len(quoted)
		}
	}
	return len(body)
}

// tooLong returns the error of a message that less content would mend.
func tooLong(t store.Template, format string, args ...any) error {
	limit := &templates.LimitError{Message: fmt.Sprintf(format, args...)}
	refused := refusal.New(refusal.RenderFailed, ".params", "template %q: %s", t.Name, limit)
	refused.Cause = limit
	return refused
}

// msgTypeOf returns the message type of a template, of the provider when the template names
// none. A stored template can have one that its channel does not take any more.
func msgTypeOf(t store.Template, typ channels.Type, provider channels.Provider) (channels.MsgType, error) {
	msgType, ok := typ.MsgType(cmp.Or(t.MsgType, provider.MsgType))
	if !ok {
		return channels.MsgType{}, refusal.New(refusal.RenderFailed, ".template",
			"template %q has msgType %q, which this channel does not take", t.Name, t.MsgType)
	}
	return msgType, nil
}

func (t *Turn) render(template string, p part, params map[string]any) (string, error) {
	if p.text == "" {
		return "", nil
	}
	parsed, err := t.parse(template, p)
	if err != nil {
		return "", err
	}
	text, err := parsed.Render(params, t.work)
	return checked(template, p.name, text, err)
}

// parse returns a parsed text. A stored template was checked, but may fail all the same:
// the rules of this version may be others.
func (t *Turn) parse(template string, p part) (*templates.Template, error) {
	cache := t.renderer.parsed
	if parsed, ok := cache.GetIfPresent(p.source); ok {
		return parsed, nil
	}
	parsed, err := templates.Parse(p.format, p.text, t.heavy)
	switch {
	case isPutOff(err):
		return nil, err
	case err != nil:
		return nil, refusal.New(refusal.RenderFailed, ".template", "the %s of template %q: %v", p.name, template, err)
	}
	cache.Set(p.source, parsed)
	return parsed, nil
}

// checked returns a rendered text, or a *refusal.Error when it cannot be sent.
func checked(template, part, text string, err error) (string, error) {
	var missing *templates.MissingParamError
	switch {
	case errors.As(err, &missing):
		return "", refusal.New(refusal.MissingParam, ".params."+missing.Param, "template %q needs the param %q", template, missing.Param)
	case isPutOff(err):
		return "", err
	case err != nil:
		refused := refusal.New(refusal.RenderFailed, ".params", "the %s of template %q: %v", part, template, err)
		refused.Cause = err
		return "", refused
	case strings.ContainsRune(text, 0) || !utf8.ValidString(text):
		return "", refusal.New(refusal.RenderFailed, ".params", "the %s of template %q renders to NUL or invalid UTF-8", part, template)
	}
	return text, nil
}

// RecipientTypes describes which recipient types the channels take.
func (r *Renderer) RecipientTypes(channelNames []string) string {
	var parts []string
	for _, channel := range channelNames {
		parts = append(parts, fmt.Sprintf("%s takes %s", channel, strings.Join(channels.RecipientTypeNames(r.types[channel]), ", ")))
	}
	return strings.Join(parts, "; ")
}
