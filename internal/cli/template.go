package cli

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/labring/sealos-notify/client"
)

type templateCommands struct {
	Remote
	List     listTemplates    `cmd:"" help:"List the templates."`
	Get      getTemplate      `cmd:"" help:"Print a template as a file for push."`
	Check    checkTemplates   `cmd:"" help:"Have the service check a folder of YAML files, and render them with their sampleParams. Nothing is stored."`
	Push     pushTemplates    `cmd:"" help:"Create and update templates from a folder of YAML files."`
	Pull     pullTemplates    `cmd:"" help:"Copy the templates of the service that this one replaces."`
	Diff     diffTemplates    `cmd:"" help:"Show what push would change; exit code 2 when there is something."`
	Preview  previewTemplate  `cmd:"" help:"Render a template with params, and name those that are missing."`
	Test     testTemplate     `cmd:"" help:"Send a template to one recipient, marked as a test."`
	Versions templateVersions `cmd:"" help:"List the versions of a template."`
	Restore  restoreTemplate  `cmd:"" help:"Restore a version of a template, also of a deleted one."`
	Owner    templateOwner    `cmd:"" help:"Give a template to another app; administrators only."`
	Delete   deleteTemplate   `cmd:"" help:"Delete a template. Its versions stay, so that restore brings it back."`
}

type listTemplates struct {
	Channel selector `placeholder:"CHANNEL" help:"Of this channel."`
	Deleted bool     `help:"The deleted ones instead; restore brings one back."`
}

// Run lists templates.
func (c listTemplates) Run(ctx context.Context, s *session) error {
	list, err := s.api.Templates(ctx, client.TemplateQuery{Channel: string(c.Channel), Deleted: c.Deleted})
	if err != nil {
		return err
	}
	return s.print(list, func(w io.Writer) {
		row(w, "NAME", "CHANNEL", "OWNER", "VERSION", "UPDATED", "DESCRIPTION")
		for _, t := range list.Templates {
			row(w, t.Name, t.Channel, t.Owner, t.Version, t.UpdatedAt, t.Description)
		}
	})
}

type getTemplate struct {
	Name    string `arg:"" help:"Name of the template."`
	Version int    `placeholder:"N" help:"This version of it; the current one when left out."`
}

// Run prints a template.
func (c getTemplate) Run(ctx context.Context, s *session) error {
	if c.Version > 0 {
		v, err := s.api.TemplateVersion(ctx, c.Name, c.Version)
		if err != nil {
			return err
		}
		return s.printFile(v, templateFile{
			Name: v.Name, Channel: v.Channel, Description: v.Description, MsgType: v.MsgType,
			TemplateCode: v.TemplateCode, TemplateCodes: v.TemplateCodes, Subject: v.Subject, Body: v.Body, Private: v.Private,
			Locale: v.Locale, Texts: v.Texts,
		})
	}
	t, err := s.api.Template(ctx, c.Name)
	if err != nil {
		return err
	}
	return s.printFile(t, fileOf(t))
}

func (s *session) printFile(result any, f templateFile) error {
	document, err := f.document()
	if err != nil {
		return err
	}
	return s.printText(result, document)
}

type previewTemplate struct {
	Name string `arg:"" help:"Name of the template."`
	paramFlags
}

// Run renders a template.
func (c previewTemplate) Run(ctx context.Context, s *session) error {
	params, err := c.values()
	if err != nil {
		return err
	}
	p, err := s.api.PreviewTemplate(ctx, c.Name, params)
	if err != nil {
		return err
	}
	err = s.print(p, func(w io.Writer) {
		for i, text := range textsOf(p) {
			if i > 0 {
				fmt.Fprintln(w)
			}
			if text.Locale != "" {
				row(w, "Language", text.Locale)
			}
			renderedText(w, client.Rendered{
				MsgType: text.MsgType, Subject: text.Subject, Body: text.Body, TemplateCode: text.TemplateCode, Params: text.Params,
			})
		}
	})
	if unused := inTexts(p, func(text client.PreviewText) []string { return text.Unused }); unused != "" {
		fmt.Fprintf(s.progress, "params that the template never mentions: %s\n", unused)
	}
	if missing := missingIn(p); err == nil && missing != "" {
		return &failure{fmt.Errorf("params are missing: %s", missing), exitIncomplete}
	}
	return err
}

