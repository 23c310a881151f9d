package api

import (
	"context"
	"time"

	"github.com/labring/sealos-notify/jobs/optout"
	"github.com/labring/sealos-notify/store"
)

const (
	preferencesDescription = "Of an address, or of a `contact` by its name: those of the app, or else the shared ones. What is off is not sent: those deliveries are `cancelled` with the code `opted_out`. " +
		"It counts for kinds that are `optional`, and not with high priority."
	setPreferencesDescription = "The whole list; an empty one switches everything on. Only kinds that are `optional` can be switched off."
	linkKeyDescription        = "Links in mails that are sent from now on have the new key; all replicas use it within a minute. " +
		"Older links work on, unless `forget` is true."
)

// OptOut keeps what people have switched off. It returns a *refusal.Error for what cannot be
// switched off, and optout.ErrForged for a token that is none.
type OptOut interface {
	Preferences(ctx context.Context, r store.Recipient) ([]store.Preference, error)
	Set(ctx context.Context, r store.Recipient, off []store.Preference, by store.Actor) ([]store.Preference, error)
	NewKey(ctx context.Context, forget bool, by store.Actor) error
	Read(ctx context.Context, token string) (optout.Choice, error)
	Describe(ctx context.Context, kind string) (string, error)
	Switch(ctx context.Context, c optout.Choice, off bool) error
}

type preferenceView struct {
	Kind      string    `json:"kind" doc:"empty: all kinds that may be switched off"`
	Channel   string    `json:"channel" doc:"empty: all channels"`
	Source    string    `json:"source" enum:"api,link" doc:"who did it: an app, or the person by the link of a mail"`
	CreatedAt time.Time `json:"createdAt"`
}

// personView is whose preferences are read or set.
type personView struct {
	Type  string `json:"type" minLength:"1" maxLength:"64" doc:"of the address, or contact" example:"email"`
	Value string `json:"value" minLength:"1" maxLength:"320" doc:"the exact address, or the name of the contact" example:"alice@example.com"`
}

type preferencesView struct {
	Recipient personView       `json:"recipient"`
	Off       []preferenceView `json:"off" doc:"what is switched off, by kind and channel"`
}

type preferencesOutput struct{ Body preferencesView }

type getPreferencesInput struct {
	Type  string `query:"type" required:"true" maxLength:"64" doc:"of the address, or contact" example:"email"`
	Value string `query:"value" required:"true" maxLength:"320" doc:"the exact address, or the name of the contact" example:"alice@example.com"`
}

// switchRequest is what is to be switched off.
type switchRequest struct {
	Kind      string    `json:"kind,omitempty" maxLength:"64" doc:"left out: all kinds that may be switched off" example:"billing"`
	Channel   string    `json:"channel,omitempty" maxLength:"64" doc:"left out: all channels" example:"email"`
	Source    string    `json:"source,omitempty" maxLength:"64" doc:"of an answer; it does not matter"`
	CreatedAt time.Time `json:"createdAt,omitzero" doc:"of an answer; it does not matter"`
}

// preferencesRequest is the body of a request to set preferences.
type preferencesRequest struct {
	Recipient personView      `json:"recipient"`
	Off       []switchRequest `json:"off" doc:"all that is to be off"`
}

type setPreferencesInput struct{ jsonBody[preferencesRequest] }

func (s *Server) getPreferences(ctx context.Context, in *getPreferencesInput) (*preferencesOutput, error) {
	of := store.Recipient{Type: in.Type, Value: in.Value}
	person, err := s.person(ctx, of)
	if err != nil {
		return nil, err
	}
	off, err := s.optOut.Preferences(ctx, person)
	if err != nil {
		return nil, err
	}
	return viewPreferences(of, off), nil
}

func (s *Server) setPreferences(ctx context.Context, in *setPreferencesInput) (*preferencesOutput, error) {
	of := store.Recipient{Type: in.body.Recipient.Type, Value: in.body.Recipient.Value}
	off := make([]store.Preference, len(in.body.Off))
	for i, r := range in.body.Off {
		off[i] = store.Preference{Kind: r.Kind, Channel: r.Channel}
	}
	person, err := s.person(ctx, of)
	if err != nil {
		return nil, err
	}
	off, err = s.optOut.Set(ctx, person, off, actorOf(ctx))
	if err != nil {
		return nil, err
	}
	return viewPreferences(of, off), nil
}

// person returns whose preferences are meant: the address, or the contact that its name means to the
// caller's app.
func (s *Server) person(ctx context.Context, r store.Recipient) (store.Recipient, error) {
	if r.Type != store.RecipientContact {
		return r, nil
	}
	c, err := s.contactOf(ctx, callerOf(ctx).app(), r.Value, false)
	return store.Recipient{Type: r.Type, Value: c.String()}, err
}

func viewPreferences(of store.Recipient, off []store.Preference) *preferencesOutput {
	view := preferencesView{Recipient: personView{of.Type, of.Value}, Off: make([]preferenceView, len(off))}
	for i, p := range off {
		view.Off[i] = preferenceView{Kind: p.Kind, Channel: p.Channel, Source: string(p.Source), CreatedAt: p.CreatedAt.UTC()}
	}
	return &preferencesOutput{view}
}

// linkKeyRequest is the body of a request to make a key of links.
type linkKeyRequest struct {
	Forget bool `json:"forget,omitempty" doc:"the links of all mails that were sent so far are dead"`
}

type linkKeyInput struct{ jsonBody[linkKeyRequest] }

func (s *Server) makeLinkKey(ctx context.Context, in *linkKeyInput) (*struct{}, error) {
	return nil, s.optOut.NewKey(ctx, in.body.Forget, actorOf(ctx))
}
