package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
)

// maxFaults bounds how many faults one answer lists.
const maxFaults = 20

const timeRule = "must be a time with its zone, as RFC 3339 has it: 2026-01-02T15:04:05+08:00"

// object is a JSON object of a request whose members are taken one after the
// other; end finds those that nobody took. Faults are collected over the whole
// body, which huma's own reading cannot do: it decodes twice, takes repeated
// keys and turns numbers into floats.
type object struct {
	path    string // "" for the body itself
	members map[string]any
	faults  *[]FieldError
}

// readBody is huma.Resolver's work for a request with a body: it reads it into a
// field of the input by parse, which refuses what it does not know.
func readBody[T any](ctx huma.Context, field *T, parse func(object) (T, error)) []error {
	body, err := readObject(ctx)
	if err == nil {
		*field, err = parse(body)
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

// readObject reads the body of a request. The error is a *Problem.
func readObject(ctx huma.Context) (object, error) {
	c := humafiber.Unwrap(ctx)
	if given := c.Get(fiber.HeaderContentType); given != "" {
		mediaType, _, err := mime.ParseMediaType(given)
		if err != nil || mediaType != fiber.MIMEApplicationJSON {
			return object{}, newProblem(http.StatusUnsupportedMediaType, codeByStatus[http.StatusUnsupportedMediaType],
				"the Content-Type must be application/json")
		}
	}
	// A few KiB can unpack to gigabytes.
	if len(c.Request().Header.PeekAll(fiber.HeaderContentEncoding)) > 0 {
		return object{}, newProblem(http.StatusUnsupportedMediaType, codeByStatus[http.StatusUnsupportedMediaType],
			"compressed bodies are not taken")
	}
	body := c.BodyRaw()
	if len(body) > maxBody {
		return object{}, newProblem(http.StatusRequestEntityTooLarge, codeByStatus[http.StatusRequestEntityTooLarge],
			fmt.Sprintf("the body must have at most %d bytes", maxBody))
	}
	document, err := parseJSON(body)
	if err != nil {
		return object{}, err
	}
	members, ok := document.(map[string]any)
	if !ok {
		return object{}, newProblem(http.StatusBadRequest, codeInvalidJSON, "the body must be a JSON object")
	}
	return object{members: members, faults: new([]FieldError)}, nil
}

// err returns the faults as a *Problem, or nil.
func (o object) err() error {
	if len(*o.faults) == 0 {
		return nil
	}
	first := (*o.faults)[0]
	return newProblem(http.StatusBadRequest, codeInvalidRequest, first.Field+": "+first.Message, *o.faults...)
}

// text takes a string of least to most characters; when least is 0 it may be missing.
func (o object) text(name string, least, most int) string {
	v, there := o.take(name)
	if !there {
		if least > 0 {
			o.fault(name, "is required")
		}
		return ""
	}
	s, ok := v.(string)
	if !ok {
		o.fault(name, "must be a string")
		return ""
	}
	if n := utf8.RuneCountInString(s); n < least || n > most {
		o.fault(name, fmt.Sprintf("must have %d to %d characters", least, most))
	}
	return s
}

// given takes a string of 1 to most characters, or none.
func (o object) given(name string, most int) string {
	if _, there := o.members[name]; !there {
		return ""
	}
	return o.text(name, 1, most)
}

// uuid takes an id, or none: the zero value.
func (o object) uuid(name string) uuid.UUID {
	v, there := o.take(name)
	if !there {
		return uuid.Nil
	}
	written, _ := v.(string)
	id, err := uuid.Parse(written)
	if err != nil || id == uuid.Nil {
		o.fault(name, "must be an id (a UUID)")
	}
	return id
}

// flag takes a boolean; one that is missing is false.
func (o object) flag(name string) bool {
	v, there := o.take(name)
	b, ok := v.(bool)
	if there && !ok {
		o.fault(name, "must be true or false")
	}
	return b
}

// choice takes a required string that is one of a few.
func (o object) choice(name string, choices ...string) string {
	v, there := o.take(name)
	s, _ := v.(string)
	switch {
	case !there:
		o.fault(name, "is required")
	case !slices.Contains(choices, s):
		o.fault(name, "must be one of "+strings.Join(choices, ", "))
	}
	return s
}

// option takes a string that is one of a few; empty when it is missing.
func (o object) option(name string, choices ...string) string {
	if _, there := o.members[name]; !there {
		return ""
	}
	return o.choice(name, choices...)
}

// number takes a required whole number from least to most.
func (o object) number(name string, least, most int) int {
	v, there := o.take(name)
	digits, _ := v.(json.Number)
	n, err := strconv.Atoi(digits.String())
	switch {
	case !there:
		o.fault(name, "is required")
	case err != nil || n < least || n > most:
		o.fault(name, fmt.Sprintf("must be a whole number from %d to %d", least, most))
	}
	return n
}

// count takes a whole number of at least 0; 0 when it is missing.
func (o object) count(name string) int {
	if _, there := o.members[name]; !there {
		return 0
	}
	return o.number(name, 0, math.MaxInt32)
}

// instant takes a required time, and leaves it in its zone.
func (o object) instant(name string) time.Time {
	v, there := o.take(name)
	s, _ := v.(string)
	var t time.Time
	err := t.UnmarshalText([]byte(s)) // stricter than time.Parse
	switch {
	case !there:
		o.fault(name, "is required")
	case err != nil:
		o.fault(name, timeRule)
	}
	return t
}

// time takes a time, to a microsecond, as the store keeps it; nil when it is missing.
func (o object) time(name string) *time.Time {
	v, there := o.take(name)
	if !there {
		return nil
	}
	s, _ := v.(string)
	var t time.Time
	if err := t.UnmarshalText([]byte(s)); err != nil { // stricter than time.Parse
		o.fault(name, timeRule)
		return nil
	}
	t = t.UTC().Truncate(time.Microsecond)
	return &t
}

// values takes an object of any values; null is as good as missing.
func (o object) values(name string) map[string]any {
	v, _ := o.take(name)
	members, ok := v.(map[string]any)
	if v != nil && !ok {
		o.fault(name, "must be an object")
	}
	return members
}

// texts takes an object whose values are strings; null and missing are as good as
// empty.
func (o object) texts(name string) map[string]any {
	members := o.values(name)
	for _, member := range slices.Sorted(maps.Keys(members)) {
		if _, ok := members[member].(string); !ok {
			o.fault(name+"."+member, "must be a string")
		}
	}
	if members == nil {
		return map[string]any{}
	}
	return members
}

// object takes a required object.
func (o object) object(name string) object {
	v, there := o.take(name)
	if !there {
		o.fault(name, "is required")
		return object{faults: o.faults}
	}
	return o.enter(o.field(name), v)
}

// objects takes a required array of objects, at least one.
func (o object) objects(name string) []object {
	v, there := o.take(name)
	items, ok := v.([]any)
	switch {
	case !there:
		o.fault(name, "is required")
	case !ok:
		o.fault(name, "must be an array")
	case len(items) == 0:
		o.fault(name, "must not be empty")
	}
	objects := make([]object, len(items))
	for i, item := range items {
		objects[i] = o.enter(o.field(name)+"["+strconv.Itoa(i)+"]", item)
	}
	return objects
}

func (o object) enter(path string, v any) object {
	members, ok := v.(map[string]any)
	if !ok {
		o.faultAt(path, "must be an object")
	}
	return object{path: path, members: members, faults: o.faults}
}

// names lists the members, sorted.
func (o object) names() []string { return slices.Sorted(maps.Keys(o.members)) }

// end faults the members that were not taken.
func (o object) end() {
	for _, name := range o.names() {
		o.fault(name, "is not known here")
	}
}

func (o object) take(name string) (v any, there bool) {
	v, there = o.members[name]
	delete(o.members, name)
	return v, there
}

func (o object) field(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

func (o object) fault(name, message string) { o.faultAt(o.field(name), message) }

func (o object) faultAt(path, message string) {
	if len(*o.faults) < maxFaults {
		*o.faults = append(*o.faults, FieldError{Field: shortField(path), Message: message})
	}
}
