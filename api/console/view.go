package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"path"
	"strings"
	"time"
	"unicode"

	"github.com/labring/sealos-notify/store"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed texts/*.json
var textFiles embed.FS

// views are the parsed templates of one language, by page.
type views map[string]*template.Template

// catalogue holds the texts of one language, by key. Keys begin with the name of their page.
type catalogue map[string]string

// readTexts returns the texts of a language. The files are part of the program, so it panics
// when one is wrong, as parseViews does.
func readTexts(l lang) catalogue {
	content, err := textFiles.ReadFile("texts/" + string(l) + ".json")
	if err != nil {
		panic(err)
	}
	var texts catalogue
	if err := json.Unmarshal(content, &texts); err != nil {
		panic(fmt.Errorf("texts/%s.json: %w", l, err))
	}
	return texts
}

// text returns the text of a key with the arguments in it, as fmt has them. When the first one
// is 1, the text of the key with ".one" is taken if there is one.
func (c catalogue) text(key string, args ...any) (string, error) {
	text, known := c[key]
	if !known {
		return "", fmt.Errorf("texts have no %q", key)
	}
	if one, has := c[key+".one"]; has && len(args) > 0 && args[0] == 1 {
		text = one
	}
	if len(args) > 0 && strings.Contains(text, "%") { // otherwise it would name what it has no place for
		return fmt.Sprintf(text, args...), nil
	}
	return text, nil
}

// known returns the text of the keys' first one that there is, or "".
func (c catalogue) known(keys ...string) string {
	for _, key := range keys {
		if text, known := c[key]; known {
			return text
		}
	}
	return ""
}

// parseViews parses layout.html with each of the other templates, in one language.
func parseViews(l lang) views {
	texts := readTexts(l)
	base := template.Must(template.New("").Funcs(template.FuncMap{
		"t": texts.text, "known": texts.known, "time": timeElement, "visible": visible, "asset": Asset, "indented": indented,
		"took": took, "rate": rate, "share": share, "seconds": seconds, "prefix": func() string { return Prefix },
		"held": func(d store.Delivery) *time.Time { return d.HeldUntil(time.Now()) }, "heldBy": heldBy, "live": func() string { return LivePath },
	}).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err)
	}
	all := views{}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		all[name] = template.Must(template.Must(base.Clone()).ParseFS(templateFiles, path.Join("templates", file.Name())))
	}
	return all
}

// timeElement returns a time in UTC that console.js shows in the viewer's zone.
func timeElement(t any) template.HTML {
	at, ok := t.(time.Time)
	if p, is := t.(*time.Time); is && p != nil {
		at, ok = *p, true
	}
	if !ok || at.IsZero() {
		return "–"
	}
	at = at.UTC()
	return template.HTML(`<time datetime="` + at.Format(time.RFC3339Nano) + `">` + at.Format("2006-01-02 15:04:05 UTC") + `</time>`) //nolint:gosec // digits only
}

// took returns a duration to three digits or so.
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return strings.TrimSuffix(d.Round(time.Second).String(), "0s")
	}
}

// visible returns one line of somebody else's text with its invisible characters shown: bidi
// ones make an address look like another.
func visible(s string) string {
	var out strings.Builder
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case unicode.IsSpace(r):
			out.WriteByte(' ')
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r) && r != '\u200d': // joins emoji
			fmt.Fprintf(&out, "⟨U+%04X⟩", r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// indented returns JSON as people read it, or the text itself when it is none, or is nested so
// deep that most of it would be spaces.
func indented(raw []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") != nil || out.Len() > 10*len(raw)+1000 {
		return string(raw)
	}
	return out.String()
}

// heldBy returns the text that says what holds a delivery.
func heldBy(d store.Delivery) string {
	if d.IsHeldByDigest(time.Now()) {
		return "delivery.gathers"
	}
	return "delivery.held"
}
