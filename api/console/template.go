package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/templates"
)

// templateData is the editor of a template. Version is the one that was changed, 0 for a new
// template.
type templateData struct {
	store.Template
	Form      rendering.Form
	Others    []string // providers that may have a code of their own
	Channels  []string // to choose from, before there is a form
	MayChange bool
	MaySend   bool
	Params    string
	Lately    *overview.ChannelFigures // what became of what was made from it; nil for a new one
	Problem   *fault
	Newer     *comparison // what somebody else has saved meanwhile, and how this text differs
	Changed   bool        // it is not saved, for another reason than a Problem
}

// textForm is the fields of one text.
type textForm struct {
	store.Text
	At     string // what their names begin with; empty for the template's own
	Locale string
	Editor templateData
}

// Own returns the fields of the template's own text.
func (d templateData) Own() textForm {
	return textForm{Text: store.Text{Subject: d.Subject, Body: d.Body, TemplateCode: d.TemplateCode, TemplateCodes: d.TemplateCodes}, Locale: d.Locale, Editor: d}
}

// Further returns the fields of the texts in further languages.
func (d templateData) Further() []textForm {
	var all []textForm
	for _, locale := range d.Locales()[1:] {
		all = append(all, textForm{d.Texts[locale], "texts." + locale + ".", locale, d})
	}
	return all
}

// editorOf returns the editor of a template.
func (v *visit) editorOf(t store.Template) templateData {
	d := templateData{
		Template: t, Form: v.console.api.TemplateForm(t.Channel), Params: sampleOf(t, ""),
		MayChange: t.Version == 0 || v.console.api.MayChange(v.ctx, t.Owner), MaySend: t.Version > 0 && v.User.May(roleSend),
	}
	if d.Form.TemplateCode {
		d.Others = v.console.api.Providers(t.Channel)
		for _, locale := range t.Locales() {
			for provider := range t.In(locale).TemplateCodes { // one may have left the configuration
				if !slices.Contains(d.Others, provider) {
					d.Others = append(d.Others, provider)
				}
			}
		}
		slices.Sort(d.Others)
	}
	if !slices.Contains(d.Form.MsgTypes, t.MsgType) && t.MsgType != "" { // this version of the service may not take it
		d.Form.MsgTypes = append(d.Form.MsgTypes, t.MsgType)
	}
	return d
}

// newTemplate shows the editor of a new template of a channel, or the channels.
func newTemplate(v *visit) error {
	channel := v.r.URL.Query().Get("channel")
	if channels := v.console.api.ChannelNames(); !slices.Contains(channels, channel) {
		return v.page(templateData{Channels: channels})
	}
	return v.page(v.editorOf(store.Template{Channel: channel}))
}

// lines returns what was typed into a field of several lines, with the line ends that templates
// have. Browsers send others.
func lines(typed string) string { return strings.ReplaceAll(typed, "\r\n", "\n") }

// templateOf returns the template that a form has.
func templateOf(form url.Values) store.Template {
	version, _ := strconv.ParseInt(form.Get("version"), 10, 32) // 0, a new one, when it is none
	return store.Template{
		Name: form.Get("name"), Channel: form.Get("channel"), Version: int(version), Owner: form.Get("owner"),
		Private: form.Get("private") != "", Description: form.Get("description"), MsgType: form.Get("msgType"),
		Subject: form.Get("subject"), Body: lines(form.Get("body")), TemplateCode: form.Get("templateCode"),
		TemplateCodes: codesOf(form, ""), Locale: form.Get("locale"), Texts: textsOf(form),
	}
}

// textsOf returns the texts in further languages that a form has. The fields of one begin with
// texts and its locale. One whose fields are all empty is left out.
func textsOf(form url.Values) store.Texts {
	var texts store.Texts
	for field := range form {
		parts := strings.SplitN(field, ".", 3) // no locale has a dot
		if len(parts) < 3 || parts[0] != "texts" || form.Get(field) == "" {
			continue
		}
		if texts == nil {
			texts = store.Texts{}
		}
		at := "texts." + parts[1] + "."
		texts[parts[1]] = store.Text{
			Subject: form.Get(at + "subject"), Body: lines(form.Get(at + "body")),
			TemplateCode: form.Get(at + "templateCode"), TemplateCodes: codesOf(form, at),
		}
	}
	return texts
}

// addText shows the editor with an empty text in one more language.
func addText(v *visit) error {
	t := templateOf(v.r.PostForm)
	locale := strings.TrimSpace(v.r.PostForm.Get("addLocale"))
	if _, has := t.Texts[locale]; locale != "" && !has && !strings.Contains(locale, ".") {
		if t.Texts == nil {
			t.Texts = store.Texts{}
		}
		t.Texts[locale] = store.Text{}
	}
	d := v.editorOf(t)
	d.MayChange, d.Changed = true, true
	v.Title = t.Name
	return v.show("template", http.StatusOK, d)
}

// codesOf returns the codes of a form, one field for each provider. Their names begin with at.
func codesOf(form url.Values, at string) store.Codes {
	var codes store.Codes
	for field := range form {
		if provider, is := strings.CutPrefix(field, at+"templateCodes."); is && form.Get(field) != "" {
			if codes == nil {
				codes = store.Codes{}
			}
			codes[provider] = form.Get(field)
		}
	}
	return codes
}

