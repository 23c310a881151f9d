package templates

import (
	htmltemplate "html/template"
	"strings"
	"text/template"
)

// Names of the functions that only the rewritten tree calls.
const (
	fnTick       = "_tick"
	fnEnter      = "_enter"
	fnLeave      = "_leave"
	fnGet        = "_get"
	fnItems      = "_items"
	fnPrint      = "_print"
	fnPrintQuery = "_printQuery"
)

func (r *rendering) internals() template.FuncMap {
	return template.FuncMap{
		fnTick:       r.tick,
		fnEnter:      r.enter,
		fnLeave:      r.leave,
		fnGet:        r.get,
		fnItems:      r.items,
		fnPrint:      r.print,
		fnPrintQuery: r.printQuery,
	}
}

// get reads a field of a field of from. The prefix names from in errors.
func (r *rendering) get(from any, prefix string, fields ...string) (any, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	for i, field := range fields {
		object, ok := from.(map[string]any)
		if !ok && from != nil {
			return nil, valueErrorf("%s: a field of %s", prefix+strings.Join(fields[:i+1], "."), typeName(from))
		}
		if from, ok = object[field]; !ok {
			return nil, r.lack(prefix + strings.Join(fields[:i+1], "."))
		}
	}
	return from, nil
}

// items checks what a range goes over.
func (r *rendering) items(v any) (any, error) {
	switch v.(type) {
	case nil, int, []any, map[string]any:
		return v, nil
	}
	return nil, valueErrorf("range over %s", typeName(v))
}

// print is the end of every action that prints, but for printQuery's.
func (r *rendering) print(name string, v any) (string, error) {
	if v == nil {
		if !r.explained(name) {
			if err := r.lack(name); err != nil {
				return "", err
			}
		}
		v = "‹" + name + "›"
	}
	if err := r.step(); err != nil {
		return "", err
	}
	return r.output.value(v)
}

// printQuery prints what urlquery has just made. The type keeps html/template
// from escaping it for a URL a second time; it is plain letters, digits and
// signs that are safe anywhere.
func (r *rendering) printQuery(name string, v any) (htmltemplate.URL, error) {
	s, err := r.print(name, v)
	return htmltemplate.URL(s), err //nolint:gosec // G203: see above
}
