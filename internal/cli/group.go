package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/labring/sealos-notify/client"
)

type groupCommands struct {
	Remote
	List listGroups  `cmd:"" help:"List groups of contacts by owner and name."`
	Show showGroup   `cmd:"" help:"Print a group as a file for push."`
	Push pushGroups  `cmd:"" help:"Create and change groups from YAML files. Those that are not in them stay."`
	Rm   removeGroup `cmd:"" help:"Delete groups. Their contacts stay."`
}

// groupFile is a group as a YAML document.
type groupFile struct {
	Name     string            `yaml:"name"`
	Contacts []string          `yaml:"contacts,omitempty"`
	Labels   map[string]string `yaml:"labels,omitempty"`
}

type listGroups struct {
	whoseFlags
	keyFlags
}

// Run lists groups.
func (c listGroups) Run(ctx context.Context, s *session) error {
	list, err := s.api.Groups(ctx, client.GroupQuery{Whose: c.whose(), Name: string(c.Name), Limit: c.Limit, After: c.After})
	if err != nil {
		return err
	}
	return s.print(list, func(w io.Writer) {
		row(w, "NAME", "OWNER", "LISTED", "LABELS", "UPDATED")
		for _, g := range list.Groups {
			row(w, g.Name, g.Owner, len(g.Contacts), labelText(g.Labels), g.UpdatedAt)
		}
		s.hintAtMore(list.Next)
	})
}

type showGroup struct {
	Name string `arg:"" help:"Name of the group."`
	whoseFlags
}

// Run prints a group.
func (c showGroup) Run(ctx context.Context, s *session) error {
	g, err := s.api.Group(ctx, c.Name, c.whose())
	if err != nil {
		return err
	}
	document, err := document(groupFile{Name: g.Name, Contacts: g.Contacts, Labels: g.Labels})
	if err != nil {
		return err
	}
	return s.printText(g, document)
}

type pushGroups struct {
	Path string `arg:"" type:"path" help:"Folder with YAML files, or one YAML file."`
	whoseFlags
	DryRun bool `help:"Only have the service check it, and show what would be done."`
}

// placedGroup is a group with where it stands.
type placedGroup struct {
	groupFile
	place string
}

// Run pushes groups. A group that the service refuses does not stop the others.
func (c pushGroups) Run(ctx context.Context, s *session) error {
	groups, err := readGroups(c.Path)
	if err != nil {
		return err
	}
	done := []client.GroupWritten{}
	var refused []error
	for _, g := range groups {
		written, err := s.api.PutGroup(ctx, g.Name, client.GroupRequest{Contacts: g.Contacts, Labels: g.Labels, DryRun: c.DryRun}, c.whose())
		if err != nil {
			refused = append(refused, fmt.Errorf("%s: group %s: %w", g.place, g.Name, err))
			var problem *client.Problem
			if !errors.As(err, &problem) {
				break // the service does not answer
			}
			continue
		}
		done = append(done, written)
	}
	verb := ""
	if c.DryRun {
		verb = "would be "
	}
	err = s.print(done, func(w io.Writer) {
		for _, g := range done {
			row(w, g.Name, verb+g.Change)
		}
	})
	return errors.Join(append(refused, err)...)
}

// readGroups returns the groups of YAML files, see readDocuments.
func readGroups(path string) (groups []placedGroup, err error) {
	seen := map[string]string{} // place by name
	err = readDocuments(path, func(place string, node ast.Node) error {
		g := placedGroup{place: place}
		if err := yaml.NodeToValue(node, &g.groupFile, yaml.Strict()); err != nil {
			return inFile(place, err)
		}
		if g.Name == "" {
			return fmt.Errorf("%s: name is required", place)
		}
		if before, twice := seen[g.Name]; twice {
			return fmt.Errorf("%s: group %s is at %s, too", place, g.Name, before)
		}
		seen[g.Name] = place
		groups = append(groups, g)
		return nil
	})
	return groups, err
}

type removeGroup struct {
	Names []string `arg:"" name:"name" help:"Names of the groups."`
	whoseFlags
	confirmFlag
}

// Run deletes groups.
func (c removeGroup) Run(ctx context.Context, s *session) error {
	return remove(ctx, s, "group", c.Names, c.confirmFlag, func(name string) error { return s.api.DeleteGroup(ctx, name, c.whose()) })
}
