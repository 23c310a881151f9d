package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/labring/sealos-notify/channels"
)

// probeTime bounds the probe of one provider.
const probeTime = 15 * time.Second

// Probed is the result of probing one provider.
type Probed struct {
	Provider string
	Err      error // nil when the provider would accept a message
}

func (p Probed) String() string {
	if p.Err != nil {
		return fmt.Sprintf("provider %s: %s", p.Provider, channels.AsError(p.Err))
	}
	return fmt.Sprintf("provider %s: ok", p.Provider)
}

// Probe reaches every provider in use without sending anything, and calls
// report with each result. Its error joins those of misconfigured providers, which
// would refuse every message. A provider that is only unavailable is no error.
func Probe(ctx context.Context, registry *channels.Registry, report func(Probed)) error {
	var problems []error
	for _, provider := range registry.InUse() {
		prober, ok := provider.Sender.(channels.Prober)
		if !ok {
			continue
		}
		p := Probed{Provider: provider.Name, Err: probe(ctx, prober)}
		report(p)
		if p.Err != nil && channels.AsError(p.Err).Class == channels.Misconfigured {
			problems = append(problems, errors.New(p.String()))
		}
	}
	return errors.Join(problems...)
}

func probe(ctx context.Context, p channels.Prober) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	return channels.Probe(ctx, p)
}
