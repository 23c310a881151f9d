package templates

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template/parse"
	"unicode/utf8"
)

// ErrInvalidJSON says that a JSON template rendered to something else.
var ErrInvalidJSON = errors.New("the rendered body is not valid JSON")

// ErrUnsafeHTML says that a value would have done harm where it stands in an
// HTML template.
var ErrUnsafeHTML = errors.New("a value is not safe where it stands in the HTML: " +
	"a link is http, https, mailto or relative; a style is a plain value; an attribute without quotes is not empty")

// ErrLineBreak says that what must be one line is not.
var ErrLineBreak = errors.New("the rendered text has a line break or another control character in it")

// SyntaxError says where a template is wrong.
type SyntaxError struct {
	Line, Column int // from 1, the column in characters; Column 0 when it is not known
	Message      string
}

func (e *SyntaxError) Error() string { return place(e.Line, e.Column) + e.Message }

// MissingParamError names a param that the template needs and did not get, as
// the template writes it: "user.name". A null param is missing where it is
// printed.
type MissingParamError struct{ Param string }

func (e *MissingParamError) Error() string { return fmt.Sprintf("param %q is missing", e.Param) }

// LimitError says which bound a rendering ran into.
type LimitError struct{ Message string }

func (e *LimitError) Error() string { return e.Message }

// ExecError says where a template could not be rendered with these params, and
// why. It names types, never the params' values.
type ExecError struct {
	Line, Column int // from 1, the column in characters
	Message      string
}

func (e *ExecError) Error() string { return place(e.Line, e.Column) + e.Message }

func place(line, column int) string {
	if column == 0 {
		return fmt.Sprintf("line %d: ", line)
	}
	return fmt.Sprintf("line %d, column %d: ", line, column)
}

// The standard library's errors are texts that begin with the place.
var (
	parseFailure = regexp.MustCompile(`^template: ` + rootName + `:(\d+): (?s:(.*))$`)
	execFailure  = regexp.MustCompile(`^template: ` + rootName + `:(\d+):(\d+): executing (?s:(.*))$`)
)

// syntaxError turns an error of the parser into ours.
func syntaxError(err error) *SyntaxError {
	m := parseFailure.FindStringSubmatch(err.Error())
	if m == nil {
		return &SyntaxError{Line: 1, Message: err.Error()}
	}
	line, _ := strconv.Atoi(m[1]) // digits, by the expression
	return &SyntaxError{Line: line, Message: strings.Replace(m[2], " started at "+rootName+":", " started at line ", 1)}
}

func syntaxErrorAt(source string, pos parse.Pos, message string) *SyntaxError {
	before := source[:pos]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	return &SyntaxError{
		Line:    1 + strings.Count(before, "\n"),
		Column:  1 + utf8.RuneCountInString(line),
		Message: message,
	}
}

// renderError turns an error of the execution into ours.
func (t *Template) renderError(err error) error {
	var missing *MissingParamError
	if errors.As(err, &missing) {
		return missing
	}
	var limit *LimitError
	if errors.As(err, &limit) {
		return limit
	}
	m := execFailure.FindStringSubmatch(err.Error())
	if m == nil {
		return fmt.Errorf("rendering: %w", err)
	}
	line, _ := strconv.Atoi(m[1]) // digits, by the expression
	offset, _ := strconv.Atoi(m[2])
	e := &ExecError{Line: line, Column: t.column(line, offset)}
	var failure valueError
	if errors.As(err, &failure) {
		e.Message = string(failure)
		return e
	}
	// The node that failed is quoted before the message. It is the rewritten
	// one, which the author never wrote.
	e.Message = m[3][strings.LastIndex(m[3], ">: ")+len(">: "):]
	return e
}

// column counts characters where the standard library counts bytes from 0.
func (t *Template) column(line, offset int) int {
	text := strings.Split(t.source, "\n")[line-1]
	return utf8.RuneCountInString(text[:offset]) + 1
}

// valueError says what is wrong with a value. It becomes an ExecError once the
// place is known.
type valueError string

func (e valueError) Error() string { return string(e) }

func valueErrorf(format string, args ...any) error {
	return valueError(fmt.Sprintf(format, args...))
}