// textsOf returns the previews of all texts of a template, its own first.
func textsOf(p client.Preview) []client.PreviewText {
	all := []client.PreviewText{p.PreviewText}
	for _, locale := range slices.Sorted(maps.Keys(p.Texts)) {
		all = append(all, p.Texts[locale])
	}
	return all
}

// missingIn returns the params that are missing in the texts of a template.
func missingIn(p client.Preview) string {
	return inTexts(p, func(text client.PreviewText) []string { return text.Missing })
}

// inTexts returns the names of params that are found in the texts of a template, with the
// language where there are several: "amount; en: amount, due".
func inTexts(p client.Preview, find func(client.PreviewText) []string) string {
	var found []string
	for i, text := range textsOf(p) {
		names := strings.Join(find(text), ", ")
		if names != "" && i > 0 {
			names = text.Locale + ": " + names
		}
		if names != "" {
			found = append(found, names)
		}
	}
	return strings.Join(found, "; ")
}

type testTemplate struct {
	Name string `arg:"" help:"Name of the template."`
	paramFlags
	To     string `required:"" placeholder:"TYPE:VALUE" help:"Recipient, such as email:alice@example.com."`
	Locale string `placeholder:"LOCALE" help:"The recipient's language, such as zh or en; the template's own text when left out."`
	waitFlags
}

// Run sends a test.
func (c testTemplate) Run(ctx context.Context, s *session) error {
	params, err := c.values()
	if err != nil {
		return err
	}
	to, err := parseRecipient("--to", c.To)
	if err != nil {
		return err
	}
	request := client.TestRequest{IdempotencyKey: "cli-" + rand.Text(), Recipient: to, Params: params, Locale: c.Locale}
	accepted, err := s.api.TestTemplate(ctx, c.Name, request)
	if err != nil {
		return err
	}
	return c.follow(ctx, s, accepted, request.IdempotencyKey)
}

type templateVersions struct {
	Name  string `arg:"" help:"Name of the template; it may be deleted."`
	Limit int    `default:"50" placeholder:"N" help:"At most N, up to 500 (${default})."`
	After int    `placeholder:"VERSION" help:"The page after this one."`
}

// Run lists a template's versions.
func (c templateVersions) Run(ctx context.Context, s *session) error {
	list, err := s.api.TemplateVersions(ctx, c.Name, c.Limit, c.After)
	if err != nil {
		return err
	}
	return s.print(list, func(w io.Writer) {
		row(w, "VERSION", "WRITTEN", "BY", "")
		for _, v := range list.Versions {
			what := " "
			if v.Deleted {
				what = "deleted"
			}
			row(w, v.Version, v.CreatedAt, v.CreatedBy, what)
		}
		if list.Next > 0 {
			s.hintAtMore(strconv.Itoa(list.Next))
		}
	})
}

type restoreTemplate struct {
	Name    string `arg:"" help:"Name of the template."`
	Version int    `arg:"" help:"Version to restore."`
}

// Run restores a template.
func (c restoreTemplate) Run(ctx context.Context, s *session) error {
	t, err := s.api.RestoreTemplate(ctx, c.Name, c.Version)
	if err != nil {
		return err
	}
	return s.print(t, func(w io.Writer) {
		fmt.Fprintf(w, "Template %s is version %d now, equal to version %d.\n", t.Name, t.Version, c.Version)
	})
}

type deleteTemplate struct {
	Name string `arg:"" help:"Name of the template."`
}

// Run deletes a template.
func (c deleteTemplate) Run(ctx context.Context, s *session) error {
	t, err := s.api.Template(ctx, c.Name)
	if err != nil {
		return err
	}
	if err := s.api.DeleteTemplate(ctx, c.Name); err != nil {
		return err
	}
	return s.print(t, func(w io.Writer) {
		fmt.Fprintf(w, "Template %s is deleted. To undo it: sealos-notify template restore %[1]s %d\n", t.Name, t.Version)
	})
}
