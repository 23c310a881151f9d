package api

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

const (
	// maxValues bounds the values of a body: objects, arrays and what is in them. Each takes up
	// to some 350 bytes of memory when it is decoded, and two in a body. 10,000 recipients are
	// 30,000.
	maxValues = 100_000
	// valuesATurn are checked in some 1 ms.
	valuesATurn = 1000
	// maxDepth bounds how deep arrays and objects may be nested.
	maxDepth = 32
	// maxFaults bounds how many faults one answer lists.
	maxFaults = 20
	// maxField bounds the path of a field in an answer, in bytes.
	maxField = 256
)

// bodyChecker reads a body token by token and compares it with its schema. Invalid
// JSON ends the check; for the decoder that includes duplicate names, invalid UTF-8
// and half surrogate pairs. What the schema does not allow is collected.
type bodyChecker struct {
	registry huma.Registry
	decoder  *jsontext.Decoder
	faults   []FieldError
	values   int
}

// anyValue is the schema that allows every value.
var anyValue = &huma.Schema{}

// check checks the whole body. The error is a *Problem.
func (c *bodyChecker) check(s *huma.Schema) error {
	isObject := c.decoder.PeekKind() == '{'
	if err := c.value(s); err != nil {
		return err
	}
	if _, err := c.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return c.notJSON("", "is followed by more data")
	}
	if !isObject {
		return c.notJSON("", "must be a JSON object")
	}
	if len(c.faults) == 0 {
		return nil
	}
	first := c.faults[0]
	return newProblem(http.StatusBadRequest, codeInvalidRequest, first.Field+": "+first.Message, c.faults...)
}

// value checks the next value.
func (c *bodyChecker) value(s *huma.Schema) error {
	token, err := c.decoder.ReadToken()
	if err != nil {
		return c.syntaxError(err)
	}
	kind, text := token.Kind(), ""
	if kind == '"' || kind == '0' {
		text = token.String()
	}
	s = c.resolve(s)
	if !allows(s, kind, text) {
		c.fault("", ruleOf(s))
		s = anyValue
	}
	if c.values++; c.values%valuesATurn == 0 {
		runtime.Gosched() // as in package templates
	}
	switch {
	case c.values > maxValues:
		return fieldProblem(http.StatusBadRequest, codeInvalidRequest, c.topField(),
			fmt.Sprintf("the body has more than %d values; this is where there are too many", maxValues))
	case c.decoder.StackDepth() > maxDepth:
		return c.notJSON(c.decoder.StackPointer(), fmt.Sprintf("is nested deeper than %d levels", maxDepth))
	case kind == '{':
		return c.object(s)
	case kind == '[':
		return c.array(s)
	}
	return c.text(text)
}

// resolve returns the schema that s refers to. huma puts a field's minProperties
// beside the reference, so it is added.
func (c *bodyChecker) resolve(s *huma.Schema) *huma.Schema {
	for s.Ref != "" {
		target := c.registry.SchemaFromRef(s.Ref)
		if s.MinProperties != nil {
			limited := *target
			limited.MinProperties = s.MinProperties
			target = &limited
		}
		s = target
	}
	return s
}

// text refuses NUL, which PostgreSQL cannot store.
func (c *bodyChecker) text(text string) error {
	if strings.ContainsRune(text, 0) {
		return c.notJSON(c.decoder.StackPointer(), "must not contain NUL characters")
	}
	return nil
}

// object checks the members of an object, up to its closing brace.
func (c *bodyChecker) object(s *huma.Schema) error {
	missing, members := slices.Clone(s.Required), 0
	for ; c.decoder.PeekKind() != '}'; members++ {
		token, err := c.decoder.ReadToken()
		if err != nil {
			return c.syntaxError(err)
		}
		name := token.String()
		if err := c.text(name); err != nil {
			return err
		}
		missing = slices.DeleteFunc(missing, func(required string) bool { return required == name })
		member, known := memberOf(s, name)
		if !known {
			c.fault("", "is not known here")
		}
		if err := c.value(member); err != nil {
			return err
		}
	}
	if _, err := c.decoder.ReadToken(); err != nil {
		return c.syntaxError(err)
	}
	for _, name := range missing {
		c.fault(name, "is required")
	}
	if s.MinProperties != nil && members < *s.MinProperties {
		c.fault("", "must not be empty")
	}
	return nil
}

// memberOf returns the schema of a member of an object. known is false when the
// object must not have the member.
func memberOf(s *huma.Schema, name string) (member *huma.Schema, known bool) {
	if member, known = s.Properties[name]; known {
		return member, true
	}
	if others, ok := s.AdditionalProperties.(*huma.Schema); ok {
		return others, true
	}
	return anyValue, s.AdditionalProperties != false
}

// array checks the items of an array, up to its closing bracket.
func (c *bodyChecker) array(s *huma.Schema) error {
	before, items := len(c.faults), 0
	for ; c.decoder.PeekKind() != ']'; items++ {
		if err := c.value(cmp.Or(s.Items, anyValue)); err != nil {
			return err
		}
	}
	if _, err := c.decoder.ReadToken(); err != nil {
		return c.syntaxError(err)
	}
	switch {
	case s.MinItems != nil && items < *s.MinItems:
		c.fault("", "must not be empty")
	case s.MaxItems != nil && items > *s.MaxItems:
		c.faults = c.faults[:before]
		c.fault("", fmt.Sprintf("must have at most %d items", *s.MaxItems))
	}
	return nil
}

