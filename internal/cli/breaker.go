package cli

import (
	"context"
	"fmt"
	"io"
)

type breakerCommands struct {
	Open  breakerOpenCommand  `cmd:"" help:"Let the deliveries of a provider wait."`
	Close breakerCloseCommand `cmd:"" help:"Let the deliveries of a provider go on."`
}

type breakerOpenCommand struct {
	Remote
	Provider string `arg:"" help:"Name of the provider."`
}

// Run opens a breaker.
func (c breakerOpenCommand) Run(ctx context.Context, s *session) error {
	return s.setBreaker(ctx, c.Provider, true, "Deliveries through %s wait, and spend no attempts. To let them go on: sealos-notify breaker close %[1]s\n")
}

type breakerCloseCommand struct {
	Remote
	Provider string `arg:"" help:"Name of the provider."`
}

// Run closes a breaker.
func (c breakerCloseCommand) Run(ctx context.Context, s *session) error {
	return s.setBreaker(ctx, c.Provider, false, "Deliveries through %s go on within half a minute.\n")
}

func (s *session) setBreaker(ctx context.Context, provider string, open bool, told string) error {
	if err := s.api.SetBreaker(ctx, provider, open); err != nil {
		return err
	}
	return s.print(map[string]any{"provider": provider, "open": open}, func(w io.Writer) { fmt.Fprintf(w, told, provider) })
}
