package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/labring/sealos-notify/api/console"
)

//go:embed docs.html
var docsTemplate string

// docsPolicy is the Content-Security-Policy of the page. It is stricter than the console's: no
// script runs. The renderers of OpenAPI that can be had are scripts of a megabyte and more, and
// write styles into the page, which would need unsafe-inline.
const docsPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serveDocs serves the description as a page, which is made on the first request.
func (s *Server) serveDocs(api huma.API) {
	page := sync.OnceValues(func() ([]byte, error) { return renderDocs(api.OpenAPI()) })
	s.app.Get("/docs", func(c *fiber.Ctx) error {
		text, err := page()
		if err != nil {
			return fmt.Errorf("describe the API: %w", err)
		}
		c.Set(fiber.HeaderContentSecurityPolicy, docsPolicy)
		c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
		return c.Send(text)
	})
}

// renderDocs returns the page of a description.
func renderDocs(spec *huma.OpenAPI) ([]byte, error) {
	d := docs{spec}
	page, err := template.New("docs").Funcs(template.FuncMap{
		"asset": console.Asset, "prose": prose, "type": d.typeOf, "bounds": bounds, "fields": d.fieldsOf, "example": d.example, "answers": d.answers,
		"code": func(problem any) string { return problem.(*Problem).Code },
	}).Parse(docsTemplate)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{
		"Info": spec.Info, "Tags": d.tags(), "Schemas": d.schemas(),
	})
	return out.Bytes(), err
}

// docs turns a description into what the page shows.
type docs struct{ spec *huma.OpenAPI }

// docsTag is a tag with its operations.
type docsTag struct {
	*huma.Tag
	Operations []*huma.Operation
}

// tags returns the tags in the description's order, their operations by path and method.
func (d docs) tags() []docsTag {
	methods := func(item *huma.PathItem) []*huma.Operation {
		return []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete}
	}
	var tags []docsTag
	for _, tag := range d.spec.Tags {
		t := docsTag{Tag: tag}
		for _, path := range slices.Sorted(maps.Keys(d.spec.Paths)) {
			for _, op := range methods(d.spec.Paths[path]) {
				if op != nil && !op.Hidden && slices.Contains(op.Tags, tag.Name) {
					t.Operations = append(t.Operations, op)
				}
			}
		}
		if len(t.Operations) > 0 {
			tags = append(tags, t)
		}
	}
	return tags
}

// docsSchema is a named schema.
type docsSchema struct {
	Name   string
	Schema *huma.Schema
}

func (d docs) schemas() []docsSchema {
	all := d.spec.Components.Schemas.Map()
	var schemas []docsSchema
	for _, name := range slices.Sorted(maps.Keys(all)) {
		schemas = append(schemas, docsSchema{name, all[name]})
	}
	return schemas
}

// docsField is a key of an object.
type docsField struct {
	Name     string
	Required bool
	*huma.Schema
}

// fieldsOf returns the keys of an object, the required ones first.
func (d docs) fieldsOf(s *huma.Schema) []docsField {
	var required, optional []docsField
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		f := docsField{Name: name, Required: slices.Contains(s.Required, name), Schema: s.Properties[name]}
		if f.Required {
			required = append(required, f)
		} else {
			optional = append(optional, f)
		}
	}
	return append(required, optional...)
}

// docsType is the type of a value: words, and the named schema that they end with, if any.
type docsType struct{ Words, Schema string }

func (d docs) typeOf(s *huma.Schema) docsType {
	switch {
	case s == nil:
		return docsType{Words: "anything"}
	case s.Ref != "":
		return docsType{Schema: schemaOfRef(s.Ref)}
	case s.Type == huma.TypeArray:
		t := d.typeOf(s.Items)
		return docsType{"list of " + t.Words, t.Schema}
	case s.Type == huma.TypeObject && s.Properties == nil:
		values, _ := s.AdditionalProperties.(*huma.Schema) // it may be a bool
		t := d.typeOf(values)
		return docsType{"map to " + t.Words, t.Schema}
	case s.Type == "":
		return docsType{Words: "anything"}
	case s.Format != "":
		return docsType{Words: s.Type + " (" + s.Format + ")"}
	}
	return docsType{Words: s.Type}
}

