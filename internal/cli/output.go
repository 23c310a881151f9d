package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/labring/sealos-notify/client"
)

// session is what the commands share: the client and where to print.
type session struct {
	api     *client.Client
	url     string
	appID   string
	profile string // empty when none was chosen

	out      io.Writer // the result
	progress io.Writer // progress and hints
	json     bool
}

// print prints the result as JSON, or calls text with the writer of a table.
func (s *session) print(result any, text func(w io.Writer)) error {
	if s.json {
		var document strings.Builder
		encoder := json.NewEncoder(&document)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(result); err != nil {
			return err
		}
		_, err := io.WriteString(s.out, escapeInvisible(document.String()))
		return err
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

// printText prints the result as JSON, or a text as it is.
func (s *session) printText(result any, text string) error {
	if s.json {
		return s.print(result, nil)
	}
	_, err := io.WriteString(s.out, text)
	return err
}

// block writes a text of many lines.
func block(w io.Writer, content string) {
	fmt.Fprintln(w, strings.ReplaceAll(content, "\t", " ")) // a tab would begin a cell
}

// selector is what a flag selects by. A flag with an empty value, such as an unset
// variable of a script, would select everything.
type selector string

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *selector) UnmarshalText(text []byte) error {
	if strings.TrimSpace(string(text)) == "" {
		return errors.New("must not be empty; leave the flag out instead")
	}
	*s = selector(text)
	return nil
}
