package templates

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
)

// formatVerb matches one verb of printf at the start of a text. Two digits bound the
// output of a width.
var formatVerb = regexp.MustCompile(`^%[-+ 0]*\d{0,2}(?:\.\d{1,2})?([dxfgsvq])`)

// printf formats values as Go does, one verb at a time so that the result stays bounded.
// Unlike Go it accepts any number for %f and %g, and fails where Go would print
// %!d(string=…).
func (r *rendering) printf(format any, args ...any) (string, error) {
	if err := r.step(); err != nil {
		return "", err
	}
	rest, ok := format.(string)
	if !ok {
		return "", valueErrorf("printf: the format is %s", typeName(format))
	}
	if len(rest) > maxFormat {
		return "", &LimitError{fmt.Sprintf("the format of a printf is larger than %d bytes", maxFormat)}
	}
	if err := r.spend(len(rest) / sourcePerStep); err != nil {
		return "", err
	}
	var out strings.Builder
	for {
		before, _, found := strings.Cut(rest, "%")
		out.WriteString(before)
		if out.Len() > MaxOutput {
			return "", errOutput
		}
		if !found {
			break
		}
		rest = rest[len(before):]
		if strings.HasPrefix(rest, "%%") {
			out.WriteByte('%')
			rest = rest[2:]
			continue
		}
		verb := formatVerb.FindStringSubmatch(rest)
		if verb == nil {
			return "", valueError("printf: a % must begin %%, %d, %x, %f, %g, %s, %v or %q, " +
				"with at most two digits of width and precision")
		}
		if len(args) == 0 {
			return "", valueError("printf: more verbs than arguments")
		}
		s, err := r.formatted(verb[0], verb[1], args[0])
		if err != nil {
			return "", err
		}
		out.WriteString(s)
		rest, args = rest[len(verb[0]):], args[1:]
	}
	if len(args) > 0 {
		return "", valueError("printf: more arguments than verbs")
	}
	return r.produce(out.String())
}

// formatted returns one value formatted by one verb, for example "%-5.2f" and "f".
func (r *rendering) formatted(format, verb string, v any) (string, error) {
	switch verb {
	case "d", "x":
		n, ok := v.(int)
		if !ok {
			return "", valueErrorf("printf: %s takes a whole number, not %s", format, typeName(v))
		}
		return fmt.Sprintf(format, n), nil
	case "f", "g":
		n := exact(v)
		if n == nil {
			return "", valueErrorf("printf: %s takes a number, not %s", format, typeName(v))
		}
		// A float64 has 53 bits. The others are for numbers of more digits.
		const perDigit = 4
		f := new(big.Float).SetPrec(uint(53 + perDigit*len(appendJSON(nil, v)))).SetRat(n)
		return fmt.Sprintf(format, f), r.spend(1 + digitsOf(v)/digitsPerStep)
	}
	s, err := r.text(v)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(format, s), nil
}
