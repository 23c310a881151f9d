package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/labring/sealos-notify/client"
)

// templateFile is a template as a YAML file.
type templateFile struct {
	Name          string                 `yaml:"name" json:"name"`
	Channel       string                 `yaml:"channel" json:"channel"`
	Description   string                 `yaml:"description,omitempty" json:"description,omitempty"`
	MsgType       string                 `yaml:"msgType,omitempty" json:"msgType,omitempty"`
	TemplateCode  string                 `yaml:"templateCode,omitempty" json:"templateCode,omitempty"`
	TemplateCodes map[string]string      `yaml:"templateCodes,omitempty" json:"templateCodes,omitempty"`
	Private       bool                   `yaml:"private,omitempty" json:"private,omitempty"`
	Locale        string                 `yaml:"locale,omitempty" json:"locale,omitempty"`
	Subject       string                 `yaml:"subject,omitempty" json:"subject,omitempty"`
	Body          string                 `yaml:"body,omitempty" json:"body,omitempty"`
	Texts         map[string]client.Text `yaml:"texts,omitempty" json:"texts,omitempty"`
}

func fileOf(t client.Template) templateFile {
	return templateFile{
		Name: t.Name, Channel: t.Channel, Description: t.Description, MsgType: t.MsgType,
		TemplateCode: t.TemplateCode, TemplateCodes: t.TemplateCodes, Subject: t.Subject, Body: t.Body, Private: t.Private,
		Locale: t.Locale, Texts: t.Texts,
	}
}

// equal reports whether both files are the same template.
func (f templateFile) equal(other templateFile) bool { return reflect.DeepEqual(f, other) }

func (f templateFile) request() client.TemplateRequest {
	return client.TemplateRequest{
		Name: f.Name, Channel: f.Channel, Description: f.Description, MsgType: f.MsgType,
		TemplateCode: f.TemplateCode, TemplateCodes: f.TemplateCodes, Subject: f.Subject, Body: f.Body, Private: f.Private,
		Locale: f.Locale, Texts: f.Texts,
	}
}

// sampledFile is a file as it is read: the template, and params to try it with, which the
// service does not store.
type sampledFile struct {
	Template     templateFile   `yaml:",inline"`
	SampleParams map[string]any `yaml:"sampleParams"`
}

// document returns the file's content. Reading it gives the same template. When the
// usual style would lose something, such as trailing spaces or what a terminal cannot show,
// the document is JSON, which is YAML too.
func (f templateFile) document() (string, error) {
	content, err := yaml.MarshalWithOptions(f, yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		return "", err
	}
	again, err := parseTemplateFile(content)
	if err == nil && again.Template.equal(f) && bytes.Equal(content, cleaned(content)) {
		return string(content), nil
	}
	var document strings.Builder
	encoder := json.NewEncoder(&document)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(f); err != nil {
		return "", err
	}
	return escapeInvisible(document.String()), nil
}

// parseTemplateFile parses a file strictly.
func parseTemplateFile(content []byte) (f sampledFile, err error) {
	if err := yaml.UnmarshalWithOptions(content, &f, yaml.Strict()); err != nil {
		return f, errors.New(yaml.FormatError(err, false, false))
	}
	if f.Template.Name == "" || f.Template.Channel == "" {
		return f, errors.New("name and channel are required")
	}
	return f, nil
}

// readTemplates reads the YAML files of a folder and returns them by template name.
// It reports all problems at once.
func readTemplates(dir string) (map[string]sampledFile, error) {
	paths, err := yamlFiles(dir)
	if err != nil {
		return nil, err
	}
	files := map[string]sampledFile{}
	var problems []error
	for _, path := range paths {
		content, err := readFile(path)
		if err != nil {
			return nil, err
		}
		f, err := parseTemplateFile(content)
		switch _, twice := files[f.Template.Name]; {
		case err != nil:
			problems = append(problems, fmt.Errorf("%s: %w", path, err))
		case twice:
			problems = append(problems, fmt.Errorf("%s: template %s is in another file, too", path, f.Template.Name))
		default:
			files[f.Template.Name] = f
		}
	}
	return files, errors.Join(problems...)
}
