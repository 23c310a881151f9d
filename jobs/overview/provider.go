package overview

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

const (
	// probePause is between two probes of a provider, by all replicas together.
	probePause = 20 * time.Second
	// probeTime bounds a probe.
	probeTime = 8 * time.Second
)

// Setting is a key of a provider's configuration with its value. No secret is in it.
type Setting = channels.Setting

// Provider is a provider of the configuration in force, with its limits.
type Provider struct {
	Name, Type, Channel string
	InUse               bool           // deliveries of the channel go through it by themselves
	Place, Weight       int            // in the channel's list: from 1, and beside the others'
	Breaker             *store.Breaker // nil: closed
	OnUncertain         channels.OnUncertain
	Settings            []Setting
	Connections         int // that are open, by all replicas; 0 for one that does not count them
	CanProbe            bool
}

// Details returns all open providers: those of the enabled channels, and their spares.
func (o *Overview) Details(ctx context.Context) ([]Provider, error) {
	taken, err := o.store.PlacesTaken(ctx)
	if err != nil {
		return nil, err
	}
	breakers, err := o.store.OpenBreakers(ctx)
	if err != nil {
		return nil, err
	}
	registry := o.settings.Load().Registry
	all := []Provider{}
	for _, channel := range o.channels {
		for _, name := range registry.Providers(channel) {
			p, _ := registry.Named(name)
			_, canProbe := p.Sender.(channels.Prober)
			details := Provider{
				Name: name, Type: p.Type.Name, Channel: channel, InUse: p.Place > 0, Place: p.Place, Weight: p.Weight,
				OnUncertain: p.OnUncertain, Settings: p.Settings, Connections: taken[name], CanProbe: canProbe,
			}
			if i := slices.IndexFunc(breakers, func(b store.Breaker) bool { return b.Provider == name }); i >= 0 {
				details.Breaker = &breakers[i]
			}
			all = append(all, details)
		}
	}
	return all, nil
}

// Probed is what a probe found.
type Probed struct {
	Took time.Duration
	Err  *channels.Error // nil when the provider would take a message
}

// TooSoonError is the error of a probe shortly after another one.
type TooSoonError struct{ Wait time.Duration }

// Error implements error.
func (e *TooSoonError) Error() string {
	return fmt.Sprintf("this provider was probed just now; wait %s", e.Wait.Round(time.Second))
}

// Probe reaches a provider without sending anything. The error is store.ErrNotFound, a
// *TooSoonError, or a *refusal.Error for a provider that cannot be probed.
func (o *Overview) Probe(ctx context.Context, name string) (Probed, error) {
	p, known := o.settings.Load().Registry.Named(name)
	if !known {
		return Probed{}, store.ErrNotFound
	}
	prober, can := p.Sender.(channels.Prober)
	if !can {
		return Probed{}, refusal.New(refusal.CannotProbe, "", "this type of provider cannot be probed")
	}
	// No provider has a name with a slash, so these slots are not those of its deliveries.
	wait, taken, err := o.store.TakeSlot(ctx, "probe/"+name, probePause, 0)
	if err != nil {
		return Probed{}, err
	}
	if !taken {
		return Probed{}, &TooSoonError{wait}
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	started := time.Now()
	err = channels.Probe(ctx, prober)
	probed := Probed{Took: time.Since(started)}
	if err != nil {
		probed.Err = channels.AsError(err)
	}
	return probed, nil
}
