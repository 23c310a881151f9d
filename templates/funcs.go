package templates

import (
	"net/url"
	"strings"
	"text/template"
	"unicode/utf8"
)

// builtins are the functions of text/template that stay. They are harmless, and `and` and
// `or` cannot be replaced: only the originals stop at the first argument that decides.
var builtins = map[string]any{"and": true, "or": true, "not": true}

// functions are the functions that authors can call, besides the builtins. Some replace a
// function of text/template that is unbounded, or that treats 1 and 1.0 differently.
func (r *rendering) functions() template.FuncMap {
	return template.FuncMap{
		"default":  r.orDefault,
		"eq":       r.eq,
		"ge":       r.ge,
		"gt":       r.gt,
		"index":    r.index,
		"json":     r.json,
		"le":       r.le,
		"len":      r.len,
		"lt":       r.lt,
		"ne":       r.ne,
		"plain":    r.plain,
		"print":    r.concat,
		"printf":   r.printf,
		"slice":    r.slice,
		"urlquery": r.urlquery,
	}
}

// orDefault returns v, or the fallback when v is null or an empty string.
func (r *rendering) orDefault(fallback, v any) (any, error) {
	if v == nil || v == "" {
		v = fallback
	}
	return v, r.step()
}

// index returns an element of a list or an object, or an element of that element, and so
// on. An object's element that does not exist is null, so that a param can be optional.
func (r *rendering) index(v any, keys ...any) (any, error) {
	if err := r.step(); err != nil {
		return nil, err
	}
	for _, key := range keys {
		switch from := v.(type) {
		case nil:
			return nil, nil
		case map[string]any:
			name, ok := key.(string)
			if !ok {
				return nil, valueErrorf("index: an object has no element at %s", typeName(key))
			}
			if err := r.spend(len(name) / scannedPerStep); err != nil {
				return nil, err
			}
			v = from[name]
		case []any:
			i, ok := key.(int)
			if !ok {
				return nil, valueErrorf("index: a position in a list is a whole number")
			}
			if i < 0 || i >= len(from) {
				return nil, valueErrorf("index: %d is out of range for a list of %d", i, len(from))
			}
			v = from[i]
		default:
			return nil, valueErrorf("index: %s has no elements", typeName(v))
		}
	}
	return r.value(v)
}

// len returns the number of characters of a string, or of elements of a list or an object.
func (r *rendering) len(v any) (int, error) {
	if err := r.step(); err != nil {
		return 0, err
	}
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v), r.spend(len(v) / scannedPerStep)
	case rawJSON:
		return utf8.RuneCountInString(string(v)), nil
	case []any:
		return len(v), nil
	case map[string]any:
		return len(v), nil
	}
	return 0, valueErrorf("len: %s has no length", typeName(v))
}

// slice returns the characters of a string, or the elements of a list, from the first
// bound to the second, which is excluded. Bounds beyond the end mean the end, so that
// slice can shorten a text of any length.
func (r *rendering) slice(v any, bounds ...any) (any, error) {
	length, err := r.len(v) // counts the step
	if err != nil {
		return nil, err
	}
	from, to := 0, length
	for i, bound := range bounds {
		n, ok := bound.(int)
		if !ok || n < 0 || i > 1 {
			return nil, valueError("slice: at most two bounds, which are whole numbers from 0")
		}
		if i == 0 {
			from = min(n, length)
		} else {
			to = min(n, length)
		}
	}
	if from > to {
		return nil, valueErrorf("slice: %d is after %d", from, to)
	}
	switch v := v.(type) {
	case string:
		return characters(v, from, to), r.spend(len(v) / scannedPerStep)
	case rawJSON: // a part of a document is not a document
		return characters(string(v), from, to), nil
	case []any:
		return v[from:to], nil
	}
	return nil, valueErrorf("slice: cannot take a part of %s", typeName(v))
}

// characters returns the characters of s from position `from` to position `to`, which is
// excluded.
func characters(s string, from, to int) string {
	start, end, n := len(s), len(s), 0
	for i := range s {
		if n == from {
			start = i
		}
		if n == to {
			end = i
			break
		}
		n++
	}
	return s[start:end]
}

// json returns the value as a JSON document; it may be null.
func (r *rendering) json(v any) (rawJSON, error) {
	if err := r.step(); err != nil {
		return "", err
	}
	s, err := r.produce(string(appendJSON(nil, v)))
	if err != nil {
		return "", err
	}
	return rawJSON(s), r.spend(len(s) / writtenPerStep)
}

// concat joins values as Go's print does: with a space between two that are not strings.
func (r *rendering) concat(values ...any) (string, error) {
	if err := r.step(); err != nil {
		return "", err
	}
	var joined strings.Builder
	afterString := true
	for _, v := range values {
		s, err := r.text(v)
		if err != nil {
			return "", err
		}
		_, isString := v.(string)
		if !isString && !afterString {
			joined.WriteByte(' ')
		}
		afterString = isString
		if joined.WriteString(s); joined.Len() > MaxOutput {
			return "", errOutput
		}
	}
	return r.produce(joined.String())
}

// urlquery returns the value escaped for the query of a URL.
func (r *rendering) urlquery(v any) (string, error) {
	s, err := r.argument(v)
	if err != nil {
		return "", err
	}
	return r.produce(url.QueryEscape(s))
}

// argument returns the text of a function's value. It counts the call as a step.
func (r *rendering) argument(v any) (string, error) {
	if err := r.step(); err != nil {
		return "", err
	}
	return r.text(v)
}

// text is the function text, within the budget.
func (r *rendering) text(v any) (string, error) {
	s, err := text(v)
	switch {
	case err != nil:
		return "", err
	case len(s) > MaxOutput:
		return "", errOutput
	}
	return s, r.spend(len(s) / writtenPerStep)
}
