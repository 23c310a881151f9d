package console

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/labring/sealos-notify/store"
)

type versionsData struct {
	Name      string
	Versions  []store.TemplateVersion // newest first
	Newest    store.TemplateVersion
	MayChange bool
	Compared  *comparison
	Next      string
}

// Before returns the version that the i-th of the list replaced, 0 when it is not in the list.
func (d versionsData) Before(i int) int {
	if i+1 < len(d.Versions) {
		return d.Versions[i+1].Version
	}
	return 0
}

func listVersions(v *visit) error {
	query := v.r.URL.Query()
	d := versionsData{Name: v.r.PathValue("name")}
	newest, err := v.console.api.TemplateVersions(v.ctx, d.Name, 0, 1)
	if err != nil {
		return err
	}
	d.Newest = newest[0]
	d.MayChange = v.console.api.MayChange(v.ctx, d.Newest.Owner)
	after, _ := strconv.ParseInt(query.Get("after"), 10, 32) // 0, the start, when it is none
	if d.Versions, err = v.console.api.TemplateVersions(v.ctx, d.Name, int(after), listPage+1); err != nil {
		return err
	}
	if len(d.Versions) > listPage {
		d.Versions = d.Versions[:listPage]
		d.Next = templatePath(d.Name, "/versions?"+url.Values{"after": {strconv.Itoa(d.Versions[listPage-1].Version)}}.Encode())
	}
	if query.Get("to") != "" {
		if d.Compared, err = compareVersions(v, d.Name, query.Get("from"), query.Get("to")); err != nil {
			return err
		}
	}
	v.Title = d.Name
	return v.page(d)
}

func compareVersions(v *visit, name, from, to string) (*comparison, error) {
	var versions [2]store.TemplateVersion
	for i, number := range []string{from, to} {
		n, err := strconv.ParseInt(number, 10, 32)
		if err != nil {
			n = 0 // is not found
		}
		if versions[i], err = v.console.api.TemplateVersion(v.ctx, name, int(n)); err != nil {
			return nil, err
		}
	}
	return compared(versions[0], versions[1]), nil
}

// comparison is how a version differs from another.
type comparison struct {
	From, To store.TemplateVersion
	Fields   []changedField
	Lines    []diffLine    // of the body; none when that is the same
	Texts    []changedText // of the bodies in further languages that differ
}

// changedText is a body in a further language that differs.
type changedText struct {
	Locale string
	Lines  []diffLine
}

// changedField is a field besides the body that differs.
type changedField struct{ Name, Before, After string }

// diffLine is a line of a difference.
type diffLine struct {
	Kind string // same, gone, new, or gap: lines are left out
	Text string
}

// codesText returns codes as one line.
func codesText(codes store.Codes) string {
	var texts []string
	for _, provider := range slices.Sorted(maps.Keys(codes)) {
		texts = append(texts, provider+": "+codes[provider])
	}
	return strings.Join(texts, ", ")
}

func compared(from, to store.TemplateVersion) *comparison {
	c := &comparison{From: from, To: to}
	yes := map[bool]string{true: "✓"}
	for _, f := range []changedField{
		{"channel", from.Channel, to.Channel}, {"msgType", from.MsgType, to.MsgType}, {"subject", from.Subject, to.Subject},
		{"templateCode", from.TemplateCode, to.TemplateCode},
		{"templateCodes", codesText(from.TemplateCodes), codesText(to.TemplateCodes)}, {"description", from.Description, to.Description},
		{"locale", from.Locale, to.Locale}, {"owner", from.Owner, to.Owner}, {"private", yes[from.Private], yes[to.Private]},
	} {
		if f.Before != f.After {
			c.Fields = append(c.Fields, f)
		}
	}
	c.Lines = linesOf(from.Body, to.Body)
	locales := maps.Clone(from.Texts)
	if locales == nil {
		locales = store.Texts{}
	}
	maps.Copy(locales, to.Texts)
	for _, locale := range slices.Sorted(maps.Keys(locales)) {
		before, after := from.Texts[locale], to.Texts[locale]
		for _, f := range []changedField{
			{"subject", before.Subject, after.Subject}, {"templateCode", before.TemplateCode, after.TemplateCode},
			{"templateCodes", codesText(before.TemplateCodes), codesText(after.TemplateCodes)},
		} {
			if f.Before != f.After {
				f.Name = "texts." + locale + "." + f.Name
				c.Fields = append(c.Fields, f)
			}
		}
		if changed := linesOf(before.Body, after.Body); changed != nil {
			c.Texts = append(c.Texts, changedText{locale, changed})
		}
	}
	return c
}

// linesOf returns how a text differs from another.
func linesOf(from, to string) (different []diffLine) {
	// The names are the first two lines. They are not shown.
	text := udiff.Unified("from", "to", from, to)
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if i < 2 || line == "" {
			continue
		}
		kind := map[byte]string{' ': "same", '-': "gone", '+': "new", '@': "gap"}[line[0]]
		switch kind {
		case "": // there is no line break at the end
		case "gap":
			different = append(different, diffLine{Kind: kind, Text: line})
		default:
			different = append(different, diffLine{Kind: kind, Text: line[1:]})
		}
	}
	return different
}
