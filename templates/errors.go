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

// ErrInvalidJSON means that a JSON template rendered to something else.
var ErrInvalidJSON = errors.New("the rendered body is not valid JSON")

// ErrUnsafeHTML means that html/template could not make a value safe for its place.
var ErrUnsafeHTML = errors.New("a value is not safe where it stands in the HTML: " +
	"a link is http, https, mailto or relative; a style is a plain value; an attribute without quotes is not empty")

// ErrLineBreak means that a template of format Line rendered to text with a line break or
// another control character.
var ErrLineBreak = errors.New("the rendered text has a line break or another control character")

// SyntaxError is a mistake in a template, with its place.
type SyntaxError struct {
	Line, Column int // from 1, the column in characters; Column is 0 when unknown
	Message      string
}

func (e *SyntaxError) Error() string { return place(e.Line, e.Column) + e.Message }

// MissingParamError names a param that the template needs and did not get, as the
// template writes it: "user.name". A null param counts as missing where it is printed.
type MissingParamError struct{ Param string }

func (e *MissingParamError) Error() string { return fmt.Sprintf("param %q is missing", e.Param) }

// LimitError means that a rendering exceeded a bound; the message names it.
type LimitError struct{ Message string }

func (e *LimitError) Error() string { return e.Message }

// ExecError is a failed rendering, with its place. It names types, never the params'
// values.
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

// Errors of the standard library are texts that begin with the place.
var (
	parseFailure = regexp.MustCompile(`^template: ` + rootName + `:(\d+): (?s:(.*))$`)
	execFailure  = regexp.MustCompile(`^template: ` + rootName + `:(\d+):(\d+): executing (?s:(.*))$`)
)

// syntaxError converts an error of the parser.
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

// renderError converts an error of an execution.
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
	// Before the message the error quotes the failed node. That is a rewritten node,
	// which the author never wrote.
	e.Message = m[3][strings.LastIndex(m[3], ">: ")+len(">: "):]
	return e
}

// column returns the column in characters, from 1, for an offset in bytes.
func (t *Template) column(line, offset int) int {
	text := strings.Split(t.source, "\n")[line-1]
	return utf8.RuneCountInString(text[:offset]) + 1
}

// valueError is what is wrong with a value. renderError adds the place and makes it an
// ExecError.
type valueError string

func (e valueError) Error() string { return string(e) }

func valueErrorf(format string, args ...any) error {
	return valueError(fmt.Sprintf(format, args...))
}
