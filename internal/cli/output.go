package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/labring/sealos-notify/client"
)

// session is what the commands share: the client and where to print.
type session struct {
	api   *client.Client
	appID string

	out      io.Writer // the result
	progress io.Writer // progress and hints
	json     bool
}

// print prints the result as JSON, or calls text with the writer of a table.
func (s *session) print(result any, text func(w io.Writer)) error {
	if s.json {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(result)
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', 0)
	text(table)
	return table.Flush()
}

// row writes a line of a table.
func row(w io.Writer, cells ...any) {
	for i, cell := range cells {
		end := "\t"
		if i == len(cells)-1 {
			end = "\n"
		}
		fmt.Fprint(w, strings.Map(visible, text(cell)), end)
	}
}

// visible returns a space for control characters, so that no value breaks a table or
// controls the terminal, and removes format characters such as bidi and zero-width ones,
// so that none shows as another.
func visible(r rune) rune {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029':
		return ' '
	case unicode.Is(unicode.Cf, r):
		return -1
	}
	return r
}

// text returns a value as tables show it.
func text(v any) string {
	switch v := v.(type) {
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case *time.Time:
		if v == nil {
			return "-"
		}
		return text(*v)
	case string:
		if v == "" {
			return "-"
		}
		return v
	}
	return fmt.Sprint(v)
}

// block writes a text of many lines.
func block(w io.Writer, content string) {
	fmt.Fprintln(w, strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return visible(r)
	}, content))
}

// selector is what a flag selects by. A flag with an empty value, such as an unset
// variable of a script, would select everything.
type selector string

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *selector) UnmarshalText(text []byte) error {
	if strings.TrimSpace(string(text)) == "" {
		return errors.New("must not be empty; leave it out to select all")
	}
	*s = selector(text)
	return nil
}

// moment is a time in the past: RFC 3339, or how long ago, such as 2h30m.
type moment struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *moment) UnmarshalText(text []byte) error {
	if ago, err := time.ParseDuration(string(text)); err == nil {
		m.Time = time.Now().Add(-ago)
		return nil
	}
	at, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return fmt.Errorf("%q is neither a time such as 2026-01-31T08:00:00Z nor how long ago, such as 2h", text)
	}
	m.Time = at
	return nil
}
