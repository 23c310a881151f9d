package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

type recipientsData struct {
	Type, Value string   // of the recipient that is looked at; Value is empty when there is none
	Types       []string // of recipients
	Channels    []string
	Off         []store.Preference
	Suppressed  []store.Suppression // to administrators
	Next        string
	Problem     *Problem
}

// recipient returns the one that is looked at.
func (d recipientsData) recipient() store.Recipient {
	return store.Recipient{Type: d.Type, Value: d.Value}
}

func listRecipients(v *visit) error { return showRecipients(v, v.r.URL.Query(), nil) }

// showRecipients shows what the recipient of a query has switched off, and which addresses are
// suppressed. A problem is shown beside it.
func showRecipients(v *visit, query url.Values, problem error) error {
	api := v.console.api
	d := recipientsData{
		Type: query.Get("type"), Value: strings.TrimSpace(query.Get("value")), Types: api.RecipientTypes(), Channels: api.ChannelNames(),
	}
	var err error
	if d.Value != "" {
		if d.Off, err = api.Preferences(v.ctx, d.recipient()); err != nil && problem == nil {
			problem = err
		}
	}
	if v.User.May(roleAdmin) {
		if err := d.findSuppressed(v, query); err != nil {
			return err
		}
	}
	if problem != nil {
		p := api.Problem(problem)
		d.Problem = &p
		return v.show("recipients", p.Status, d)
	}
	return v.page(d)
}

// findSuppressed fills the suppressed addresses of the page: those of the recipient, or all.
func (d *recipientsData) findSuppressed(v *visit, query url.Values) error {
	after, err := uuid.Parse(query.Get("after"))
	if err != nil {
		after = uuid.Nil
	}
	found, err := v.console.api.Suppressions(v.ctx, store.SuppressionFilter{Recipient: d.Value}, after, listPage+1)
	if err != nil {
		return err
	}
	if len(found) > listPage {
		found = found[:listPage]
		next := url.Values{"after": {found[listPage-1].ID.String()}}
		if d.Value != "" {
			next.Set("type", d.Type)
			next.Set("value", d.Value)
		}
		d.Next = Prefix + "/recipients?" + next.Encode()
	}
	d.Suppressed = found
	return nil
}

// switchKind switches a kind off for a recipient, or on again.
func switchKind(v *visit) error {
	form := v.r.PostForm
	r := store.Recipient{Type: form.Get("type"), Value: strings.TrimSpace(form.Get("value"))}
	p := store.Preference{Kind: strings.TrimSpace(form.Get("kind")), Channel: form.Get("channel")}
	off, err := v.console.api.Preferences(v.ctx, r)
	if err == nil {
		off = slices.DeleteFunc(off, func(o store.Preference) bool { return o.Kind == p.Kind && o.Channel == p.Channel })
		if form.Get("do") == "off" {
			off = append(off, p)
		}
		err = v.console.api.SetPreferences(v.ctx, r, off)
	}
	if err != nil {
		return showRecipients(v, form, err)
	}
	return v.redirect(Prefix+"/recipients", url.Values{"type": {r.Type}, "value": {r.Value}, "done": {"switched"}})
}

func deleteSuppression(v *visit) error {
	if err := v.console.api.DeleteSuppression(v.ctx, v.r.PathValue("id")); err != nil {
		return err
	}
	http.Redirect(v.w, v.r, Prefix+"/recipients?done=unsuppressed", http.StatusSeeOther)
	return nil
}
