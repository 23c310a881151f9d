// Package templates checks and renders message templates: Go's text/template
// syntax, bounded in time, output and loops, with nothing in reach that could
// touch the outside, and with every value escaped for the place it stands in.
//
// The standard library parses and executes. In between the parse tree is
// rewritten (rewrite.go) so that every access to a param, every loop and every
// printed value goes through a function of ours, which keeps the bounds
// (bound.go) and escapes (text.go, json.go; for HTML html/template does, see
// html.go). Authors cannot call those functions, because the parser does not
// know their names.
package templates

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"
)

// Format says how values are escaped. It has the same names as channels.Format.
type Format string

// Formats.
const (
	Text Format = "text" // values as they are
	Line Format = "line" // text whose result must be one line, for a mail's subject
	JSON Format = "json" // values escaped for the JSON document; the result must be valid JSON
	HTML Format = "html" // values escaped for the HTML document by html/template
)

// Limits of a template and its rendering.
const (
	MaxSource = 64 << 10 // bytes of a template's body
	MaxOutput = 64 << 10 // bytes of a rendered body
)

// rootName is what the standard library calls the template in its errors.
const rootName = "message"

// Template is a parsed template. It is safe for concurrent use.
type Template struct {
	format Format
	source string
	trees  map[string]*parse.Tree // rewritten; only read from here on
	words  map[string]bool        // that may be names of params
	idle   sync.Pool              // of *bound
}

// Parse checks the source. A failure is a *SyntaxError, unless the format is unknown.
func Parse(format Format, source string) (*Template, error) {
	if newOutput(format) == nil {
		return nil, fmt.Errorf("unknown template format %q", format)
	}
	if len(source) > MaxSource {
		line := 1 + strings.Count(source[:MaxSource], "\n")
		return nil, &SyntaxError{Line: line, Message: fmt.Sprintf("the template is larger than %d bytes", MaxSource)}
	}
	trees, err := parse.Parse(rootName, source, "", "", new(rendering).functions(), builtins)
	if err != nil {
		return nil, syntaxError(err)
	}
	words, err := rewrite(source, trees)
	if err != nil {
		return nil, err
	}
	t := &Template{format: format, source: source, trees: trees, words: words}
	if format == HTML {
		if err := t.checkHTML(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Render renders the template. The params are JSON values: nil, bool,
// json.Number, float64, string, []any and map[string]any. Failures are
// *MissingParamError, *LimitError, *ExecError, ErrInvalidJSON, ErrUnsafeHTML and
// ErrLineBreak.
func (t *Template) Render(params map[string]any) (string, error) {
	data, err := normalise(params)
	if err != nil {
		return "", err
	}
	b := t.take()
	if err := b.Execute(b.output, data); err != nil {
		return "", t.renderError(err)
	}
	text, err := b.output.result()
	t.idle.Put(b)
	return text, err
}

// bound is a rendering and the template that is bound to it. Binding takes as long
// as rendering a short template.
type bound struct {
	*rendering
	executable
}

// take returns an idle binding, or makes one. Whoever takes it has it alone; one
// whose execution failed is not used again.
func (t *Template) take() *bound {
	if idle, ok := t.idle.Get().(*bound); ok {
		*idle.rendering = *newRendering(t.format)
		return idle
	}
	r := newRendering(t.format)
	return &bound{r, t.bind(r)}
}

// Preview renders like Render, but where a param is missing it goes on with its
// name in the place. It returns the missing ones in the order they were met. What
// fails because of them is no error: there is no text then.
func (t *Template) Preview(params map[string]any) (text string, missing []string, err error) {
	data, err := normalise(params)
	if err != nil {
		return "", nil, err
	}
	r := newRendering(t.format)
	r.lenient = true
	err = t.bind(r).Execute(r.output, data)
	if err == nil {
		text, err = r.output.result()
	} else {
		err = t.renderError(err)
	}
	if len(r.missing) > 0 {
		err = nil
	}
	return text, r.missing, err
}

// Names says whether the template mentions a param of that name anywhere.
func (t *Template) Names(param string) bool { return t.words[param] }

// executable is a template of text/template or html/template.
type executable interface {
	Execute(w io.Writer, data any) error
}

// bind makes an executable template whose functions belong to one rendering. It
// leaves nothing to share between concurrent renderings, but for the trees, which
// text/template only reads.
func (t *Template) bind(r *rendering) executable {
	if t.format == HTML {
		return t.bindHTML(r)
	}
	bound := template.New(rootName).Funcs(r.functions()).Funcs(r.internals())
	for name, tree := range t.trees {
		// It cannot fail: the error is there for html/template's sake.
		template.Must(bound.AddParseTree(name, tree))
	}
	return bound
}

// rendering is one Render or Preview in progress.
type rendering struct {
	budget
	output  output
	lenient bool     // a Preview
	missing []string // params, when lenient
}

// lack is met where a param is missing. It returns nil when the rendering goes on.
func (r *rendering) lack(param string) error {
	if !r.lenient {
		return &MissingParamError{param}
	}
	if !slices.Contains(r.missing, param) {
		r.missing = append(r.missing, param)
	}
	return nil
}

func newRendering(format Format) *rendering {
	return &rendering{budget: newBudget(), output: newOutput(format)}
}

// explained says whether what is called name is null because of a param that is
// known to be missing: it is the param, or a part of it, or made of it.
func (r *rendering) explained(name string) bool {
	return slices.ContainsFunc(r.missing, func(param string) bool {
		return strings.HasPrefix(name+".", param+".") || strings.Contains(name, "."+param)
	})
}

// output collects what a template prints, in one format.
type output interface {
	// Write takes what the template prints: its own text, and what value returned.
	io.Writer
	// value returns v as it is written at this place of the output. v is not nil.
	value(v any) (string, error)
	// result returns the finished body.
	result() (string, error)
}

// newOutput returns nil for an unknown format.
func newOutput(format Format) output {
	switch format {
	case Text:
		return new(textOutput)
	case Line:
		return new(lineOutput)
	case JSON:
		return new(jsonOutput)
	case HTML:
		return new(htmlOutput)
	}
	return nil
}
