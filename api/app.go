package api

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/labring/sealos-notify/store"
)

type appView struct {
	AppID        string      `json:"appId"`
	Name         string      `json:"name"`
	Enabled      bool        `json:"enabled"`
	Roles        []Role      `json:"roles"`
	HighPriority bool        `json:"highPriority" doc:"may send with the priority high"`
	TestSecrets  int         `json:"testSecrets" doc:"how many it has"`
	Limits       []limitView `json:"limits" doc:"empty: none"`
}

// identityView is an app as it sees itself.
type identityView struct {
	AppID        string      `json:"appId" doc:"with :test behind it for a test secret"`
	Roles        []Role      `json:"roles"`
	Test         bool        `json:"test" doc:"true for a test secret: what is sent reaches nobody"`
	HighPriority bool        `json:"highPriority" doc:"may send with the priority high"`
	Limits       []limitView `json:"limits" doc:"empty: none"`
}

type limitView struct {
	Limit    string    `json:"limit" enum:"requestsPerMinute,deliveriesPerMinute,deliveriesPerDay"`
	Channel  string    `json:"channel" doc:"of the deliveries that count; empty for requestsPerMinute"`
	Most     int       `json:"most"`
	Used     int       `json:"used" doc:"in the present minute or day"`
	ResetsAt time.Time `json:"resetsAt" doc:"when the next minute or day begins"`
}

type whoAmIOutput struct{ Body identityView }

func (s *Server) whoAmI(ctx context.Context, _ *struct{}) (*whoAmIOutput, error) {
	caller := callerOf(ctx)
	var used []store.Use
	if len(caller.limits.accepting().Quotas()) > 0 {
		var err error
		if used, err = s.store.Uses(ctx, caller.AppID); err != nil {
			return nil, err
		}
	}
	return &whoAmIOutput{identityView{
		AppID: caller.AppID, Roles: append([]Role{}, caller.Roles...), Test: caller.test,
		HighPriority: caller.limits.mayHigh(), Limits: viewLimits(caller.AppID, caller.limits, used),
	}}, nil
}

type listAppsOutput struct{ Body appListView }

type appListView struct {
	Apps []appView `json:"apps" doc:"all of the credentials file, by id"`
}

func (s *Server) listApps(ctx context.Context, _ *struct{}) (*listAppsOutput, error) {
	used, err := s.store.Uses(ctx, "")
	if err != nil {
		return nil, err
	}
	apps, out := s.auth.current.Load().apps, &listAppsOutput{appListView{Apps: []appView{}}}
	for _, id := range slices.Sorted(maps.Keys(apps)) {
		a := apps[id]
		out.Body.Apps = append(out.Body.Apps, appView{
			AppID: id, Name: a.name, Enabled: a.enabled, Roles: append([]Role{}, a.roles...),
			HighPriority: a.limits.mayHigh(), TestSecrets: len(a.tests), Limits: viewLimits(id, a.limits, used),
		})
	}
	return out, nil
}

// viewLimits returns the limits of an app with what it has used of them.
func viewLimits(appID string, l Limits, used []store.Use) []limitView {
	views, now := []limitView{}, time.Now()
	for _, q := range l.accepting().Quotas() {
		view := limitView{Limit: q.String(), Channel: q.Channel, Most: q.Most, ResetsAt: q.Period.End(now)}
		counter := store.Counter{AppID: appID, Channel: q.Channel, Period: q.Period}
		if i := slices.IndexFunc(used, func(u store.Use) bool { return u.Counter == counter }); i >= 0 {
			view.Used, view.ResetsAt = used[i].Used, now.Add(used[i].Left).Round(time.Second).UTC()
		}
		views = append(views, view)
	}
	return views
}
