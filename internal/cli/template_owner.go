package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/labring/sealos-notify/client"
)

type templateOwner struct {
	Name string `arg:"" help:"Name of the template."`
	App  string `arg:"" name:"app-id" help:"Id of the app that it belongs to from now on."`
}

// Run gives a template to another app.
func (c templateOwner) Run(ctx context.Context, s *session) error {
	t, err := s.api.Template(ctx, c.Name)
	if err != nil {
		return err
	}
	request := client.ReplaceRequest{TemplateRequest: fileOf(t).request(), Version: t.Version}
	request.Owner = c.App
	if t, err = s.api.ReplaceTemplate(ctx, request); err != nil {
		return err
	}
	return s.print(t, func(w io.Writer) { fmt.Fprintf(w, "Template %s belongs to %s now.\n", t.Name, t.Owner) })
}
