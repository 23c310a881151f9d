package api

import (
	"context"
	"time"

	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/store"
)

const (
	channelsDescription = "The queues are those of all apps and replicas, and may be some seconds old."
	overviewDescription = "How the channels stand, and which deliveries are dead. An app sees its own dead ones, an administrator everybody's: " +
		"among the newest 10,000 of all apps. " + channelsDescription
	// maxDeadCounted bounds the dead deliveries that are looked at.
	maxDeadCounted = 10_000
)

type channelView struct {
	Name      string        `json:"name"`
	Enabled   bool          `json:"enabled"`
	Provider  string        `json:"provider" doc:"that new deliveries go through; empty when the channel is not enabled"`
	Providers []string      `json:"providers" doc:"all that a delivery can be sent through by hand"`
	Waiting   int           `json:"waiting" doc:"deliveries that could be sent now"`
	Running   int           `json:"running" doc:"deliveries that are being sent"`
	Retrying  int           `json:"retrying" doc:"deliveries that wait for a retry"`
	Scheduled int           `json:"scheduled" doc:"deliveries that wait for their sendAt"`
	Breakers  []breakerView `json:"breakers" doc:"the open ones of the providers: what would go through these waits"`
	Oldest    *time.Time    `json:"oldest" doc:"since when the first of the waiting ones could have been sent; null when none waits"`
}

type channelListView struct {
	Channels []channelView `json:"channels"`
}

type listChannelsOutput struct{ Body channelListView }

type overviewInput struct {
	App string `query:"app" maxLength:"128" doc:"count only its dead deliveries; only administrators may name another than their own"`
}

type deadGroupView struct {
	Channel  string    `json:"channel"`
	Provider string    `json:"provider" doc:"of the last attempt"`
	Code     string    `json:"code" doc:"of the last failure"`
	Count    int       `json:"count"`
	Last     time.Time `json:"last" doc:"when the last of them was given up"`
}

type overviewView struct {
	Channels []channelView   `json:"channels"`
	Dead     []deadGroupView `json:"dead" doc:"the largest group first"`
	DeadMore bool            `json:"deadMore" doc:"there may be older ones, which were not counted"`
}

type overviewOutput struct{ Body overviewView }

func (s *Server) listChannels(ctx context.Context, _ *struct{}) (*listChannelsOutput, error) {
	channels, err := s.overview.Channels(ctx)
	if err != nil {
		return nil, err
	}
	return &listChannelsOutput{channelListView{viewChannels(channels)}}, nil
}

func (s *Server) getOverview(ctx context.Context, in *overviewInput) (*overviewOutput, error) {
	channels, err := s.overview.Channels(ctx)
	if err != nil {
		return nil, err
	}
	groups, more, err := s.deadGroups(ctx, in.App)
	if err != nil {
		return nil, err
	}
	out := &overviewOutput{overviewView{Channels: viewChannels(channels), Dead: make([]deadGroupView, len(groups)), DeadMore: more}}
	for i, g := range groups {
		out.Body.Dead[i] = deadGroupView(g)
	}
	return out, nil
}

// deadGroups counts the dead deliveries that the caller may see, of one app unless it is empty.
func (s *Server) deadGroups(ctx context.Context, app string) (groups []store.DeadGroup, more bool, err error) {
	if app, err = scope(ctx, app); err != nil {
		return nil, false, err
	}
	groups, more, err = s.store.DeadGroups(ctx, app, maxDeadCounted)
	for i := range groups {
		groups[i].Last = groups[i].Last.UTC()
	}
	return groups, more, err
}

func viewChannels(channels []overview.Channel) []channelView {
	views := make([]channelView, len(channels))
	for i, c := range channels {
		views[i] = channelView{
			Name: c.Name, Enabled: c.Enabled, Provider: c.Provider, Providers: append([]string{}, c.Providers...),
			Waiting: c.Waiting, Running: c.Running, Retrying: c.Retrying, Scheduled: c.Scheduled, Oldest: utc(c.Oldest),
			Breakers: make([]breakerView, len(c.Breakers)),
		}
		for j, b := range c.Breakers {
			views[i].Breakers[j] = viewBreaker(b)
		}
	}
	return views
}
