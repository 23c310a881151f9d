package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

const putKindDescription = "All fields are replaced. What was accepted before keeps its quiet hours. " +
	"Notifications with priority `high` and those of critical kinds pass quiet hours, caps, what people have switched off, and suppressions."

// kindRequest is the body of a request to create or replace a kind.
type kindRequest struct {
	Name string `json:"name,omitempty" maxLength:"64" doc:"must be that of the path; may be left out" example:"billing"`
	KindContent
}

// KindContent is the part that a request and an answer share. It is exported because huma skips
// embedded types that are not.
type KindContent struct {
	Description string             `json:"description,omitempty" maxLength:"1024" example:"debts and invoices"`
	Channels    []string           `json:"channels,omitempty" nullable:"false" maxItems:"64" doc:"that may send it; all when left out. A request of this kind for another channel is refused"`
	Optional    bool               `json:"optional,omitempty" doc:"a person may switch it off; its mails have an unsubscribe link when server.publicUrl is set"`
	Critical    bool               `json:"critical,omitempty" doc:"it passes quiet hours, caps, what people have switched off, and suppressions; not together with optional"`
	Quiet       *quietView         `json:"quiet,omitempty" nullable:"false" doc:"hours in which deliveries wait; none when left out"`
	Caps        map[string]capView `json:"caps,omitempty" doc:"by channel, the most deliveries of the kind that one recipient gets over it; more are cancelled with the code capped" example:"{\"sms\": {\"limit\": 5, \"per\": \"day\"}}"`
	Digest      *digestView        `json:"digest,omitempty" nullable:"false" doc:"what is sent to one recipient over the channel of the template, within the window, is one message; left out: each is sent by itself. Requests with priority high or a sendAt, what expires within the window, alerts, trials of a template, and what goes to a group too large for one request are sent by themselves. A cap counts the digest as one, and a digest beyond it waits for the next day"`
}

type digestView struct {
	Key      string `json:"key,omitempty" maxLength:"128" doc:"name of a param: items with another value go into another digest" example:"workspace"`
	Window   string `json:"window" maxLength:"32" doc:"from the first item until the digest is sent, from 1s to 168h; after quiet hours" example:"1h"`
	Template string `json:"template" minLength:"1" maxLength:"64" doc:"of the message. Its params are items (a list of the items' params: the newest 100, oldest first), count, and rest (how many items are not in the list). A vendor that renders the text itself gets the params of the newest item, and count" example:"billing-digest"`
}

type quietView struct {
	From     string   `json:"from" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" doc:"the first minute in which deliveries wait" example:"22:00"`
	To       string   `json:"to" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" doc:"the first minute in which they are sent again; may be after midnight. At least 3 hours of a day must be left" example:"08:00"`
	TimeZone string   `json:"timeZone" minLength:"1" maxLength:"64" doc:"IANA name of the zone of recipients who have none, and of the days of caps" example:"Asia/Shanghai"`
	Channels []string `json:"channels,omitempty" nullable:"false" maxItems:"64" doc:"that are quiet; all when left out"`
}

type capView struct {
	Limit int    `json:"limit" minimum:"1" maximum:"1000000"`
	Per   string `json:"per" enum:"day" doc:"a calendar day in the time zone of quiet, in UTC without it"`
}

type kindView struct {
	Name string `json:"name"`
	KindContent
	UpdatedAt time.Time `json:"updatedAt"`
	UpdatedBy string    `json:"updatedBy" doc:"the app that wrote it last"`
}

type kindListView struct {
	Kinds []kindView `json:"kinds"`
	Next  string     `json:"next,omitempty" doc:"after for the next page; missing on the last one"`
}

func viewKind(k store.Kind) kindView {
	view := kindView{
		Name: k.Name, UpdatedAt: k.UpdatedAt.UTC(), UpdatedBy: k.UpdatedBy,
		KindContent: KindContent{Description: k.Description, Channels: k.Channels, Optional: k.Optional, Critical: k.Critical},
	}
	if k.Quiet != nil {
		quiet := quietView(*k.Quiet)
		view.Quiet = &quiet
	}
	if k.Digest != nil {
		digest := digestView(*k.Digest)
		view.Digest = &digest
	}
	for channel, c := range k.Caps {
		if view.Caps == nil {
			view.Caps = map[string]capView{}
		}
		view.Caps[channel] = capView{c.Limit, string(c.Per)}
	}
	return view
}

// kind returns the kind that has this content.
func (c KindContent) kind(name string) store.Kind {
	k := store.Kind{
		Name: name, Description: c.Description, Channels: c.Channels, Optional: c.Optional, Critical: c.Critical, UpdatedAt: store.Now(),
	}
	if c.Quiet != nil {
		quiet := store.Quiet(*c.Quiet)
		k.Quiet = &quiet
	}
	if c.Digest != nil {
		digest := store.Digest(*c.Digest)
		k.Digest = &digest
	}
	for channel, limited := range c.Caps {
		if k.Caps == nil {
			k.Caps = map[string]store.Cap{}
		}
		k.Caps[channel] = store.Cap{Limit: limited.Limit, Per: store.Period(limited.Per)}
	}
	return k
}

