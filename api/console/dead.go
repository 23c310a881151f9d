package console

import (
	"fmt"
	"net/url"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

type deadData struct {
	App    string
	Groups []store.DeadGroup
	More   bool // only the newest were looked at
}

func listDead(v *visit) error {
	d := deadData{App: v.r.URL.Query().Get("app")}
	var err error
	if d.Groups, d.More, err = v.console.api.DeadGroups(v.ctx, d.App); err != nil {
		return err
	}
	return v.page(d)
}

// deadGroup chooses dead deliveries.
type deadGroup struct {
	App, Channel, Provider, Code string
}

func deadGroupOf(q url.Values) deadGroup {
	return deadGroup{App: q.Get("app"), Channel: q.Get("channel"), Provider: q.Get("provider"), Code: q.Get("code")}
}

func (g deadGroup) filter() store.DeliveryFilter {
	return store.DeliveryFilter{Status: store.DeliveryDead, AppID: g.App, Channel: g.Channel, Provider: g.Provider, Code: g.Code}
}

// Query returns the group as a query.
func (g deadGroup) Query() string {
	q := url.Values{}
	for name, value := range map[string]string{"app": g.App, "channel": g.Channel, "provider": g.Provider, "code": g.Code} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q.Encode()
}

type deadGroupData struct {
	deadGroup
	Deliveries []store.Delivery
	Next       string
	Error      string // of the newest
	Providers  []string
}

func showDeadGroup(v *visit) error {
	query := v.r.URL.Query()
	d := deadGroupData{deadGroup: deadGroupOf(query)}
	after, err := uuid.Parse(query.Get("after"))
	if err != nil {
		after = uuid.Nil
	}
	if d.Deliveries, err = v.console.api.Deliveries(v.ctx, d.filter(), after, listPage+1); err != nil {
		return err
	}
	if len(d.Deliveries) > listPage {
		d.Deliveries = d.Deliveries[:listPage]
		query.Set("after", d.Deliveries[listPage-1].ID.String())
		query.Del("done")
		d.Next = Prefix + "/dead/group?" + query.Encode()
	}
	if len(d.Deliveries) > 0 {
		d.Error = d.Deliveries[0].LastError
	}
	if d.Channel != "" {
		d.Providers = v.console.api.Providers(d.Channel)
	}
	return v.page(d)
}

// counted is how many deliveries would go again.
type counted struct {
	deadGroup
	steering.Requeued
	Providers []string
}

// countDead answers with the form that sends a group again, which says how many they are.
func countDead(v *visit) error {
	c := counted{deadGroup: deadGroupOf(v.r.URL.Query())}
	var err error
	c.Requeued, err = v.console.api.RetryMatching(v.ctx, steering.RequeueRequest{Filter: c.filter(), DryRun: true, Limit: steering.MaxRequeued})
	if err != nil {
		return err
	}
	if c.Channel != "" {
		c.Providers = v.console.api.Providers(c.Channel)
	}
	return v.fragment("count", c)
}

func retryDead(v *visit) error {
	g := deadGroupOf(v.r.PostForm)
	done, err := v.console.api.RetryMatching(v.ctx, steering.RequeueRequest{
		Filter: g.filter(), Provider: v.r.PostForm.Get("through"), Limit: steering.MaxRequeued,
	})
	if err != nil {
		return err
	}
	if done.More {
		q, _ := url.ParseQuery(g.Query())
		q.Set("done", fmt.Sprintf("retriedSome.%d", done.Requeued))
		return v.redirect(Prefix+"/dead/group", q)
	}
	q := url.Values{"done": {fmt.Sprintf("retriedMany.%d", done.Requeued)}}
	if g.App != "" {
		q.Set("app", g.App)
	}
	return v.redirect(Prefix+"/dead", q)
}