func saveTemplate(v *visit) error {
	t := templateOf(v.r.PostForm)
	version, err := v.console.api.SaveTemplate(v.ctx, t)
	if err == nil {
		return v.redirect(templatePath(t.Name, ""), url.Values{"done": {"templateSaved." + strconv.Itoa(version)}})
	}
	p := v.console.api.Problem(err)
	d := v.editorOf(t)
	d.MayChange, d.Problem = true, faultOf(p)
	if p.Code == "template_changed" {
		newest, err := v.console.api.TemplateVersions(v.ctx, t.Name, 0, 1)
		if err != nil {
			return err
		}
		if len(newest) > 0 && !newest[0].Deleted {
			d.Version, d.Owner = newest[0].Version, cmp.Or(t.Owner, newest[0].Owner) // the next try is for this one
			d.Newer = compared(newest[0], d.AsVersion(v.User.ID(), false))
		}
	}
	v.Title = t.Name
	return v.show("template", p.Status, d)
}

// triedData is a template as it renders.
type triedData struct {
	Problem *fault
	Texts   []triedText // the template's own first
}

// triedText is one of its texts.
type triedText struct {
	Message drawing
	Preview rendering.Preview
}

// Empty reports whether nothing can be rendered without the params that are missing.
func (d triedText) Empty() bool {
	return len(d.Preview.Missing) > 0 && !d.Message.HasCode() && d.Message.Body == "" && d.Message.Subject == ""
}

// tryTemplate answers with a template as it renders, or with what is wrong with it.
func tryTemplate(v *visit) error {
	t := templateOf(v.r.PostForm)
	p, err := v.console.api.TryTemplate(v.ctx, t, lines(v.r.PostForm.Get("params")))
	if err != nil {
		problem := faultOf(v.console.api.Problem(err))
		problem.At = strings.TrimPrefix(problem.At, "texts."+t.Locale+".") // its own text has the plain fields
		return v.fragment("verdict", triedData{Problem: problem})
	}
	tried := triedData{Texts: []triedText{triedAs(t.Channel, p)}}
	for _, locale := range slices.Sorted(maps.Keys(p.Texts)) {
		tried.Texts = append(tried.Texts, triedAs(t.Channel, p.Texts[locale]))
	}
	return v.fragment("verdict", tried)
}

func triedAs(channel string, p rendering.Preview) triedText {
	return triedText{Preview: p, Message: draw(store.Message{
		Channel: channel, MsgType: p.MsgType, Subject: p.Subject, Body: p.Body, TemplateCode: p.TemplateCode, TemplateCodes: p.TemplateCodes, Params: p.Params,
	})}
}

// showTriedMail answers with a mail that tryTemplate has rendered, for the frame beside it.
func showTriedMail(v *visit) error {
	writeMail(v.w, v.r.PostForm.Get("body"))
	return nil
}

// fillSample answers with the params that were typed, completed by those that the template has
// besides.
func fillSample(v *visit) error {
	form := v.r.PostForm
	return v.fragment("sample", sampleOf(templateOf(form), lines(form.Get("params"))))
}

// sampleOf returns params for a template, as people read them: those that were typed, and a
// sample of the others. What was typed and is no object is returned as it is.
func sampleOf(t store.Template, typed string) string {
	params := map[string]any{}
	if strings.TrimSpace(typed) != "" {
		decoder := json.NewDecoder(strings.NewReader(typed))
		decoder.UseNumber()
		if decoder.Decode(&params) != nil || params == nil || decoder.More() {
			return typed
		}
	}
	sources := []string{t.Subject, t.Body}
	for _, locale := range t.Locales()[1:] {
		sources = append(sources, t.Texts[locale].Subject, t.Texts[locale].Body)
	}
	complete(params, templates.Sample(sources...))
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(params) // it was decoded
	return strings.TrimSuffix(out.String(), "\n")
}

// complete adds what params lack of a sample.
func complete(params, sample map[string]any) {
	for name, value := range sample {
		given, has := params[name]
		inside, isObject := given.(map[string]any)
		more, both := value.(map[string]any)
		switch {
		case !has:
			params[name] = value
		case isObject && both:
			complete(inside, more)
		}
	}
}

// fault is a problem with its place in a field.
type fault struct {
	Problem
	At           string // the field with the place, when there is one
	Line, Column int
}

// place finds the place that a message of packages templates and rendering begins with.
var place = regexp.MustCompile(`^(?:the text in ([^:]*): )?(?:the (subject|body) of template [^:]*: )?(?:line (\d+)(?:, column (\d+))?: )?`)

func faultOf(p Problem) *fault {
	m := place.FindStringSubmatch(p.Message)
	f := &fault{Problem: p, At: cmp.Or(m[2], p.Field)}
	if m[1] != "" && m[2] != "" {
		f.At = "texts." + m[1] + "." + m[2]
	}
	f.Line, _ = strconv.Atoi(m[3]) // digits or nothing, by the expression
	f.Column, _ = strconv.Atoi(m[4])
	return f
}

// Wrong reports whether the fault is that of a field.
func (f *fault) Wrong(field string) bool { return f != nil && f.At == field }

// writeMail answers with the body of a mail, as a document that can do nothing.
func writeMail(w http.ResponseWriter, body string) {
	h := w.Header()
	h.Set("Content-Security-Policy", MailPolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(body)) // the browser may have gone
}
