package console

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/overview"
	"github.com/labring/sealos-notify/jobs/steering"
	"github.com/labring/sealos-notify/store"
)

type deadData struct {
	App    string
	Groups []deadKind
	More   bool // only the newest were looked at
}

// deadKind are dead deliveries of one kind, and how many of it were given up by the hour.
type deadKind struct {
	store.DeadGroup
	Hours hours
}

func listDead(v *visit) error {
	d := deadData{App: v.r.URL.Query().Get("app")}
	groups, more, err := v.console.api.DeadGroups(v.ctx, d.App)
	if err != nil {
		return err
	}
	recent, err := v.console.api.Recent(v.ctx, d.App)
	if err != nil {
		return err
	}
	d.More = more
	for _, g := range groups {
		d.Groups = append(d.Groups, deadKind{g, recent.Died[overview.Kind{Channel: g.Channel, Provider: g.Provider, Code: g.Code}]})
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

// hours returns how many of the group were given up in each hour.
func (g deadGroup) hours(died map[overview.Kind][]int) hours {
	sum := make(hours, overview.Hours)
	for kind, numbers := range died {
		if (g.Channel != "" && g.Channel != kind.Channel) || (g.Provider != "" && g.Provider != kind.Provider) || (g.Code != "" && g.Code != kind.Code) {
			continue
		}
		for i, n := range numbers {
			sum[i] += n
		}
	}
	return sum
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
	Hours      hours
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
	recent, err := v.console.api.Recent(v.ctx, d.App)
	if err != nil {
		return err
	}
	d.Hours = d.hours(recent.Died)
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

// retryStep is how many deliveries go again between two answers to a browser that shows the
// progress.
const retryStep = 500

// retrying is a group of which some were sent again.
type retrying struct {
	deadGroup
	Through string
	Total   int // as they were counted before
	Looked  int // of them
	Done    int // those that go again
	After   uuid.UUID
	Going   bool
	More    bool // beyond those that were counted
	Problem *Problem
}

// retryDeadStep sends some of a group again and answers with how far it is, and with the form
// that goes on.
func retryDeadStep(v *visit) error {
	form := v.r.PostForm
	p := retrying{deadGroup: deadGroupOf(form), Through: form.Get("through")}
	for name, n := range map[string]*int{"total": &p.Total, "looked": &p.Looked, "done": &p.Done} {
		*n, _ = strconv.Atoi(form.Get(name))
	}
	p.After, _ = uuid.Parse(form.Get("after")) // uuid.Nil is the start
	done, err := v.console.api.RetryMatching(v.ctx, steering.RequeueRequest{
		Filter: p.filter(), Provider: p.Through, After: p.After, Limit: max(1, min(retryStep, p.Total-p.Looked)),
	})
	if err != nil {
		problem := v.console.api.Problem(err)
		p.Problem = &problem
		return v.fragment("progress", p)
	}
	p.Looked, p.Done, p.After = p.Looked+done.Matched, p.Done+done.Requeued, done.Last
	p.Going = done.More && p.Looked < p.Total
	p.More = done.More && !p.Going
	return v.fragment("progress", p)
}

// retryDead sends a group again: in steps when the browser asks for a part of a page, otherwise at
// once.
func retryDead(v *visit) error {
	if v.r.Header.Get("HX-Request") != "" {
		return retryDeadStep(v)
	}
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
