package console

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// listPage is how many rows a list shows.
const listPage = 25

// search is what the form of the list asks for, as it was typed.
type search struct {
	Recipient, Template, Channel, Status, App, Key, Thread, Since, Until string
}

// searchOf returns the search of a query.
func searchOf(q url.Values) search {
	get := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	return search{
		Recipient: get("recipient"), Template: get("template"), Channel: get("channel"), Status: get("status"),
		App: get("app"), Key: get("key"), Thread: get("thread"), Since: get("since"), Until: get("until"),
	}
}

// filter returns the filter of the store. A time that is not one has a Problem.
func (s search) filter() (store.NotificationFilter, *Problem) {
	f := store.NotificationFilter{
		AppID: s.App, IdempotencyKey: s.Key, Status: store.NotificationStatus(s.Status),
		Channel: s.Channel, Recipient: s.Recipient, Template: s.Template, Thread: s.Thread,
	}
	var problem *Problem
	f.Since, f.Until, problem = between(s.Since, s.Until)
	return f, problem
}

// between returns the times that a form has; zero for an empty one. A text that is no time has a
// Problem.
func between(since, until string) (from, to time.Time, problem *Problem) {
	var errs [2]error
	if since != "" {
		from, errs[0] = time.Parse(time.RFC3339, since)
	}
	if until != "" {
		to, errs[1] = time.Parse(time.RFC3339, until)
	}
	if errors.Join(errs[:]...) != nil {
		problem = &Problem{Status: 400, Code: "bad_time"}
	}
	return from, to, problem
}

// Narrow reports whether the search names more than the first page.
func (s search) Narrow() bool { return s != search{} }

// notificationRow is a notification with what tells it from others.
type notificationRow struct {
	store.Notification
	Line     string // subject or first line
	To       store.Recipient
	Channels string
	Others   int // deliveries besides that to To
	Link     string
}

type notificationsData struct {
	Search   search
	Statuses []store.NotificationStatus
	Channels []string
	Rows     []notificationRow
	Found    string // the address that was found instead of the one that was typed
	Next     string
	First    bool // the first page, which is refreshed
	Problem  *Problem
}

func listNotifications(v *visit) error {
	query := v.r.URL.Query()
	d := notificationsData{
		Search: searchOf(query), First: query.Get("after") == "", Channels: v.console.api.ChannelNames(),
		Statuses: []store.NotificationStatus{
			store.NotificationPending, store.NotificationProcessing, store.NotificationSuccess, store.NotificationFailed, store.NotificationCancelled,
		},
	}
	filter, problem := d.Search.filter()
	after, err := uuid.Parse(query.Get("after"))
	if err != nil {
		after = uuid.Nil
	}
	if problem == nil {
		err := d.find(v, filter, after)
		if err != nil {
			p := v.console.api.Problem(err)
			problem = &p
		}
	}
	if problem != nil { // beside the form, which mends it
		d.Problem = problem
		return v.show("notifications", problem.Status, d)
	}
	return v.page(d)
}

// find fills the rows of the page.
func (d *notificationsData) find(v *visit, f store.NotificationFilter, after uuid.UUID) error {
	var page []store.Notification
	for _, address := range variants(f.Recipient) {
		var err error
		f.Recipient = address
		if page, err = v.console.api.Notifications(v.ctx, f, after, listPage+1); err != nil {
			return err
		}
		if len(page) > 0 {
			break
		}
	}
	if len(page) > 0 && f.Recipient != d.Search.Recipient {
		d.Found = f.Recipient
	}
	if len(page) > listPage {
		page = page[:listPage]
		q := v.r.URL.Query()
		q.Set("after", page[listPage-1].ID.String())
		q.Del("done")
		d.Next = Prefix + "/notifications?" + q.Encode()
	}
	for _, n := range page {
		row, err := rowOf(v, n, f)
		if err != nil {
			return err
		}
		d.Rows = append(d.Rows, row)
	}
	return nil
}

// rowOf returns the row of a notification. The delivery that stands for it is the newest that
// the search chooses.
func rowOf(v *visit, n store.Notification, f store.NotificationFilter) (notificationRow, error) {
	row := notificationRow{Notification: n, Others: max(0, n.Counts.Total-1), Link: Prefix + "/notifications/" + n.ID.String()}
	found, err := v.console.api.Deliveries(v.ctx, store.DeliveryFilter{
		NotificationID: n.ID, Recipient: f.Recipient, Channel: f.Channel, Template: f.Template,
	}, uuid.Nil, 1)
	if err != nil || len(found) == 0 { // deleted meanwhile, or not made yet
		if n.Expansion != nil {
			row.To = store.Recipient{Type: "group", Value: n.Expansion.Group.Name}
		}
		return row, err
	}
	if f.Recipient != "" {
		row.Link += "?" + url.Values{"recipient": {f.Recipient}}.Encode()
	}
	row.To, row.Channels = found[0].Recipient, found[0].Channel
	m, err := v.console.api.Message(v.ctx, found[0])
	if errors.Is(err, store.ErrNotFound) { // deleted meanwhile
		return row, nil
	}
	row.Line = firstLine(m)
	return row, err
}

var mobile = regexp.MustCompile(`^1[3-9]\d{9}$`)

// variants returns an address and the other ways to write it: people leave out the prefix of
// China's mobile numbers, or write it, with spaces and dashes.
func variants(address string) []string {
	number := strings.NewReplacer(" ", "", "-", "").Replace(address)
	bare := strings.TrimPrefix(strings.TrimPrefix(number, "+"), "86")
	if !mobile.MatchString(bare) {
		return []string{address}
	}
	all := []string{address}
	for _, other := range []string{bare, "+86" + bare, "86" + bare} {
		if other != address {
			all = append(all, other)
		}
	}
	return all
}
