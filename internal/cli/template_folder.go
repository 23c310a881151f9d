package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/labring/sealos-notify/client"
)

// folderFlags are the folder that is compared with the service's templates.
type folderFlags struct {
	Dir   string `arg:"" type:"existingdir" help:"Folder with one YAML file for each template."`
	Prune bool   `help:"Also delete the templates of this app that are not in the folder."`
}

// What push does to a template.
const (
	created   = "created"
	updated   = "updated"
	deleted   = "deleted"
	unchanged = "unchanged"
)

// change is what push does to one template.
type change struct {
	Name   string `json:"name"`
	Action string `json:"action"`

	before, after templateFile // zero when there is none
	version       int          // of before, when it is updated
}

// changes compares the folder with the service, and returns the changes by name.
func (f folderFlags) changes(ctx context.Context, s *session) ([]change, error) {
	files, err := readTemplates(f.Dir)
	if err != nil {
		return nil, err
	}
	list, err := s.api.Templates(ctx, client.TemplateQuery{})
	if err != nil {
		return nil, err
	}
	wanted := map[string]templateFile{}
	for name, file := range files {
		wanted[name] = file.Template
	}
	return compare(wanted, list.Templates, func(t client.Template) bool { return f.Prune && t.Owner == s.appID }), nil
}

// compare returns the changes that make the service's templates equal to the wanted ones, by name. Of
// the templates that are not wanted, it deletes those for which prune returns true.
func compare(wanted map[string]templateFile, have []client.Template, prune func(client.Template) bool) []change {
	changes := map[string]change{}
	for name, file := range wanted {
		changes[name] = change{Name: name, Action: created, after: file}
	}
	for _, t := range have {
		before := fileOf(t)
		after, is := wanted[t.Name]
		switch {
		case !is && prune(t):
			changes[t.Name] = change{Name: t.Name, Action: deleted, before: before}
		case !is:
		case after.equal(before):
			changes[t.Name] = change{Name: t.Name, Action: unchanged, before: before, after: before}
		default:
			changes[t.Name] = change{Name: t.Name, Action: updated, before: before, after: after, version: t.Version}
		}
	}
	ordered := make([]change, 0, len(changes))
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		ordered = append(ordered, changes[name])
	}
	return ordered
}

func (c change) apply(ctx context.Context, api *client.Client) (err error) {
	switch c.Action {
	case created:
		_, err = api.CreateTemplate(ctx, c.after.request())
	case updated:
		_, err = api.ReplaceTemplate(ctx, client.ReplaceRequest{TemplateRequest: c.after.request(), Version: c.version})
	case deleted:
		err = api.DeleteTemplate(ctx, c.Name)
	}
	return err
}

// check asks the service whether it would take the change. A deletion needs no check.
func (c change) check(ctx context.Context, api *client.Client) (err error) {
	if c.Action == created || c.Action == updated {
		_, err = api.CheckTemplate(ctx, client.CheckRequest{TemplateRequest: c.after.request()})
	}
	return err
}

type pushTemplates struct {
	folderFlags
	DryRun bool `help:"Only have the service check it, and show what would be done."`
	confirmFlag
}

// Run applies a folder.
func (c pushTemplates) Run(ctx context.Context, s *session) error {
	changes, err := c.changes(ctx, s)
	if err != nil {
		return err
	}
	if !c.DryRun {
		if err := c.confirmDeletions(ctx, changes); err != nil {
			return err
		}
	}
	_, err = applyAll(ctx, s, changes, c.DryRun)
	return err
}

// applyAll applies changes, or only has the service check them, and prints those that it took. A template
// that the service refuses does not stop the others: they are returned, and the error names each with
// the reason.
func applyAll(ctx context.Context, s *session, changes []change, dryRun bool) (refused []change, err error) {
	do, verb := change.apply, ""
	if dryRun {
		do, verb = change.check, "would be "
	}
	done := []change{}
	var reasons []error
	for _, change := range changes {
		if err := do(change, ctx, s.api); err != nil {
			reasons = append(reasons, fmt.Errorf("template %s: %w", change.Name, err))
			var problem *client.Problem
			if !errors.As(err, &problem) {
				break // the service does not answer
			}
			refused = append(refused, change)
			continue
		}
		done = append(done, change)
	}
	err = s.print(done, func(w io.Writer) {
		for _, change := range done {
			row(w, change.Name, verb+change.Action)
		}
	})
	return refused, errors.Join(append(reasons, err)...)
}

// confirmDeletions asks before templates are deleted.
func (c pushTemplates) confirmDeletions(ctx context.Context, changes []change) error {
	var names []string
	for _, change := range changes {
		if change.Action == deleted {
			names = append(names, change.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return c.confirm(ctx, fmt.Sprintf("%s without a file in %s will be deleted: %s.", count(len(names), "template"), c.Dir, strings.Join(names, ", ")))
}

type diffTemplates struct {
	folderFlags
}

// Run shows the difference between the service and a folder.
func (c diffTemplates) Run(ctx context.Context, s *session) error {
	changes, err := c.changes(ctx, s)
	if err != nil {
		return err
	}
	changes = slices.DeleteFunc(changes, func(c change) bool { return c.Action == unchanged })
	differences := make([]difference, len(changes))
	for i, change := range changes {
		differences[i].change = change
		if differences[i].Diff, err = change.diff(); err != nil {
			return err
		}
	}
	var text strings.Builder
	for _, d := range differences {
		text.WriteString(d.Diff)
	}
	err = s.printText(differences, text.String())
	if err == nil && len(differences) > 0 {
		return &failure{fmt.Errorf("different from the service: %s", count(len(differences), "template")), exitIncomplete}
	}
	return err
}

// difference is a change with its diff.
type difference struct {
	change
	Diff string `json:"diff"` // in unified format
}

func (c change) diff() (string, error) {
	var texts [2]string
	for i, file := range []templateFile{c.before, c.after} {
		if file.equal(templateFile{}) {
			continue
		}
		var err error
		if texts[i], err = file.document(); err != nil {
			return "", err
		}
	}
	return udiff.Unified("service/"+c.Name, "folder/"+c.Name, texts[0], texts[1]), nil
}
