// Package optout is about what people have switched off: it checks it, and makes and reads the links
// of mails by which they do so.
package optout

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/sealing"
	"github.com/labring/sealos-notify/store"
)

// maxOff bounds what one recipient may have switched off: beyond it are no kinds and channels any
// more, but rows.
const maxOff = 500

// Store is what an OptOut needs of the store.
type Store interface {
	store.Preferences
	Kind(ctx context.Context, name string) (store.Kind, error)
}

// OptOut keeps what people have switched off.
type OptOut struct {
	store  Store
	types  []channels.Type
	sealer *sealing.Sealer
	kinds  sync.Map // by name, of mails that were sent: a knownKind
}

// New returns an OptOut. types is the table of provider types.
func New(st Store, types []channels.Type, sealer *sealing.Sealer) *OptOut {
	return &OptOut{store: st, types: types, sealer: sealer}
}

// Preferences returns what a recipient has switched off. It returns a *refusal.Error for one that
// cannot be.
func (o *OptOut) Preferences(ctx context.Context, r store.Recipient) ([]store.Preference, error) {
	if err := o.check(r); err != nil {
		return nil, err
	}
	return o.store.Preferences(ctx, r)
}

// Set replaces what a recipient has switched off, and returns it. It returns a *refusal.Error for
// what cannot be switched off, unless it is off already: a kind may have changed since.
func (o *OptOut) Set(ctx context.Context, r store.Recipient, off []store.Preference, by store.Actor) ([]store.Preference, error) {
	if err := o.check(r); err != nil {
		return nil, err
	}
	if len(off) > maxOff {
		return nil, refusal.New(refusal.InvalidPreference, "off", "has %d entries; at most %d", len(off), maxOff)
	}
	before, err := o.store.Preferences(ctx, r)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{"": true} // names of kinds that may be off
	for _, p := range before {
		known[p.Kind] = true
	}
	for i, p := range off {
		field := fmt.Sprintf("off[%d]", i)
		if p.Channel != "" && !slices.ContainsFunc(o.types, func(t channels.Type) bool { return t.Channel == p.Channel }) {
			return nil, refusal.New(refusal.UnknownChannel, field+".channel", "there is no such channel")
		}
		if known[p.Kind] {
			continue
		}
		if err := o.checkKind(ctx, field+".kind", p.Kind); err != nil {
			return nil, err
		}
		known[p.Kind] = true
	}
	entry := by.Did(store.AuditPreferenceUpdate, "")
	entry.Detail = fmt.Sprintf("type %s, %d off", r.Type, len(off))
	if err := o.store.SetPreferences(ctx, r, off, entry); err != nil {
		return nil, err
	}
	return o.store.Preferences(ctx, r)
}

// check returns a *refusal.Error unless the recipient may have switched something off.
func (o *OptOut) check(r store.Recipient) error {
	if r.Type == store.RecipientContact { // the caller has looked it up
		return nil
	}
	if err := accepting.CheckRecipient(channels.RecipientTypesOf(o.types...), r); err != nil {
		return refusal.New(refusal.InvalidRecipient, "recipient", "%s", err)
	}
	return nil
}

// checkKind returns a *refusal.Error unless there is such a kind and it may be switched off.
func (o *OptOut) checkKind(ctx context.Context, field, name string) error {
	kind, err := o.store.Kind(ctx, name)
	switch {
	case isNotFound(err):
		return refusal.New(refusal.UnknownKind, field, "there is no kind %q", name)
	case err != nil:
		return err
	case !kind.Optional:
		return refusal.New(refusal.KindNotOptional, field, "kind %q cannot be switched off", name)
	}
	return nil
}

// kindAge is how long a kind is known: so long mails have the link after it is not optional any more.
const kindAge = 10 * time.Second

// knownKind is a kind as it was read; the zero Kind when there was none.
type knownKind struct {
	store.Kind
	at time.Time
}

// kind returns a kind as it was at most kindAge ago. It is cheap enough for each mail, and for each
// look at a link.
func (o *OptOut) kind(ctx context.Context, name string) (store.Kind, error) {
	if known, is := o.kinds.Load(name); is && time.Since(known.(knownKind).at) < kindAge {
		return known.(knownKind).Kind, nil
	}
	kind, err := o.store.Kind(ctx, name)
	if err != nil && !isNotFound(err) {
		return store.Kind{}, err
	}
	o.kinds.Store(name, knownKind{kind, time.Now()})
	return kind, nil
}

// IsOptional reports whether people may switch a kind off.
func (o *OptOut) IsOptional(ctx context.Context, name string) (bool, error) {
	kind, err := o.kind(ctx, name)
	return kind.Optional, err
}
