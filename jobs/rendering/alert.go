package rendering

import (
	"context"
	"errors"
	"maps"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/templates"
)

const (
	// maxSubject bounds the subject of an alert, in characters.
	maxSubject = 250
	// maxVendorParams bounds the params of an alert that the vendor renders, in bytes. They
	// are part of the request's query, and no vendor takes texts of more than some dozen
	// characters.
	maxVendorParams = 8 << 10
	// maxWhy bounds the reason in a plain message, in characters.
	maxWhy = 500
)

// Content holds the params of a message that may be shortened.
type Content struct {
	// Items is the length of the list that can be cut.
	Items int
	// Params returns the params with the first n items. clipped also shortens long texts.
	Params func(n int, clipped bool) map[string]any
}

// Alert renders a template like Message, and shortens the content until the channel takes it:
// first the list, to one item at least, then the texts. White space in the subject is folded. Only
// the template's own text is sent.
func (r *Renderer) Alert(ctx context.Context, app string, t store.Template, provider channels.Provider, c Content) (store.Message, error) {
	t.Texts = nil
	return fitting(c, 1, r.alert(ctx, app, t, provider))
}

// plainSubject and plainBody are the template of a plain message.
const (
	plainSubject = `{{ .title }}`
	plainBody    = `{{ plain .title }}
{{ .firing }} firing, {{ .resolved }} resolved
{{ range .alerts }}
{{ if eq .status "firing" }}🔥{{ else }}✅{{ end }} {{ index .labels "alertname" | default "alert" | plain }}
{{ with index .annotations "summary" }}{{ plain . }}
{{ end }}{{ with index .annotations "description" }}{{ plain . }}
{{ end }}{{ range $name, $value := .labels }}{{ plain $name }}={{ plain $value }} {{ end }}
since {{ .startsAt }}{{ with .endsAt }} until {{ . }}{{ end }}
{{ end }}{{ if .truncatedAlerts }}
… and {{ .truncatedAlerts }} more
{{ end }}{{ with .message }}
{{ plain . }}
{{ end }}{{ with .externalURL }}
{{ plain . }}
{{ end }}
This is plain text, because {{ plain .why }}.
`
)

// Plain renders an alert as plain text instead of with its template, which may be missing, and
// says why. A vendor that renders itself sends nothing without the code of its template, so
// without one the error is a *refusal.Error.
func (r *Renderer) Plain(
	ctx context.Context, app string, t store.Template, provider channels.Provider, c Content, why string,
) (store.Message, error) {
	for _, msgType := range provider.Type.MsgTypes {
		if msgType.Format == channels.FormatText {
			t.MsgType = msgType.Name
			break
		}
	}
	if provider.Type.TemplateCode && !t.HasCode() {
		return store.Message{}, refusal.New(refusal.RenderFailed, ".template", "%s", why)
	}
	t.Subject, t.Body, t.Texts = plainSubject, plainBody, nil
	params := c.Params
	c.Params = func(n int, clipped bool) map[string]any {
		p := maps.Clone(params(n, clipped))
		p["why"] = Shorten(why, maxWhy)
		return p
	}
	return fitting(c, 0, r.alert(ctx, app, t, provider))
}

// render renders some params. Its error may be too long for the channel.
type render func(params map[string]any) (store.Message, error)

// fitting renders as many items as the channel takes, at least the given number.
func fitting(c Content, least int, render render) (m store.Message, err error) {
	for _, clipped := range []bool{false, true} {
		if m, err = render(c.Params(c.Items, clipped)); !isTooLong(err) {
			return m, err
		}
		m, err = render(c.Params(min(least, c.Items), clipped))
		if isTooLong(err) {
			continue
		}
		if err != nil {
			return m, err
		}
		var putOff error
		sort.Search(c.Items-least, func(more int) bool {
			longer, err := render(c.Params(least+more, clipped))
			if err == nil {
				m = longer // longer than the one before, as the search goes
			} else if isPutOff(err) {
				putOff = err
			}
			return err != nil
		})
		return m, putOff
	}
	return m, err
}

// alert returns the render of an alert.
func (r *Renderer) alert(ctx context.Context, app string, t store.Template, provider channels.Provider) render {
	subject := part{"subject", source{templates.Text, t.Subject}}
	t.Subject = ""
	return func(params map[string]any) (store.Message, error) {
		turn := r.Begin(ctx, app)
		defer turn.End()
		m, err := turn.Message(t, provider, params)
		if err != nil {
			return m, err
		}
		if m.Subject, err = turn.render(t.Name, subject, params); err != nil {
			return m, err
		}
		m.Subject = Shorten(OneLine(m.Subject), maxSubject)
		if len(m.Params) > maxVendorParams {
			return m, tooLong(t, "the params are %d bytes long; at most %d", len(m.Params), maxVendorParams)
		}
		return m, nil
	}
}

// isTooLong reports whether a rendering failed for a reason that less content may mend.
func isTooLong(err error) bool {
	var limit *templates.LimitError
	return errors.As(err, &limit)
}

// OneLine folds white space and control characters into single spaces.
func OneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }), " ")
}

// Shorten cuts a text to at most n characters, the last of which is an ellipsis then.
func Shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
