package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/labring/sealos-notify/client"
)

type preferenceCommands struct {
	Show   showPreferences `cmd:"" help:"Show what a recipient has switched off."`
	Set    setPreferences  `cmd:"" help:"Replace what a recipient has switched off."`
	NewKey newLinkKey      `cmd:"" help:"Make a new key for the unsubscribe links of mails; administrators only."`
}

type showPreferences struct {
	Remote
	Recipient string `arg:"" placeholder:"TYPE:VALUE" help:"An address, such as email:alice@example.com."`
}

// Run shows the preferences of a recipient.
func (c showPreferences) Run(ctx context.Context, s *session) error {
	recipient, err := parseRecipient("RECIPIENT", c.Recipient)
	if err != nil {
		return err
	}
	p, err := s.api.Preferences(ctx, recipient)
	if err != nil {
		return err
	}
	return s.printPreferences(p)
}

type setPreferences struct {
	Remote
	Recipient string   `arg:"" placeholder:"TYPE:VALUE" help:"An address, such as email:alice@example.com."`
	Off       []string `sep:"none" placeholder:"KIND[@CHANNEL]" xor:"off" required:"" help:"Switch this kind off, over this channel or all; * for all kinds that may be switched off. May be repeated."`
	AllOn     bool     `xor:"off" required:"" help:"Switch nothing off."`
}

// Run sets the preferences of a recipient.
func (c setPreferences) Run(ctx context.Context, s *session) error {
	recipient, err := parseRecipient("RECIPIENT", c.Recipient)
	if err != nil {
		return err
	}
	wanted := client.Preferences{Recipient: recipient, Off: []client.Switch{}}
	for _, text := range c.Off {
		kind, channel, _ := strings.Cut(text, "@")
		switch kind {
		case "":
			return fmt.Errorf("--off %s: must be KIND or KIND@CHANNEL; * is all kinds", text)
		case "*":
			kind = ""
		}
		wanted.Off = append(wanted.Off, client.Switch{Kind: kind, Channel: channel})
	}
	now, err := s.api.SetPreferences(ctx, wanted)
	if err != nil {
		return err
	}
	return s.printPreferences(now)
}

func (s *session) printPreferences(p client.Preferences) error {
	return s.print(p, func(w io.Writer) {
		if len(p.Off) == 0 {
			row(w, "Nothing is switched off.")
			return
		}
		row(w, "OFF", "CHANNEL", "BY", "SINCE")
		for _, off := range p.Off {
			kind, channel := off.Kind, off.Channel
			if kind == "" {
				kind = "* (all that may be)"
			}
			if channel == "" {
				channel = "* (all)"
			}
			row(w, kind, channel, off.Source, off.CreatedAt)
		}
	})
}

type newLinkKey struct {
	Remote
	confirmFlag
	Forget bool `help:"Let the links of all mails that were sent so far be dead."`
}

// Run makes a new key of links.
func (c newLinkKey) Run(ctx context.Context, s *session) error {
	if c.Forget {
		if err := c.confirm(ctx, "The unsubscribe links of all mails that were sent so far will be dead."); err != nil {
			return err
		}
	}
	if err := s.api.NewLinkKey(ctx, c.Forget); err != nil {
		return err
	}
	return s.print(map[string]any{"made": true, "forgotten": c.Forget}, func(w io.Writer) { row(w, "All replicas use the new key within a minute.") })
}
