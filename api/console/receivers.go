package console

import (
	"net/url"
	"time"

	"github.com/labring/sealos-notify/store"
)

// Receiver is who gets the alerts that carry its name.
type Receiver struct {
	Name        string
	Channels    []ReceiverChannel
	Recipients  []store.Recipient
	Apps        []string // that may post to it; empty: all, or not for the user to see
	RemindAfter time.Duration
	Problems    []ReceiverProblem // what keeps it from sending as it is configured
}

// ReceiverChannel is a channel of a receiver with its template.
type ReceiverChannel struct{ Channel, Template string }

// ReceiverProblem is what is wrong with a part of a receiver, in English.
type ReceiverProblem struct{ Field, Message string }

// Told is what was last told of a group of alerts.
type Told struct {
	At       time.Time
	App      string
	Resolved bool
	// Notification has an id only when it was deleted.
	Notification store.Notification
}

type receiversData struct {
	Receivers []Receiver
	Broken    int
}

func listReceivers(v *visit) error {
	var d receiversData
	var err error
	if d.Receivers, err = v.console.api.Receivers(v.ctx); err != nil {
		return err
	}
	for _, r := range d.Receivers {
		if len(r.Problems) > 0 {
			d.Broken++
		}
	}
	return v.page(d)
}

type receiverData struct {
	Receiver
	Alerts []toldRow
}

// toldRow is what was told, with the first line of its message.
type toldRow struct {
	Told
	Line, Link string
}

func showReceiver(v *visit) error {
	name := v.r.URL.Query().Get("name")
	told, err := v.console.api.ReceiverAlerts(v.ctx, name)
	if err != nil {
		return err
	}
	all, err := v.console.api.Receivers(v.ctx)
	if err != nil {
		return err
	}
	d := receiverData{Receiver: Receiver{Name: name}}
	for _, r := range all {
		if r.Name == name {
			d.Receiver = r
		}
	}
	for _, t := range told {
		row := toldRow{Told: t}
		if t.Notification.Status != "" { // it is not deleted
			shown, err := rowOf(v, t.Notification, store.NotificationFilter{})
			if err != nil {
				return err
			}
			row.Line, row.Link = shown.Line, shown.Link
		}
		d.Alerts = append(d.Alerts, row)
	}
	v.Title = name
	return v.page(d)
}

func testReceiver(v *visit) error {
	id, err := v.console.api.TestReceiver(v.ctx, v.r.PostForm.Get("name"))
	if err != nil {
		return err
	}
	return v.redirect(Prefix+"/notifications/"+id, url.Values{"done": {"tested"}})
}