// check returns a *Problem for a kind that means nothing. known are the channels.
func (c KindContent) check(known []string) error {
	unfit := func(field, format string, args ...any) error {
		return fieldProblem(http.StatusUnprocessableEntity, codeInvalidKind, field, fmt.Sprintf(format, args...))
	}
	if c.Optional && c.Critical {
		return unfit("critical", "cannot be together with optional: a critical kind passes what a person has switched off")
	}
	names := func(field string, list []string) error {
		for i, channel := range list {
			field := fmt.Sprintf("%s[%d]", field, i)
			switch {
			case !slices.Contains(known, channel):
				return fieldProblem(http.StatusUnprocessableEntity, refusal.UnknownChannel, field, "unknown channel; known are "+strings.Join(known, ", "))
			case slices.Contains(list[:i], channel):
				return unfit(field, "is there already")
			case len(c.Channels) > 0 && !slices.Contains(c.Channels, channel):
				return unfit(field, "is none of channels")
			}
		}
		return nil
	}
	if err := names("channels", c.Channels); err != nil {
		return err
	}
	if q := c.Quiet; q != nil {
		if _, err := store.LoadZone(q.TimeZone); err != nil {
			return unfit("quiet.timeZone", "%v", err)
		}
		if _, err := store.NewQuietHours(q.From, q.To, q.TimeZone); err != nil {
			return unfit("quiet.to", "%v", err)
		}
		if err := names("quiet.channels", q.Channels); err != nil {
			return err
		}
	}
	for _, channel := range slices.Sorted(maps.Keys(c.Caps)) {
		if !slices.Contains(known, channel) || len(c.Channels) > 0 && !slices.Contains(c.Channels, channel) {
			return unfit("caps."+channel, "is none of the kind's channels")
		}
	}
	if d := c.Digest; d != nil {
		if window, err := time.ParseDuration(d.Window); err != nil || window < time.Second || window > longestWindow {
			return unfit("digest.window", "must be a duration from 1s to 168h, such as 1h30m")
		}
		if c.Critical {
			return unfit("digest", "cannot be together with critical: what is critical is sent at once")
		}
	}
	return nil
}

// longestWindow bounds the window of a digest.
const longestWindow = 7 * 24 * time.Hour

// checkDigest returns a *Problem unless the template of the kind's digest is one of its channels'.
func (s *Server) checkDigest(ctx context.Context, c KindContent) error {
	if c.Digest == nil {
		return nil
	}
	t, err := s.store.Template(ctx, c.Digest.Template)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fieldProblem(http.StatusUnprocessableEntity, refusal.UnknownTemplate, "digest.template", fmt.Sprintf("there is no template %q", c.Digest.Template))
	case err != nil:
		return err
	case len(c.Channels) > 0 && !slices.Contains(c.Channels, t.Channel):
		return fieldProblem(http.StatusUnprocessableEntity, codeInvalidKind, "digest.template", "belongs to channel "+t.Channel+", which is none of channels")
	}
	return nil
}

type kindOutput struct{ Body kindView }

type kindInput struct {
	Name string `path:"name" doc:"name of the kind"`
}

type putKindInput struct {
	Name string `path:"name" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" doc:"name of the kind: letters, digits, dots, dashes and underscores"`
	jsonBody[kindRequest]
}

type listKindsInput struct {
	Limit int    `query:"limit" minimum:"1" maximum:"500" doc:"at most so many kinds; all when left out"`
	After string `query:"after" maxLength:"64" doc:"continue after this name: next of the previous page"`
}

// kindPage is how many kinds of a list are in memory at once.
const kindPage = 50

func (s *Server) listKinds(ctx context.Context, in *listKindsInput) (*listOutput, error) {
	return answerList(ctx, s, list[store.Kind]{
		head: kindListView{Kinds: []kindView{}}, page: kindPage, limit: in.Limit,
		read: func(ctx context.Context, last *store.Kind, limit int) ([]store.Kind, error) {
			after := in.After
			if last != nil {
				after = last.Name
			}
			return s.store.ListKinds(ctx, after, limit)
		},
		view: func(_ context.Context, k store.Kind) any { return viewKind(k) },
		next: func(k store.Kind) any { return k.Name },
	})
}

func (s *Server) getKind(ctx context.Context, in *kindInput) (*kindOutput, error) {
	k, err := s.store.Kind(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &kindOutput{viewKind(k)}, nil
}

func (s *Server) putKind(ctx context.Context, in *putKindInput) (*kindOutput, error) {
	if !providerName.MatchString(in.Name) { // a page has no pattern for the path
		return nil, fieldProblem(http.StatusBadRequest, codeInvalidRequest, "name", "must be letters, digits, dots, dashes and underscores, and begin with a letter or a digit")
	}
	if in.body.Name != "" && in.body.Name != in.Name {
		return nil, fieldProblem(http.StatusUnprocessableEntity, codeImmutableField, "name", "is another one than in the path")
	}
	if err := in.body.check(s.overview.Names()); err != nil {
		return nil, err
	}
	if err := s.checkDigest(ctx, in.body.KindContent); err != nil {
		return nil, err
	}
	k := in.body.kind(in.Name)
	k.UpdatedBy = callerOf(ctx).AppID
	if err := s.store.PutKind(ctx, k, actorOf(ctx).Did(store.AuditKindWrite, k.Name)); err != nil {
		return nil, err
	}
	return &kindOutput{viewKind(k)}, nil
}

func (s *Server) deleteKind(ctx context.Context, in *kindInput) (*struct{}, error) {
	return nil, s.store.DeleteKind(ctx, in.Name, actorOf(ctx).Did(store.AuditKindDelete, in.Name))
}
