package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/labring/sealos-notify/client"
)

type kindCommands struct {
	Remote
	List listKinds  `cmd:"" help:"List the kinds."`
	Show showKind   `cmd:"" help:"Print a kind as a file for push."`
	Push pushKinds  `cmd:"" help:"Create and replace kinds from YAML files; administrators only."`
	Rm   removeKind `cmd:"" help:"Delete a kind; administrators only. What was accepted stays as it is."`
}

// kindFile is a kind as a YAML file.
type kindFile struct {
	Name        string             `yaml:"name"`
	Description string             `yaml:"description,omitempty"`
	Channels    []string           `yaml:"channels,omitempty"`
	Optional    bool               `yaml:"optional,omitempty"`
	Critical    bool               `yaml:"critical,omitempty"`
	Quiet       *quietFile         `yaml:"quiet,omitempty"`
	Caps        map[string]capFile `yaml:"caps,omitempty"`
}

type quietFile struct {
	From     string   `yaml:"from"`
	To       string   `yaml:"to"`
	TimeZone string   `yaml:"timeZone"`
	Channels []string `yaml:"channels,omitempty"`
}

type capFile struct {
	Limit int    `yaml:"limit"`
	Per   string `yaml:"per"`
}

func kindFileOf(k client.Kind) kindFile {
	f := kindFile{Name: k.Name, Description: k.Description, Channels: k.Channels, Optional: k.Optional, Critical: k.Critical}
	if k.Quiet != nil {
		quiet := quietFile(*k.Quiet)
		f.Quiet = &quiet
	}
	for channel, c := range k.Caps {
		if f.Caps == nil {
			f.Caps = map[string]capFile{}
		}
		f.Caps[channel] = capFile(c)
	}
	return f
}

func (f kindFile) request() client.KindRequest {
	r := client.KindRequest{Name: f.Name, Description: f.Description, Channels: f.Channels, Optional: f.Optional, Critical: f.Critical}
	if f.Quiet != nil {
		quiet := client.QuietHours(*f.Quiet)
		r.Quiet = &quiet
	}
	for channel, c := range f.Caps {
		if r.Caps == nil {
			r.Caps = map[string]client.KindCap{}
		}
		r.Caps[channel] = client.KindCap(c)
	}
	return r
}

type listKinds struct{}

// Run lists kinds.
func (listKinds) Run(ctx context.Context, s *session) error {
	list, err := s.api.Kinds(ctx, 0, "")
	if err != nil {
		return err
	}
	return s.print(list, func(w io.Writer) {
		row(w, "KIND", "CHANNELS", "QUIET", "CAPS", "PASSES", "UPDATED", "DESCRIPTION")
		for _, k := range list.Kinds {
			passes := ""
			if k.Critical {
				passes = "critical"
			}
			row(w, k.Name, channelsText(k.Channels), quietText(k.Quiet), capsText(k.Caps), passes, k.UpdatedAt, k.Description)
		}
	})
}

func channelsText(channels []string) string {
	if len(channels) == 0 {
		return "all"
	}
	return strings.Join(channels, ", ")
}

func quietText(q *client.QuietHours) string {
	if q == nil {
		return ""
	}
	return fmt.Sprintf("%s-%s %s (%s)", q.From, q.To, q.TimeZone, channelsText(q.Channels))
}

func capsText(caps map[string]client.KindCap) string {
	var texts []string
	for _, channel := range slices.Sorted(maps.Keys(caps)) {
		texts = append(texts, fmt.Sprintf("%s: %d a %s", channel, caps[channel].Limit, caps[channel].Per))
	}
	return strings.Join(texts, ", ")
}

type showKind struct {
	Name string `arg:"" help:"Name of the kind."`
}

// Run prints a kind.
func (c showKind) Run(ctx context.Context, s *session) error {
	k, err := s.api.Kind(ctx, c.Name)
	if err != nil {
		return err
	}
	document, err := yaml.Marshal(kindFileOf(k))
	if err != nil {
		return err
	}
	return s.printText(k, string(cleaned(document)))
}

type pushKinds struct {
	Files []string `arg:"" name:"file" type:"existingfile" help:"YAML files, each with one kind."`
}

// Run writes kinds. One that the service refuses does not stop the others.
func (c pushKinds) Run(ctx context.Context, s *session) error {
	requests := make([]client.KindRequest, len(c.Files))
	for i, path := range c.Files {
		content, err := readFile(path)
		if err != nil {
			return err
		}
		var f kindFile
		if err := yaml.UnmarshalWithOptions(content, &f, yaml.Strict()); err != nil {
			return fmt.Errorf("%s: %s", path, yaml.FormatError(err, false, false))
		}
		if f.Name == "" {
			return fmt.Errorf("%s: name is required", path)
		}
		requests[i] = f.request()
	}
	written := []client.Kind{}
	var refused []error
	for _, r := range requests {
		k, err := s.api.PutKind(ctx, r)
		if err != nil {
			refused = append(refused, fmt.Errorf("kind %s: %w", r.Name, err))
			continue
		}
		written = append(written, k)
	}
	err := s.print(client.KindList{Kinds: written}, func(w io.Writer) {
		for _, k := range written {
			fmt.Fprintf(w, "Kind %s is in force.\n", k.Name)
		}
	})
	return errors.Join(append(refused, err)...)
}

type removeKind struct {
	Name string `arg:"" help:"Name of the kind."`
	confirmFlag
}

// Run deletes a kind.
func (c removeKind) Run(ctx context.Context, s *session) error {
	k, err := s.api.Kind(ctx, c.Name)
	if err != nil {
		return err
	}
	if err := c.confirm(ctx, fmt.Sprintf("Kind %s will be deleted: requests that name it are refused then.", c.Name)); err != nil {
		return err
	}
	if err := s.api.DeleteKind(ctx, c.Name); err != nil {
		return err
	}
	return s.print(k, func(w io.Writer) { fmt.Fprintf(w, "Kind %s is deleted.\n", c.Name) })
}