// allows reports whether a schema allows a value, without the content of objects and
// arrays.
func allows(s *huma.Schema, kind jsontext.Kind, text string) bool {
	if kind == 'n' && s.Nullable {
		return true
	}
	switch s.Type {
	case huma.TypeObject:
		return kind == '{'
	case huma.TypeArray:
		return kind == '['
	case huma.TypeBoolean:
		return kind == 't' || kind == 'f'
	case huma.TypeInteger:
		return kind == '0' && allowsInteger(s, text)
	case huma.TypeString:
		return kind == '"' && allowsText(s, text)
	}
	return s.Type == ""
}

func allowsInteger(s *huma.Schema, digits string) bool {
	n, err := strconv.Atoi(digits)
	return err == nil && (s.Minimum == nil || float64(n) >= *s.Minimum) && (s.Maximum == nil || float64(n) <= *s.Maximum)
}

func allowsText(s *huma.Schema, text string) bool {
	n := utf8.RuneCountInString(text)
	switch {
	case s.MinLength != nil && n < *s.MinLength, s.MaxLength != nil && n > *s.MaxLength:
		return false
	case len(s.Enum) > 0:
		return slices.Contains(s.Enum, any(text))
	case s.Pattern != "":
		return regexp.MustCompile(s.Pattern).MatchString(text)
	case s.Format == "date-time":
		_, err := parseTime(text)
		return err == nil
	case s.Format == "uuid":
		id, err := uuid.Parse(text)
		return err == nil && id != uuid.Nil
	}
	return true
}

// ruleOf returns what a schema requires of a value. It never repeats the value.
func ruleOf(s *huma.Schema) string {
	switch {
	case len(s.Enum) > 0:
		return "must be one of " + strings.ReplaceAll(strings.Trim(fmt.Sprint(s.Enum), "[]"), " ", ", ")
	case s.Pattern != "":
		return "must match " + s.Pattern
	case s.Format == "date-time":
		return timeRule
	case s.Format == "uuid":
		return "must be an id (a UUID)"
	case s.MaxLength != nil && s.MinLength != nil:
		return fmt.Sprintf("must be a string of %d to %d characters", *s.MinLength, *s.MaxLength)
	case s.MaxLength != nil:
		return fmt.Sprintf("must be a string of at most %d characters", *s.MaxLength)
	case s.MinLength != nil:
		return "must be a string that is not empty"
	case s.Minimum != nil && s.Maximum != nil:
		return fmt.Sprintf("must be a whole number from %.0f to %.0f", *s.Minimum, *s.Maximum)
	}
	return map[string]string{
		huma.TypeObject: "must be an object", huma.TypeArray: "must be an array",
		huma.TypeBoolean: "must be true or false", huma.TypeString: "must be a string", huma.TypeInteger: "must be a whole number",
	}[s.Type]
}

// fault records what is wrong with the last value, or with a member that it lacks.
func (c *bodyChecker) fault(member, message string) {
	if len(c.faults) >= maxFaults {
		return
	}
	pointer := c.decoder.StackPointer()
	if member != "" {
		pointer = pointer.AppendToken(member)
	}
	c.faults = append(c.faults, FieldError{Field: shortField(c.field(pointer)), Message: message})
}

// syntaxError returns the problem for an error of the decoder.
func (c *bodyChecker) syntaxError(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case !errors.As(err, &syntax): // io.EOF: the body is empty
		return c.notJSON("", "is not valid JSON: it ends too early")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return c.notJSON(syntax.JSONPointer, "is not valid JSON: it ends too early")
	case errors.Is(err, jsontext.ErrDuplicateName):
		return c.notJSON(syntax.JSONPointer, "is a duplicate")
	}
	reason, _, _ := strings.Cut(syntax.Err.Error(), " `") // the rest quotes the body
	return c.notJSON(syntax.JSONPointer, fmt.Sprintf("is not valid JSON: %s (at byte %d)", reason, syntax.ByteOffset))
}

// notJSON returns the problem for invalid JSON at the pointer.
func (c *bodyChecker) notJSON(pointer jsontext.Pointer, message string) error {
	if pointer == "" {
		return newProblem(http.StatusBadRequest, codeInvalidJSON, "the body "+message)
	}
	return fieldProblem(http.StatusBadRequest, codeInvalidJSON, c.field(pointer), message)
}

// field returns a pointer as a path: /recipients/0/type as recipients[0].type. The
// decoder's stack tells which tokens are indices.
func (c *bodyChecker) field(pointer jsontext.Pointer) string {
	var path strings.Builder
	level := 0
	for token := range pointer.Tokens() {
		level++
		kind := jsontext.KindInvalid
		if level <= c.decoder.StackDepth() {
			kind, _ = c.decoder.StackIndex(level)
		}
		switch {
		case kind == '[':
			path.WriteString("[" + token + "]")
		case path.Len() == 0:
			path.WriteString(token)
		default:
			path.WriteString("." + token)
		}
	}
	return path.String()
}

// topField returns the list or object of few members that the last value is in, such as
// channels.email.params: the fields inside have no meaning here.
func (c *bodyChecker) topField() string {
	const levels = 3
	pointer := jsontext.Pointer("")
	for token := range c.decoder.StackPointer().Tokens() {
		if strings.Count(string(pointer), "/") == levels {
			break
		}
		pointer = pointer.AppendToken(token)
	}
	return c.field(pointer)
}

// shortField bounds a path, because its names are the caller's.
func shortField(path string) string {
	if len(path) <= maxField {
		return path
	}
	return strings.ToValidUTF8(path[:maxField], "") + "…"
}
