package templates

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// jsonOutput escapes values for the place they stand in: inside a string, or where JSON
// expects a value.
//
// It tracks strings only, not the rest of JSON's grammar. That is enough: a result that
// is not valid JSON is refused, and in valid JSON strings begin and end where it finds
// them.
type jsonOutput struct {
	buffer
	place     jsonPlace
	hexDigits int // left of an escape such as \u00e4
}

type jsonPlace int

const (
	outsideString jsonPlace = iota
	insideString
	afterBackslash // inside a string
)

func (o *jsonOutput) Write(p []byte) (int, error) {
	for _, c := range p {
		switch {
		case o.hexDigits > 0:
			o.hexDigits--
		case o.place == afterBackslash:
			o.place = insideString
			if c == 'u' {
				o.hexDigits = 4
			}
		case c == '"' && o.place == insideString:
			o.place = outsideString
		case c == '"':
			o.place = insideString
		case c == '\\' && o.place == insideString:
			o.place = afterBackslash
		}
	}
	return o.buffer.Write(p)
}

func (o *jsonOutput) value(v any) (string, error) {
	switch {
	case o.place == afterBackslash || o.hexDigits > 0:
		return "", valueError("a value cannot stand inside an escape sequence")
	case o.place == insideString:
		s, err := text(v)
		if err != nil {
			return "", err
		}
		return string(appendEscaped(nil, s)), nil
	}
	switch v.(type) {
	case []any, map[string]any:
		// Its content would change the shape of the document. The author must ask
		// for that.
		return "", valueErrorf("the value is %s: use json to insert it whole", typeName(v))
	}
	return string(appendJSON(nil, v)), nil
}

func (o *jsonOutput) result() (string, error) {
	var syntax *json.SyntaxError
	err := json.Unmarshal(o.bytes, new(json.RawMessage))
	if errors.As(err, &syntax) {
		before := o.bytes[:syntax.Offset]
		line := before[bytes.LastIndexByte(before, '\n')+1:]
		return "", fmt.Errorf("%w: line %d, column %d of it: %w",
			ErrInvalidJSON, 1+bytes.Count(before, []byte("\n")), utf8.RuneCount(line), syntax)
	}
	return string(o.bytes), err
}
