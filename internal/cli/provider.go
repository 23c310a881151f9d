package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/labring/sealos-notify/client"
)

type providerCommands struct {
	Remote
	List  listProviders `cmd:"" help:"List the providers as they are configured, without secrets; administrators only."`
	Probe probeProvider `cmd:"" help:"Reach a provider without sending anything; administrators only. Exit code 2 when it would not take a message."`
}

type listProviders struct{}

// Run lists the providers.
func (listProviders) Run(ctx context.Context, s *session) error {
	list, err := s.api.Providers(ctx)
	if err != nil {
		return err
	}
	return s.print(list, func(w io.Writer) {
		row(w, "CHANNEL", "PROVIDER", "TYPE", "PLACE", "CONNECTIONS", "SETTINGS")
		for _, p := range list.Providers {
			settings := make([]string, len(p.Settings))
			for i, one := range p.Settings {
				settings[i] = one.Key + "=" + one.Value
			}
			row(w, p.Channel, p.Name, p.Type, place(p), p.Connections, strings.Join(settings, "; "))
		}
	})
}

// place returns where a provider is in its channel's list, with its weight and its breaker.
func place(p client.Provider) string {
	text := "spare"
	if p.Place > 0 {
		text = strconv.Itoa(p.Place)
	}
	if p.Weight > 0 {
		text += fmt.Sprintf(", weight %d", p.Weight)
	}
	if p.Breaker != nil {
		text += " (open)"
	}
	return text
}

type probeProvider struct {
	Provider string `arg:"" help:"Name of the provider."`
}

// Run probes a provider.
func (c probeProvider) Run(ctx context.Context, s *session) error {
	probed, err := s.api.ProbeProvider(ctx, c.Provider)
	if err != nil {
		return err
	}
	result := fmt.Sprintf("%s: ok, within %d ms", probed.Provider, probed.TookMs)
	if !probed.OK {
		result = fmt.Sprintf("%s: %s (%s): %s", probed.Provider, probed.Code, probed.Class, probed.Error)
	}
	if err := s.print(probed, func(w io.Writer) { row(w, result) }); err != nil || probed.OK {
		return err
	}
	return &failure{errors.New("the provider would not take a message"), exitIncomplete}
}
