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
		"among the newest 10,000 of all apps. " + channelsDescription + recentDescription
	recentDescription = " What happened lately is counted for each hour by the clock (UTC), exactly, without tests; an app sees its own."
	// maxDeadCounted bounds the dead deliveries that are looked at.
	maxDeadCounted = 10_000
)

type channelView struct {
	Name      string        `json:"name"`
	Enabled   bool          `json:"enabled"`
	Provider  string        `json:"provider" doc:"the first of order; empty when the channel is not enabled"`
	Order     []shareView   `json:"order" doc:"the providers that deliveries go through by themselves, in order"`
	Providers []string      `json:"providers" doc:"all that a delivery can be sent through by hand"`
	Waiting   int           `json:"waiting" doc:"deliveries that could be sent now"`
	Running   int           `json:"running" doc:"deliveries that are being sent"`
	Retrying  int           `json:"retrying" doc:"deliveries that wait for a retry"`
	Scheduled int           `json:"scheduled" doc:"deliveries that wait for their sendAt"`
	Breakers  []breakerView `json:"breakers" doc:"the open ones of the providers: what would go through these waits"`
	Oldest    *time.Time    `json:"oldest" doc:"since when the first of the waiting ones could have been sent; null when none waits"`
}

type shareView struct {
	Provider string `json:"provider"`
	Weight   int    `json:"weight" doc:"its part of the deliveries, beside the other weights; when all are 0, everything begins with the first"`
}

type channelListView struct {
	Channels []channelView `json:"channels"`
}

type listChannelsOutput struct{ Body channelListView }

type overviewInput struct {
	App string `query:"app" maxLength:"128" doc:"count only its deliveries; only administrators may name another than their own"`
}

type deadGroupView struct {
	Channel  string    `json:"channel"`
	Provider string    `json:"provider" doc:"of the last attempt"`
	Code     string    `json:"code" doc:"of the last failure"`
	Count    int       `json:"count"`
	Last     time.Time `json:"last" doc:"when the last of them was given up"`
	Hours    []int     `json:"hours" doc:"how many of the kind were given up in each of the last 25 hours by the clock, the present one last; those that went again are among them"`
}

type figuresView struct {
	Since             time.Time `json:"since"`
	Accepted          int       `json:"accepted" doc:"deliveries"`
	Withheld          int       `json:"withheld" doc:"of the accepted ones, those that were cancelled at once, such as capped ones"`
	Arrived           int       `json:"arrived"`
	Retried           int       `json:"retried" doc:"attempts after which another one was scheduled"`
	Dead              int       `json:"dead" doc:"deliveries that were given up"`
	Success           *float64  `json:"success" doc:"arrived / (arrived + dead); null when none ended"`
	P50               *float64  `json:"p50" doc:"seconds from when a delivery was due until it arrived, to the accuracy of sealos_notify_delivery_latency_seconds; null when none arrived"`
	P99               *float64  `json:"p99"`
	AcceptedPerMinute float64   `json:"acceptedPerMinute" doc:"mean since since"`
	ArrivedPerMinute  float64   `json:"arrivedPerMinute" doc:"mean since since"`
}

type hourView struct {
	Start    time.Time `json:"start"`
	Accepted int       `json:"accepted"`
	Arrived  int       `json:"arrived"`
	Retried  int       `json:"retried"`
	Dead     int       `json:"dead"`
}

type recentView struct {
	Channel string      `json:"channel"`
	Hour    figuresView `json:"hour" doc:"the present hour by the clock and the one before"`
	Day     figuresView `json:"day" doc:"the present hour by the clock and the 24 before"`
	Hours   []hourView  `json:"hours" doc:"the same 25 hours, the present one last"`
}

type overviewView struct {
	Channels []channelView   `json:"channels"`
	Recent   []recentView    `json:"recent" doc:"what happened lately, for each channel"`
	Dead     []deadGroupView `json:"dead" doc:"the largest group first"`
	DeadMore bool            `json:"deadMore" doc:"there may be older ones, which were not counted"`

	Endpoints []endpointView `json:"endpoints" doc:"endpoints of the app, to an administrator of all apps, that fail or were switched off because they failed"`
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
	recent, err := s.recent(ctx, in.App)
	if err != nil {
		return nil, err
	}
	endpoints, err := s.failingEndpoints(ctx, in.App)
	if err != nil {
		return nil, err
	}
	return &overviewOutput{overviewView{
		Channels: viewChannels(channels), Recent: viewRecent(recent), Dead: viewDead(groups, recent.Died), DeadMore: more, Endpoints: endpoints,
	}}, nil
}

// recent returns what happened lately to the deliveries that the caller may see, of one app unless
// it is empty.
func (s *Server) recent(ctx context.Context, app string) (overview.Recent, error) {
	app, err := scope(ctx, app)
	if err != nil {
		return overview.Recent{}, err
	}
	giveBack, err := s.takeList(ctx)
	if err != nil {
		return overview.Recent{}, err
	}
	defer giveBack()
	return s.overview.Recent(ctx, app)
}

func viewDead(groups []store.DeadGroup, died map[overview.Kind][]int) []deadGroupView {
	views := make([]deadGroupView, len(groups))
	for i, g := range groups {
		hours := died[overview.Kind{Channel: g.Channel, Provider: g.Provider, Code: g.Code}]
		if hours == nil {
			hours = make([]int, overview.Hours)
		}
		views[i] = deadGroupView{Channel: g.Channel, Provider: g.Provider, Code: g.Code, Count: g.Count, Last: g.Last, Hours: hours}
	}
	return views
}

func viewRecent(recent overview.Recent) []recentView {
	views := make([]recentView, len(recent.Channels))
	for i, c := range recent.Channels {
		views[i] = recentView{Channel: c.Channel, Hour: viewFigures(c.Hour), Day: viewFigures(c.Day), Hours: make([]hourView, len(c.Hours))}
		for h, hour := range c.Hours {
			views[i].Hours[h] = hourView(hour)
		}
	}
	return views
}

func viewFigures(f overview.Figures) figuresView {
	return figuresView{
		Since: f.Since, Accepted: f.Accepted, Withheld: f.Withheld, Arrived: f.Arrived, Retried: f.Retried, Dead: f.Dead, Success: f.Success,
		P50: f.P50, P99: f.P99, AcceptedPerMinute: f.AcceptedPerMinute, ArrivedPerMinute: f.ArrivedPerMinute,
	}
}

// deadGroups counts the dead deliveries that the caller may see, of one app unless it is empty.
func (s *Server) deadGroups(ctx context.Context, app string) (groups []store.DeadGroup, more bool, err error) {
	if app, err = scope(ctx, app); err != nil {
		return nil, false, err
	}
	giveBack, err := s.takeList(ctx)
	if err != nil {
		return nil, false, err
	}
	defer giveBack()
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
			Breakers: make([]breakerView, len(c.Breakers)), Order: make([]shareView, len(c.Order)),
		}
		for j, share := range c.Order {
			views[i].Order[j] = shareView(share)
		}
		for j, b := range c.Breakers {
			views[i].Breakers[j] = viewBreaker(b)
		}
	}
	return views
}
