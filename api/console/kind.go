package console

import (
	"context"
	"net/url"
	"slices"
	"strconv"

	"github.com/labring/sealos-notify/store"
)

// Kinds does what the API's operations on kinds do.
type Kinds interface {
	Kinds(ctx context.Context, after string, limit int) ([]store.Kind, error)
	Kind(ctx context.Context, name string) (store.Kind, error)
	SaveKind(ctx context.Context, k store.Kind) error
	DeleteKind(ctx context.Context, name string) error
}

type kindsData struct {
	Kinds     []store.Kind
	Next      string
	MayChange bool
}

func listKinds(v *visit) error {
	d := kindsData{MayChange: v.User.May(roleAdmin)}
	var err error
	d.Kinds, err = v.console.api.Kinds(v.ctx, v.r.URL.Query().Get("after"), listPage+1)
	if err != nil {
		return err
	}
	if len(d.Kinds) > listPage {
		d.Kinds = d.Kinds[:listPage]
		d.Next = Prefix + "/kinds?" + url.Values{"after": {d.Kinds[listPage-1].Name}}.Encode()
	}
	return v.page(d)
}

// kindData is the form of a kind.
type kindData struct {
	store.Kind
	Stored   bool // there is one of that name
	Channels []string
	Problem  *Problem
}

// Sends reports whether a box of the form is ticked.
func (d kindData) Sends(channel string) bool { return slices.Contains(d.Kind.Channels, channel) }

// IsQuiet reports whether a box of the form is ticked.
func (d kindData) IsQuiet(channel string) bool {
	return d.Quiet != nil && slices.Contains(d.Quiet.Channels, channel)
}

func showKind(v *visit) error {
	d := kindData{Channels: v.console.api.ChannelNames()}
	if name := v.r.URL.Query().Get("name"); name != "" {
		var err error
		if d.Kind, err = v.console.api.Kind(v.ctx, name); err != nil {
			return err
		}
		d.Stored, v.Title = true, name
	}
	return v.page(d)
}

// kindOf returns the kind that a form has.
func kindOf(form url.Values, channels []string) store.Kind {
	k := store.Kind{
		Name: form.Get("name"), Description: form.Get("description"), Channels: form["channels"],
		Optional: form.Get("optional") != "", Critical: form.Get("critical") != "",
	}
	if form.Get("from") != "" || form.Get("to") != "" || len(form["quiet"]) > 0 {
		k.Quiet = &store.Quiet{From: form.Get("from"), To: form.Get("to"), TimeZone: form.Get("timeZone"), Channels: form["quiet"]}
	}
	for _, channel := range channels {
		typed := form.Get("cap." + channel)
		if typed == "" {
			continue
		}
		if k.Caps == nil {
			k.Caps = map[string]store.Cap{}
		}
		limit, _ := strconv.ParseInt(typed, 10, 32) // 0, which is refused, when it is none
		k.Caps[channel] = store.Cap{Limit: int(limit), Per: store.PerDay}
	}
	return k
}

func saveKind(v *visit) error {
	channels := v.console.api.ChannelNames()
	k := kindOf(v.r.PostForm, channels)
	err := v.console.api.SaveKind(v.ctx, k)
	if err == nil {
		return v.redirect(Prefix+"/kinds", url.Values{"done": {"kindSaved"}})
	}
	p := v.console.api.Problem(err)
	v.Title = k.Name
	return v.show("kind", p.Status, kindData{Kind: k, Stored: v.r.PostForm.Get("stored") != "", Channels: channels, Problem: &p})
}

func deleteKind(v *visit) error {
	if err := v.console.api.DeleteKind(v.ctx, v.r.PostForm.Get("name")); err != nil {
		return err
	}
	return v.redirect(Prefix+"/kinds", url.Values{"done": {"kindDeleted"}})
}
