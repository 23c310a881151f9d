package cli

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/labring/sealos-notify/client"
)

// contactFile is a contact as a YAML document.
type contactFile struct {
	Name      string             `yaml:"name"`
	Addresses []client.Recipient `yaml:"addresses,omitempty"`
	Locale    string             `yaml:"locale,omitempty"`
	TimeZone  string             `yaml:"timeZone,omitempty"`
	Labels    map[string]string  `yaml:"labels,omitempty"`
}

// placedContact is a contact with where it stands, such as "people.csv:17".
type placedContact struct {
	client.ContactRequest
	place string
}

// readContacts calls each with every contact of a CSV file, a YAML file or a folder of YAML files, in
// their order. The error names the file, the line and, where it is known, the column.
func readContacts(path string, each func(placedContact) error) error {
	seen := map[string]string{} // place by name
	once := func(c placedContact) error {
		if c.Name == "" {
			return fmt.Errorf("%s: name is required", c.place)
		}
		if before, twice := seen[c.Name]; twice {
			return fmt.Errorf("%s: contact %s is at %s, too", c.place, c.Name, before)
		}
		seen[c.Name] = c.place
		return each(c)
	}
	if strings.EqualFold(filepath.Ext(path), ".csv") {
		return readContactTable(path, once)
	}
	return readDocuments(path, func(place string, node ast.Node) error {
		var f contactFile
		if err := yaml.NodeToValue(node, &f, yaml.Strict()); err != nil {
			return inFile(place, err)
		}
		return once(placedContact{client.ContactRequest{Name: f.Name, ContactContent: client.ContactContent{
			Addresses: f.Addresses, Locale: f.Locale, TimeZone: f.TimeZone, Labels: f.Labels,
		}}, place})
	})
}

// readDocuments calls each with every document of a YAML file, or of the YAML files of a folder, and
// with its place.
func readDocuments(path string, each func(place string, node ast.Node) error) error {
	files := []string{path}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		if files, err = yamlFiles(path); err != nil {
			return err
		}
	}
	for _, file := range files {
		content, err := readFile(file)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseBytes(content, 0)
		if err != nil {
			return inFile(file+":1", err)
		}
		for _, doc := range parsed.Docs {
			if doc.Body == nil {
				continue
			}
			if err := each(fmt.Sprintf("%s:%d", file, doc.Body.GetToken().Position.Line), doc.Body); err != nil {
				return err
			}
		}
	}
	return nil
}

// inFile returns an error of the YAML parser with its own place, or else the document's.
func inFile(place string, err error) error {
	file := place
	if i := strings.LastIndexByte(place, ':'); i > 0 {
		file = place[:i]
	}
	var wrong yaml.Error
	if errors.As(err, &wrong) && wrong.GetToken() != nil {
		at := wrong.GetToken().Position
		return fmt.Errorf("%s:%d:%d: %s", file, at.Line, at.Column, wrong.GetMessage())
	}
	return fmt.Errorf("%s: %w", place, err)
}

// labelColumn begins the names of the columns that are labels.
const labelColumn = "label."

// readContactTable calls each with every row of a CSV file. The columns are name, locale, timeZone,
// label.<label>, and a recipient type for each address; the first address is the preferred one. An
// empty cell says nothing.
func readContactTable(path string, each func(placedContact) error) error {
	content, err := os.Open(path) //nolint:gosec // the user names it
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }()
	table := csv.NewReader(withoutMark(content))
	table.TrimLeadingSpace = true
	columns, err := table.Read()
	if err != nil {
		return inTable(path, err)
	}
	for i, column := range columns {
		columns[i] = strings.TrimSpace(column)
		if columns[i] == "" {
			line, at := table.FieldPos(i)
			return fmt.Errorf("%s:%d:%d: the column has no name", path, line, at)
		}
	}
	for {
		cells, err := table.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return inTable(path, err)
		}
		line, _ := table.FieldPos(0)
		if err := each(placedContact{contactOfRow(columns, cells), fmt.Sprintf("%s:%d", path, line)}); err != nil {
			return err
		}
	}
}

// contactOfRow returns the contact of a row of a table.
func contactOfRow(columns, cells []string) client.ContactRequest {
	var c client.ContactRequest
	for i, column := range columns {
		value := strings.TrimSpace(cells[i])
		label, isLabel := strings.CutPrefix(column, labelColumn)
		switch {
		case value == "":
		case column == "name":
			c.Name = value
		case column == "locale":
			c.Locale = value
		case column == "timeZone":
			c.TimeZone = value
		case isLabel:
			if c.Labels == nil {
				c.Labels = map[string]string{}
			}
			c.Labels[label] = value
		default:
			c.Addresses = append(c.Addresses, client.Recipient{Type: column, Value: value})
		}
	}
	return c
}

// inTable returns an error of the CSV reader with the place.
func inTable(path string, err error) error {
	var wrong *csv.ParseError
	switch {
	case errors.As(err, &wrong):
		return fmt.Errorf("%s:%d:%d: %w", path, wrong.Line, wrong.Column, wrong.Err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: the first line must name the columns", path)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// withoutMark returns the content without a byte order mark, see readFile.
func withoutMark(content io.ReadSeeker) io.Reader {
	mark := make([]byte, 3)
	if _, err := io.ReadFull(content, mark); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		return content
	}
	_, _ = content.Seek(0, io.SeekStart)
	return content
}
