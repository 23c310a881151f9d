package api

import (
	"context"

	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/store"
)

const (
	providersDescription = "The configuration in force, after the last reload, without secrets: they are `***`. " +
		"Providers of channels that are not enabled are left out."
	probeDescription = "Reaches the provider without sending anything: its address, the credentials and the permissions, as far as the vendor allows. " +
		"Between two probes of a provider are 20 seconds, over all replicas (429 `probed_just_now`)."
)

type providerView struct {
	Name        string        `json:"name"`
	Type        string        `json:"type" example:"smtp"`
	Channel     string        `json:"channel"`
	InUse       bool          `json:"inUse" doc:"deliveries of the channel go through it by themselves; otherwise it is a spare"`
	Place       int           `json:"place" doc:"in the channel's list, from 1; 0 for a spare"`
	Weight      int           `json:"weight" doc:"its part of the deliveries, beside the other weights of the list"`
	Breaker     *breakerView  `json:"breaker,omitempty" doc:"left out while it takes deliveries"`
	OnUncertain string        `json:"onUncertain" enum:"resend,hold" doc:"what happens when an answer is lost"`
	Connections int           `json:"connections" doc:"that all replicas have open together; 0 for a type that does not count them"`
	CanProbe    bool          `json:"canProbe"`
	Settings    []settingView `json:"settings" doc:"its keys in the configuration, limits among them"`
}

type settingView struct {
	Key   string `json:"key" example:"rateLimit.perSecond"`
	Value string `json:"value" doc:"*** for a secret that is set"`
}

type listProvidersOutput struct{ Body providerListView }

type providerListView struct {
	Providers []providerView `json:"providers" doc:"by channel and name"`
}

type probeInput struct {
	Name string `path:"name" maxLength:"64" doc:"name of the provider"`
}

type probeOutput struct{ Body probeView }

type probeView struct {
	Provider string `json:"provider"`
	OK       bool   `json:"ok" doc:"it would take a message"`
	TookMs   int64  `json:"tookMs"`
	Class    string `json:"class" doc:"of the failure, such as misconfigured; empty when ok"`
	Code     string `json:"code" doc:"of the failure"`
	Error    string `json:"error" doc:"what the vendor said"`
}

func (s *Server) listProviders(ctx context.Context, _ *struct{}) (*listProvidersOutput, error) {
	providers, err := s.overview.Details(ctx)
	if err != nil {
		return nil, err
	}
	out := &listProvidersOutput{providerListView{make([]providerView, len(providers))}}
	for i, p := range providers {
		view := providerView{
			Name: p.Name, Type: p.Type, Channel: p.Channel, InUse: p.InUse, Place: p.Place, Weight: p.Weight, OnUncertain: string(p.OnUncertain),
			Connections: p.Connections, CanProbe: p.CanProbe, Settings: make([]settingView, len(p.Settings)),
		}
		if p.Breaker != nil {
			breaker := viewBreaker(*p.Breaker)
			view.Breaker = &breaker
		}
		for j, setting := range p.Settings {
			view.Settings[j] = settingView(setting)
		}
		out.Body.Providers[i] = view
	}
	return out, nil
}

func (s *Server) probeProvider(ctx context.Context, in *probeInput) (*probeOutput, error) {
	probed, err := s.probe(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	view := probeView{Provider: in.Name, OK: probed.Err == nil, TookMs: probed.Took.Milliseconds()}
	if probed.Err != nil {
		view.Class, view.Code, view.Error = string(probed.Err.Class), probed.Err.Code, probed.Err.Message
	}
	return &probeOutput{view}, nil
}

// probe probes a provider. The audit log has who did it, and what came out.
func (s *Server) probe(ctx context.Context, name string) (overview.Probed, error) {
	probed, err := s.overview.Probe(ctx, name)
	if err != nil {
		return probed, err
	}
	entry := actorOf(ctx).Did(store.AuditProviderProbe, name)
	if entry.Detail = "ok"; probed.Err != nil {
		entry.Detail = probed.Err.Code
	}
	s.Audit(ctx, entry)
	return probed, nil
}
