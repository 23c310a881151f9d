// Package templates checks and renders message templates in the syntax of Go's
// text/template. Work, output and loops are bounded, a template reaches nothing but
// its params, and every value is escaped for the place it stands in.
//
// The standard library parses and executes. In between, rewrite.go changes the parse
// trees: every access to a param, every loop and every printed value calls a function
// of this package. These functions keep the bounds (bound.go) and escape (text.go and
// json.go; HTML is escaped by html/template, see html.go). Authors cannot call them,
// because the parser does not know their names.
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

// Format decides how values are escaped. Its names are those of channels.Format.
type Format string

// Formats.
const (
	Text Format = "text" // values as they are
	Line Format = "line" // text that must render to one line, for a mail's subject
	JSON Format = "json" // values escaped for the JSON document; the result must be valid JSON
	HTML Format = "html" // values escaped for the HTML document by html/template
)

// Limits of a template and of what it renders to.
const (
	MaxSource = 64 << 10 // bytes of a template's body
	MaxOutput = 64 << 10 // bytes of a rendered body
)

// rootName is the template's name in errors of the standard library.
const rootName = "message"

// Template is a parsed template. It is safe for concurrent use.
type Template struct {
	format Format
	source string
	trees  map[string]*parse.Tree // rewritten; not changed after Parse
	names  map[string]bool        // that may be names of params
	heavy  bool                   // an instance takes long to make
	idle   sync.Pool              // of *instance
}

// Heavy is called when work turns out to take longer than some 1 ms, before it does; it may be
// called several times. Its error ends the work. A nil Heavy is not called.
type Heavy func() error

func (h Heavy) call() error {
	if h == nil {
		return nil
	}
	return h()
}

// lightSource is the size of a source, in bytes, that is parsed in some 1 ms.
const lightSource = 8 << 10

// Parse parses and checks the source. Its errors are *SyntaxError, except for an unknown
// format and the error of heavy.
func Parse(format Format, source string, heavy Heavy) (*Template, error) {
	if newOutput(format) == nil {
		return nil, fmt.Errorf("unknown template format %q", format)
	}
	if len(source) > MaxSource {
		line := 1 + strings.Count(source[:MaxSource], "\n")
		return nil, &SyntaxError{Line: line, Message: fmt.Sprintf("the template is larger than %d bytes", MaxSource)}
	}
	if len(source) > lightSource {
		if err := heavy.call(); err != nil {
			return nil, err
		}
	}
	trees, err := parse.Parse(rootName, source, "", "", new(rendering).functions(), builtins)
	if err != nil {
		return nil, syntaxError(err)
	}
	names, err := rewrite(source, trees)
	if err != nil {
		return nil, err
	}
	t := &Template{format: format, source: source, trees: trees, names: names}
	if format == HTML {
		if err := t.checkHTML(heavy); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Render renders the template. The params are JSON values: nil, bool, json.Number,
// float64, string, []any and map[string]any; others are an error where they are read. The
// errors of a rendering are *MissingParamError, *LimitError, *ExecError, ErrInvalidJSON,
// ErrUnsafeHTML and ErrLineBreak, and that of the work's Heavy.
func (t *Template) Render(params map[string]any, work *Work) (string, error) {
	i, err := t.instance(work)
	if err != nil {
		return "", err
	}
	if err := i.Execute(i.output, params); err != nil {
		return "", i.errorOf(t, err) // the instance may be in any state: it is not used again
	}
	text, err := i.output.result()
	t.idle.Put(i)
	return text, err
}

// instance is a rendering and the executable template that calls its functions.
// Instances are reused, because making one takes as long as rendering a short template.
type instance struct {
	*rendering
	executable
}

// instance returns an idle instance, or makes one.
func (t *Template) instance(work *Work) (*instance, error) {
	if idle, ok := t.idle.Get().(*instance); ok {
		*idle.rendering = *newRendering(t.format, work)
		return idle, nil
	}
	return t.newInstance(work)
}

func (t *Template) newInstance(work *Work) (*instance, error) {
	if t.heavy {
		if err := work.beHeavy(); err != nil {
			return nil, err
		}
	}
	r := newRendering(t.format, work)
	return &instance{r, t.bind(r)}, nil
}

// Preview renders like Render, but prints ‹name› for a missing param and goes on. It
// returns the missing params in the order they were met. When params are missing and
// the rendering fails, the text is empty and the error is nil. It stops at the 100th.
func (t *Template) Preview(params map[string]any, work *Work) (text string, missing []string, err error) {
	r, err := t.newInstance(work)
	if err != nil {
		return "", nil, err
	}
	r.lenient = true
	err = r.Execute(r.output, params)
	if err == nil {
		text, err = r.output.result()
	} else {
		err = r.errorOf(t, err)
	}
	if len(r.missing) > 0 && r.refused() == nil {
		err = nil // the missing params may be its cause
	}
	return text, r.missing, err
}

// Names reports whether the template may read a param of that name.
func (t *Template) Names(param string) bool { return t.names[param] }

// executable is a template of text/template or html/template.
type executable interface {
	Execute(w io.Writer, data any) error
}

// bind makes an executable template that calls the functions of r. Concurrent
// renderings share only the trees, which text/template does not change.
func (t *Template) bind(r *rendering) executable {
	if t.format == HTML {
		return t.bindHTML(r)
	}
	root := template.New(rootName).Funcs(r.functions()).Funcs(r.internals())
	for name, tree := range t.trees {
		// AddParseTree fails only in html/template.
		template.Must(root.AddParseTree(name, tree))
	}
	return root
}

// rendering is one Render or Preview in progress.
type rendering struct {
	budget
	output  output
	lenient bool     // a Preview
	missing []string // params, when lenient
}

// paramMissing returns a *MissingParamError. A Preview notes the param instead, and gets nil.
func (r *rendering) paramMissing(param string) error {
	if !r.lenient {
		return &MissingParamError{param}
	}
	if slices.Contains(r.missing, param) {
		return nil
	}
	r.missing = append(r.missing, param)
	if len(r.missing) == maxMissing {
		return &LimitError{fmt.Sprintf("%d params are missing", maxMissing)}
	}
	return nil
}

// errorOf returns the error of a failed execution.
func (r *rendering) errorOf(t *Template, err error) error {
	if err := r.refused(); err != nil {
		return err
	}
	return t.renderError(err)
}

func newRendering(format Format, work *Work) *rendering {
	return &rendering{budget: newBudget(work), output: newOutput(format)}
}

// dependsOnMissing reports whether the value called name is a missing param, a part of
// one, or computed from one.
func (r *rendering) dependsOnMissing(name string) bool {
	return slices.ContainsFunc(r.missing, func(param string) bool {
		return strings.HasPrefix(name+".", param+".") || strings.Contains(name, "."+param)
	})
}

// output collects what a template prints, in one format.
type output interface {
	// Write appends what the template prints: its own text, and results of value.
	io.Writer
	// value returns v, escaped for the current end of the output. v is not nil.
	value(v any) (string, error)
	// result returns the rendered body.
	result() (string, error)
}

// newOutput returns the output of a format, nil for an unknown one.
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