func schemaOfRef(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }

// bounds returns what a value must be, in words.
func bounds(s *huma.Schema) string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprint(v))
		}
		add("one of %s", strings.Join(values, ", "))
	}
	if s.Minimum != nil {
		add("at least %v", *s.Minimum)
	}
	if s.Maximum != nil {
		add("at most %v", *s.Maximum)
	}
	if s.MinLength != nil {
		add("at least %d characters", *s.MinLength)
	}
	if s.MaxLength != nil {
		add("at most %d characters", *s.MaxLength)
	}
	if s.MinItems != nil {
		add("at least %d elements", *s.MinItems)
	}
	if s.MaxItems != nil {
		add("at most %d elements", *s.MaxItems)
	}
	if s.Pattern != "" {
		add("matches %s", s.Pattern)
	}
	if s.Default != nil {
		add("default %v", s.Default)
	}
	return strings.Join(words, "; ")
}

// docsAnswer is one answer of an operation.
type docsAnswer struct {
	Status string
	*huma.Response
	Media *huma.MediaType // of the body; nil without one
}

// answers returns the answers by status, references followed.
func (d docs) answers(op *huma.Operation) []docsAnswer {
	var answers []docsAnswer
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		a := docsAnswer{Status: status, Response: op.Responses[status]}
		if a.Ref != "" {
			a.Response = d.spec.Components.Responses[schemaOfRef(a.Ref)]
		}
		for _, media := range a.Content { // there is one
			a.Media = media
		}
		if a.Description == "" {
			a.Response = &huma.Response{Description: http.StatusText(http.StatusOK), Content: a.Content}
		}
		answers = append(answers, a)
	}
	return answers
}

// example returns an example of a body as JSON: the media type's own, or one made of the examples
// of its keys.
func (d docs) example(m *huma.MediaType) (string, error) {
	value := m.Example
	if value == nil {
		value = d.sample(m.Schema, "", 0)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(value)
	return out.String(), err
}

// maxSampleDepth bounds how deep an example goes: schemas may hold themselves.
const maxSampleDepth = 8

// sample returns a value of the schema. name is the key that holds it.
func (d docs) sample(s *huma.Schema, name string, depth int) any {
	switch {
	case s == nil || depth > maxSampleDepth:
		return nil
	case s.Ref != "":
		return d.sample(d.spec.Components.Schemas.SchemaFromRef(s.Ref), name, depth+1)
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	switch s.Type {
	case huma.TypeArray:
		if element := d.sample(s.Items, name, depth+1); element != nil {
			return []any{element}
		}
		return []any{}
	case huma.TypeObject:
		object := map[string]any{}
		for key, value := range s.Properties {
			object[key] = d.sample(value, key, depth+1)
		}
		if values, is := s.AdditionalProperties.(*huma.Schema); is {
			object["name"] = d.sample(values, "name", depth+1)
		}
		return object
	case huma.TypeInteger, huma.TypeNumber:
		return 1
	case huma.TypeBoolean:
		return false
	case huma.TypeString:
		return sampleText(s.Format, name)
	}
	return map[string]any{}
}

func sampleText(format, name string) string {
	switch format {
	case "date-time":
		return "2026-01-31T08:00:00Z"
	case "uuid":
		return "01940b5c-7c00-7000-8000-000000000000"
	}
	return name
}

// docsSpan is a part of a description. Code stands between backticks.
type docsSpan struct {
	Text string
	Code bool
}

func prose(text string) []docsSpan {
	var spans []docsSpan
	for i, part := range strings.Split(text, "`") {
		spans = append(spans, docsSpan{part, i%2 == 1})
	}
	return spans
}
