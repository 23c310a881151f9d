package templates

import (
	htmltemplate "html/template"
	"iter"
	"maps"
	"slices"
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
	fnPairs      = "_pairs"
	fnNumber     = "_number"
	fnPrint      = "_print"
	fnPrintParam = "_printParam"
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
		fnPairs:      r.pairs,
		fnNumber:     r.number,
		fnPrint:      r.print,
		fnPrintParam: r.printParam,
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
	return r.value(from)
}

// items returns the operand of a range with at most one variable, or an error when it cannot
// be looped over.
func (r *rendering) items(v any) (any, error) {
	pairs, err := r.pairs(v)
	if err != nil {
		return nil, err
	}
	var elements iter.Seq[any]
	switch pairs := pairs.(type) {
	case iter.Seq2[int, any]:
		elements = values(pairs)
	case iter.Seq2[string, any]:
		elements = values(pairs)
	default:
		return pairs, nil
	}
	return elements, nil
}

func values[K any](pairs iter.Seq2[K, any]) iter.Seq[any] {
	return func(yield func(any) bool) {
		pairs(func(_ K, v any) bool { return yield(v) })
	}
}

// pairs returns the operand of a range with two variables, or an error when it cannot be
// looped over. text/template would sort an object's keys by reflection, which takes seconds
// for many.
func (r *rendering) pairs(v any) (any, error) {
	switch v := v.(type) {
	case nil, int:
		return v, nil
	case []any:
		return iter.Seq2[int, any](func(yield func(int, any) bool) {
			for i, element := range v {
				element, _ = r.value(element) // spent steps end the loop at its next round
				if !yield(i, element) {
					return
				}
			}
		}), nil
	case map[string]any:
		if err := r.spend(len(v) / sortedPerStep); err != nil {
			return nil, err
		}
		keys := slices.Sorted(maps.Keys(v))
		return iter.Seq2[string, any](func(yield func(string, any) bool) {
			for _, key := range keys {
				element, _ := r.value(v[key]) // as above
				if !yield(key, element) {
					return
				}
			}
		}), nil
	}
	return nil, valueErrorf("range: cannot loop over %s", typeName(v))
}

// print returns the text that an action prints. Every action that prints ends in print,
// printParam or printQuery. The name is how errors and a Preview name the value.
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
	if s, is := v.(string); is && len(s) > MaxOutput {
		return "", errOutput
	}
	s, err := r.output.value(v)
	if err != nil {
		return "", err
	}
	return s, r.spend(len(s) / printedPerStep)
}

// printParam prints what get returns.
func (r *rendering) printParam(name string, from any, prefix string, fields ...string) (string, error) {
	v, err := r.get(from, prefix, fields...)
	if err != nil {
		return "", err
	}
	return r.print(name, v)
}

// printQuery prints a result of urlquery. The type URL keeps html/template from escaping
// it a second time. The text is letters, digits and signs that are safe anywhere.
func (r *rendering) printQuery(name string, v any) (htmltemplate.URL, error) {
	s, err := r.print(name, v)
	return htmltemplate.URL(s), err //nolint:gosec // G203: see above
}
