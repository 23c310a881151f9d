package console

import (
	"cmp"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// maxTimeLine bounds the deliveries whose attempts the time line shows.
const maxTimeLine = 10

type notificationData struct {
	store.Notification
	Line       string
	Messages   []messageOf
	Deliveries []store.Delivery
	Recipient  string // only its deliveries are shown
	Next       string
	Events     []event
	Partial    bool // the time line has the first deliveries only
}

// Open reports whether something may still change by itself.
func (d notificationData) Open() bool { return d.Counts.Pending+d.Counts.Failed > 0 }

// messageOf is what was rendered for one channel.
type messageOf struct {
	Template string
	store.Message
}

// event is a moment of the time line.
type event struct {
	At       time.Time
	Kind     string // accepted, due, attempt, success, failure, ended
	Delivery *store.Delivery
	Attempt  *store.Attempt
}

func showNotification(v *visit) error {
	n, err := v.console.api.Notification(v.ctx, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	query := v.r.URL.Query()
	d := notificationData{Notification: n, Recipient: query.Get("recipient")}
	after, err := uuid.Parse(query.Get("after"))
	if err != nil {
		after = uuid.Nil
	}
	found, err := v.console.api.Deliveries(v.ctx, store.DeliveryFilter{NotificationID: n.ID, Recipient: d.Recipient}, after, listPage+1)
	if err != nil {
		return err
	}
	if len(found) > listPage {
		found = found[:listPage]
		query.Set("after", found[listPage-1].ID.String())
		query.Del("done")
		d.Next = Prefix + "/notifications/" + n.ID.String() + "?" + query.Encode()
	}
	d.Deliveries = found
	if err := d.read(v); err != nil {
		return err
	}
	v.Title = d.Line
	return v.page(d)
}

// read adds the messages and the time line.
func (d *notificationData) read(v *visit) error {
	seen := map[uuid.UUID]bool{}
	for _, of := range d.Deliveries {
		if seen[of.MessageID] {
			continue
		}
		seen[of.MessageID] = true
		m, err := v.console.api.Message(v.ctx, of)
		if err != nil {
			return err
		}
		d.Messages = append(d.Messages, messageOf{of.TemplateName, m})
		d.Line = cmp.Or(d.Line, firstLine(m))
	}
	d.Events = []event{{At: d.CreatedAt, Kind: "accepted"}}
	if d.SendAt != nil {
		d.Events = append(d.Events, event{At: *d.SendAt, Kind: "due"})
	}
	d.Partial = len(d.Deliveries) > maxTimeLine || d.Next != ""
	for i := range d.Deliveries[:min(len(d.Deliveries), maxTimeLine)] {
		of := &d.Deliveries[i]
		attempts, err := v.console.api.Attempts(v.ctx, *of)
		if err != nil {
			return err
		}
		d.Events = append(d.Events, eventsOf(of, attempts)...)
	}
	slices.SortStableFunc(d.Events, func(a, b event) int { return a.At.Compare(b.At) })
	return nil
}

// eventsOf returns the moments of a delivery.
func eventsOf(d *store.Delivery, attempts []store.Attempt) []event {
	var events []event
	for i := range attempts {
		kind := "failure"
		if attempts[i].Class == "" {
			kind = "success"
		}
		events = append(events, event{At: attempts[i].FinishedAt, Kind: kind, Delivery: d, Attempt: &attempts[i]})
	}
	if d.Status == store.DeliveryDead || d.Status == store.DeliveryCancelled {
		events = append(events, event{At: d.UpdatedAt, Kind: string(d.Status), Delivery: d})
	}
	return events
}

func cancelNotification(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.console.api.Cancel(v.ctx, id); err != nil {
		return err
	}
	return v.redirect(Prefix+"/notifications/"+url.PathEscape(id), url.Values{"done": {"cancelled"}})
}
