package console

import (
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// shownOpen bounds the open incidents that the list begins with.
const shownOpen = 100

type incidentsData struct {
	Open   []incidentRow
	Others []incidentRow // acknowledged and closed ones, newest first
	Next   string
}

// incidentRow is an incident, and what comes next.
type incidentRow struct {
	store.Incident
	Next *store.IncidentStep
}

func incidentRowOf(i store.Incident) incidentRow { return incidentRow{i, i.Next(time.Now())} }

func listIncidents(v *visit) error {
	var d incidentsData
	open, err := v.console.api.Incidents(v.ctx, store.IncidentOpen, uuid.Nil, shownOpen)
	if err != nil {
		return err
	}
	for _, i := range open {
		d.Open = append(d.Open, incidentRowOf(i))
	}
	query := v.r.URL.Query()
	after, err := uuid.Parse(query.Get("after"))
	if err != nil {
		after = uuid.Nil
	}
	found, err := v.console.api.Incidents(v.ctx, "", after, listPage+1)
	if err != nil {
		return err
	}
	if len(found) > listPage {
		found = found[:listPage]
		query.Set("after", found[listPage-1].ID.String())
		query.Del("done")
		d.Next = Prefix + "/incidents?" + query.Encode()
	}
	for _, i := range found {
		if i.Status() != store.IncidentOpen {
			d.Others = append(d.Others, incidentRowOf(i))
		}
	}
	return v.page(d)
}

// toldPage bounds the deliveries of a notification that the page of an incident shows.
const toldPage = 20

type incidentData struct {
	incidentRow
	Line string
	Told []told
}

// told is the notification that opened an incident, or a step that was due.
type told struct {
	Notification uuid.UUID
	At           time.Time
	Step         *store.IncidentStep // nil: it opened the incident
	Deliveries   []store.Delivery
	More         bool
}

func showIncident(v *visit) error {
	i, err := v.console.api.Incident(v.ctx, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	d := incidentData{incidentRow: incidentRowOf(i), Told: []told{{Notification: i.ID, At: i.OpenedAt}}}
	for n := range i.Steps {
		if step := &i.Steps[n]; !step.At.After(time.Now()) {
			d.Told = append(d.Told, told{Notification: step.NotificationID, At: step.At, Step: step})
		}
	}
	for n := range d.Told {
		of := &d.Told[n]
		found, err := v.console.api.Deliveries(v.ctx, store.DeliveryFilter{NotificationID: of.Notification}, uuid.Nil, toldPage+1)
		if err != nil {
			return err
		}
		of.Deliveries, of.More = found[:min(len(found), toldPage)], len(found) > toldPage
	}
	if first := d.Told[0].Deliveries; len(first) > 0 {
		m, err := v.console.api.Message(v.ctx, first[0])
		if err != nil {
			return err
		}
		d.Line = firstLine(m)
	}
	v.Title = d.Line
	return v.page(d)
}

func acknowledgeIncident(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.console.api.Acknowledge(v.ctx, id, v.r.PostForm.Get("note")); err != nil {
		return err
	}
	return v.redirect(Prefix+"/incidents/"+url.PathEscape(id), url.Values{"done": {"acknowledged"}})
}

func stopIncident(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.console.api.Cancel(v.ctx, id); err != nil {
		return err
	}
	return v.redirect(Prefix+"/incidents/"+url.PathEscape(id), url.Values{"done": {"stopped"}})
}
