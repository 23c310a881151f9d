package templates

import (
	htmltemplate "html/template"
	"strings"
	"text/template"
)

// Names of the functions that rewrite puts into the trees.
const (
	fnTick       = "_tick"
	fnEnter      = "_enter"
	fnLeave      = "_leave"
	fnGet        = "_get"
	fnItems      = "_items"
	fnNumber     = "_number"
	fnPrint      = "_print"
	fnPrintQuery = "_printQuery"
)

// internals are the functions that authors cannot call.
func (r *rendering) internals() template.FuncMap {
	return template.FuncMap{
		fnTick:       r.tick,
		fnEnter:      r.enter,
		fnLeave:      r.leave,
		fnGet:        r.get,
		fnItems:      r.items,
		fnNumber:     number,
		fnPrint:      r.print,
		fnPrintQuery: r.printQuery,
	}
}

// get returns a field of from, or a field of that field, and so on. The prefix is how
// errors name from.
func (r *rendering) get(from any, prefix string, fields ...string) (any, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	for i, field := range fields {
		object, ok := from.(map[string]any)
		if !ok && from != nil {
			return nil, valueErrorf("%s: %s has no fields", prefix+strings.Join(fields[:i+1], "."), typeName(from))
		}
		if from, ok = object[field]; !ok {
			return nil, r.paramMissing(prefix + strings.Join(fields[:i+1], "."))
		}
	}
	return from, nil
}

// items returns the operand of a range, or an error when it cannot be looped over.
func (r *rendering) items(v any) (any, error) {
	switch v.(type) {
	case nil, int, []any, map[string]any:
		return v, nil
	}
	return nil, valueErrorf("range: cannot loop over %s", typeName(v))
}

// print returns the text that an action prints. Every action that prints ends in print
// or printQuery. The name is how errors and a Preview name the value.
func (r *rendering) print(name string, v any) (string, error) {
	if v == nil {
		if !r.dependsOnMissing(name) {
			if err := r.paramMissing(name); err != nil {
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

// printQuery prints a result of urlquery. The type URL keeps html/template from escaping
// it a second time. The text is letters, digits and signs that are safe anywhere.
func (r *rendering) printQuery(name string, v any) (htmltemplate.URL, error) {
	s, err := r.print(name, v)
	return htmltemplate.URL(s), err //nolint:gosec // G203: see above
}
