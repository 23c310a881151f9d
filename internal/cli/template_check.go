package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/labring/sealos-notify/client"
)

type checkTemplates struct {
	Dir string `arg:"" type:"existingdir" help:"Folder with one YAML file for each template."`
}

// checked is what the service says about a template that it would take.
type checked struct {
	Name    string          `json:"name"`
	Preview *client.Preview `json:"preview"` // nil without sampleParams
}

// result returns what a table shows.
func (c checked) result() string {
	if c.Preview == nil {
		return "ok, not rendered: no sampleParams"
	}
	if missing := missingIn(*c.Preview); missing != "" {
		return "sampleParams lack " + missing
	}
	if unused := inTexts(*c.Preview, func(text client.PreviewText) []string { return text.Unused }); unused != "" {
		return "ok, never mentions " + unused
	}
	return "ok"
}

// Run checks a folder. A template that the service refuses does not stop the others.
func (c checkTemplates) Run(ctx context.Context, s *session) error {
	files, err := readTemplates(c.Dir)
	if err != nil {
		return err
	}
	done := []checked{}
	incomplete := 0
	var refused []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		file := files[name]
		answer, err := s.api.CheckTemplate(ctx, client.CheckRequest{TemplateRequest: file.Template.request(), Params: file.SampleParams})
		var problem *client.Problem
		switch {
		case errors.As(err, &problem):
			refused = append(refused, fmt.Errorf("template %s: %w", name, err))
			continue
		case err != nil:
			return err // the service does not answer
		}
		if answer.Preview != nil && missingIn(*answer.Preview) != "" {
			incomplete++
		}
		done = append(done, checked{name, answer.Preview})
	}
	err = s.print(done, func(w io.Writer) {
		for _, c := range done {
			row(w, c.Name, c.result())
		}
	})
	if len(refused) == 0 && err == nil && incomplete > 0 {
		return &failure{fmt.Errorf("params are missing in %s", count(incomplete, "template")), exitIncomplete}
	}
	return errors.Join(append(refused, err)...)
}
