package optout

import (
	"bytes"
	"context"
	"errors"

	"github.com/labring/sealos-notify/jobs/sealing"
	"github.com/labring/sealos-notify/store"
)

// Path is where the links lead, at the service's public address.
const Path = "/unsubscribe/"

// ErrForged means that a token was not made by this service, or that its key was given up.
var ErrForged = sealing.ErrForged

// Choice is what a link switches off.
type Choice struct {
	Kind, Channel string
	Recipient     store.Recipient
}

// preference returns the choice as it is stored.
func (c Choice) preference() store.Preference {
	return store.Preference{Recipient: c.Recipient, Kind: c.Kind, Channel: c.Channel, Source: store.SourceLink, CreatedAt: store.Now()}
}

// Token returns what stands for a choice in a link. Only this service can make and read it. It
// works as long as its key is kept, and so longer than the delivery.
func (o *OptOut) Token(ctx context.Context, c Choice) (string, error) {
	text := bytes.Join([][]byte{[]byte(c.Kind), []byte(c.Channel), []byte(c.Recipient.Type), []byte(c.Recipient.Value)}, []byte{0})
	return o.sealer.Seal(ctx, Path, text)
}

// Read returns the choice of a token, or ErrForged.
func (o *OptOut) Read(ctx context.Context, token string) (Choice, error) {
	text, err := o.sealer.Open(ctx, Path, token)
	if err != nil {
		return Choice{}, err
	}
	return choiceOf(text)
}

func choiceOf(text []byte) (Choice, error) {
	parts := bytes.Split(text, []byte{0})
	if len(parts) != 4 {
		return Choice{}, ErrForged
	}
	return Choice{
		Kind: string(parts[0]), Channel: string(parts[1]),
		Recipient: store.Recipient{Type: string(parts[2]), Value: string(parts[3])},
	}, nil
}

// NewKey makes a new key of links. With forget the links that were made before are dead.
func (o *OptOut) NewKey(ctx context.Context, forget bool, by store.Actor) error {
	entry := by.Did(store.AuditLinkKeyCreate, "")
	if forget {
		entry.Detail = "the others were deleted"
	}
	return o.sealer.NewKey(ctx, forget, entry)
}

// Describe returns what a kind is about, for the person; empty when that is not known.
func (o *OptOut) Describe(ctx context.Context, kind string) (string, error) {
	k, err := o.kind(ctx, kind)
	return k.Description, err
}

// Switch switches the choice of a link off, or on again.
func (o *OptOut) Switch(ctx context.Context, c Choice, off bool) error {
	if off {
		return o.store.SwitchOff(ctx, c.preference())
	}
	return o.store.SwitchOn(ctx, c.preference())
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
