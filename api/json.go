package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep arrays and objects may be nested.
const maxDepth = 32

// maxField bounds the path of a field in an answer, in bytes.
const maxField = 256

// parseJSON reads one JSON document into nil, bool, json.Number, string, []any
// and map[string]any. It refuses what other readers would take in different
// ways: repeated keys, data after the document, invalid UTF-8, half surrogate
// pairs; and NUL, which PostgreSQL cannot store. The error is a *Problem that
// names the field.
func parseJSON(body []byte) (any, error) {
	p := parser{body: body, dec: json.NewDecoder(bytes.NewReader(body))}
	p.dec.UseNumber()
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, p.fault("there is more after the document")
	}
	return v, nil
}

type parser struct {
	body []byte
	dec  *json.Decoder
	path []step
}

// step is a member of an object, or the index of an array when name is nil.
type step struct {
	name  *string
	index int
}

func (p *parser) value() (any, error) {
	token, raw, err := p.token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		if len(p.path) >= maxDepth {
			return nil, p.fault(fmt.Sprintf("is nested deeper than %d levels", maxDepth))
		}
		if t == '{' {
			return p.object()
		}
		return p.array()
	case string:
		return t, p.checkText(t, raw)
	default:
		return t, nil
	}
}

func (p *parser) object() (any, error) {
	members := map[string]any{}
	for p.dec.More() {
		token, raw, err := p.token()
		if err != nil {
			return nil, err
		}
		name := token.(string) // the decoder lets no other key through
		p.path = append(p.path, step{name: &name})
		if err := p.checkText(name, raw); err != nil {
			return nil, err
		}
		if _, twice := members[name]; twice {
			return nil, p.fault("is there twice")
		}
		if members[name], err = p.value(); err != nil {
			return nil, err
		}
		p.path = p.path[:len(p.path)-1]
	}
	_, _, err := p.token() // the closing brace
	return members, err
}

func (p *parser) array() (any, error) {
	items := []any{}
	for p.dec.More() {
		p.path = append(p.path, step{index: len(items)})
		item, err := p.value()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		p.path = p.path[:len(p.path)-1]
	}
	_, _, err := p.token() // the closing bracket
	return items, err
}

// token returns the next token and how it is written.
func (p *parser) token() (json.Token, []byte, error) {
	start := p.dec.InputOffset()
	token, err := p.dec.Token()
	if err != nil {
		return nil, nil, p.syntaxFault(err)
	}
	return token, p.body[start:p.dec.InputOffset()], nil
}

func (p *parser) syntaxFault(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return p.fault(fmt.Sprintf("is not valid JSON: %s (at byte %d)", syntax.Error(), p.dec.InputOffset()))
	}
	return p.fault("is not valid JSON: it ends too early")
}

func (p *parser) checkText(text string, raw []byte) error {
	switch {
	case strings.ContainsRune(text, 0):
		return p.fault("must not contain NUL characters")
	case !utf8.Valid(raw):
		return p.fault("must be valid UTF-8")
	case hasHalfPair(text, raw):
		return p.fault("must not contain half a surrogate pair")
	}
	return nil
}

// hasHalfPair finds escapes of half a surrogate pair: the decoder silently puts
// U+FFFD in their place, so there are more of those than were written.
func hasHalfPair(text string, raw []byte) bool {
	const replacement = "\uFFFD"
	n := strings.Count(text, replacement)
	return n > 0 && n > bytes.Count(raw, []byte(replacement))+bytes.Count(bytes.ToLower(raw), []byte(`\ufffd`))
}

func (p *parser) fault(message string) error {
	var b strings.Builder
	for _, s := range p.path {
		switch {
		case s.name == nil:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case b.Len() == 0:
			b.WriteString(*s.name)
		default:
			b.WriteString("." + *s.name)
		}
	}
	if b.Len() == 0 {
		return newProblem(http.StatusBadRequest, codeInvalidJSON, "the body "+message)
	}
	return fieldProblem(http.StatusBadRequest, codeInvalidJSON, b.String(), message)
}

// shortField bounds a path: its names are the caller's.
func shortField(path string) string {
	if len(path) <= maxField {
		return path
	}
	return strings.ToValidUTF8(path[:maxField], "") + "…"
}
