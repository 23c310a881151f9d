package templates

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Inside a template a value is nil, bool, int, decimal, string, rawJSON, []any or
// map[string]any. None of them has a method that a template could call. Inside lists and
// objects, numbers are as the params have them.

// decimal is a number that is not an int, as its digits without an exponent. It is not 0,
// so it is true in a condition, as a string that is not empty.
type decimal string

// rawJSON is a JSON document that the function json made. No other function may return
// one, because it goes into a JSON body unescaped.
type rawJSON string

// value returns a param as templates see it, or a part of one: a number of JSON as what number
// makes of it, everything else as it is. Params are not copied: each is converted where a
// template reads it.
func (b *budget) value(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, []any, map[string]any:
		return v, nil
	case json.Number:
		return b.number(string(v))
	case float64:
		return b.number(strconv.FormatFloat(v, 'g', -1, 64))
	}
	return nil, fmt.Errorf("params hold a %T, which is not a JSON value", v)
}

// number is the function number, within the budget.
func (b *budget) number(digits string) (any, error) {
	n := number(digits)
	made, _ := n.(decimal)
	return n, b.spend((min(len(digits), maxDigits) + len(made)) / digitsPerStep)
}

// Bounds of a number that is more than text: those of its exponent, either way, and of
// its digits. Exact arithmetic with more would take long.
const (
	maxExponent = 400
	maxDigits   = 1000
)

// number returns an int for a whole number (1, 1.0, 1e3), else a decimal. A number that is
// too large or too small for a float64, a whole number too large for an int, and a number
// of very many digits stay text, so that no digit is lost.
func number(digits string) any {
	if len(digits) > maxDigits {
		return digits
	}
	if n, err := strconv.Atoi(digits); err == nil {
		return n
	}
	if !strings.ContainsAny(digits, ".eE") {
		return digits
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return digits
	}
	m, exponent, _ := strings.Cut(strings.ToLower(digits), "e")
	shift := 0
	if exponent != "" {
		shift, err = strconv.Atoi(exponent)
	}
	switch {
	case f == 0 && !strings.ContainsAny(m, "123456789"):
		return 0
	case err != nil, shift < -maxExponent, shift > maxExponent:
		return digits
	}
	exact, _ := new(big.Rat).SetString(digits) // it parsed as a float64
	if n := exact.Num(); exact.IsInt() && n.IsInt64() {
		return int(n.Int64())
	}
	_, fraction, _ := strings.Cut(m, ".")
	return decimal(exact.FloatString(max(0, len(fraction)-shift)))
}

// text returns the value as text, lists and objects as JSON.
func text(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", valueError("the value is null or missing")
	case string:
		return v, nil
	case rawJSON:
		return string(v), nil
	}
	return string(appendJSON(nil, v)), nil
}

// appendJSON appends the value as JSON. It stops when the result is longer than MaxOutput,
// which the caller must refuse.
func appendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case decimal:
		return append(dst, v...)
	case json.Number:
		return appendDigits(dst, string(v))
	case float64:
		return appendDigits(dst, strconv.FormatFloat(v, 'g', -1, 64))
	case string:
		return append(appendEscaped(append(dst, '"'), v), '"')
	case rawJSON:
		return append(dst, v...)
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if len(dst) > MaxOutput {
				return dst
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, item)
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for i, key := range slices.Sorted(maps.Keys(v)) {
			if len(dst) > MaxOutput {
				return dst
			}
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, key)
			dst = appendJSON(append(dst, ':'), v[key])
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

// appendDigits appends a number of a list or an object as number has it.
func appendDigits(dst []byte, digits string) []byte { return appendJSON(dst, number(digits)) }

// appendEscaped appends s escaped for a JSON string, without quotes. It stops as
// appendJSON does.
func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	for _, r := range s {
		switch {
		case len(dst) > MaxOutput:
			return dst
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r < 0x20:
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[r>>4], hex[r&0xf])
		default:
			dst = utf8.AppendRune(dst, r) // U+FFFD for invalid UTF-8
		}
	}
	return dst
}

// typeName returns a value's type as errors name it.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int, decimal:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case rawJSON:
		return "a JSON document"
	}
	return "a string"
}
