package store

import (
	"context"
	"time"
)

// CodeOptedOut is the code of a delivery that was not sent because its recipient has switched its
// kind off.
const CodeOptedOut = "opted_out"

// Preference is what somebody has switched off.
type Preference struct {
	Recipient Recipient
	Kind      string // empty: all kinds that may be switched off
	Channel   string // empty: all channels
	Source    PreferenceSource
	CreatedAt time.Time
}

// PreferenceSource is who has switched something off.
type PreferenceSource string

// Sources.
const (
	SourceAPI  PreferenceSource = "api"  // an app
	SourceLink PreferenceSource = "link" // the person, by the link of a mail
)

// Preferences keeps what people have switched off. Accept obeys it.
type Preferences interface {
	// Preferences returns what the recipient has switched off, by kind and channel.
	Preferences(ctx context.Context, r Recipient) ([]Preference, error)
	// SetPreferences replaces what the recipient has switched off. What was off before and stays
	// off keeps its source and its time. Of off, the kind and the channel count.
	SetPreferences(ctx context.Context, r Recipient, off []Preference, audit AuditEntry) error
	// SwitchOff adds a preference, unless it is there.
	SwitchOff(ctx context.Context, p Preference) error
	// SwitchOn removes the preference with the recipient, the kind and the channel, if it is there.
	SwitchOn(ctx context.Context, p Preference) error
}

// LinkKeys keeps the keys of the links by which people switch something off.
type LinkKeys interface {
	// LinkKeys returns the keys, the newest first. When there is none it keeps first and returns it.
	LinkKeys(ctx context.Context, first []byte) ([][]byte, error)
	// AddLinkKey adds a key, and with alone deletes the others: links that were made with them are
	// dead from then on.
	AddLinkKey(ctx context.Context, key []byte, alone bool, audit AuditEntry) error
}

// OptionalOf returns the addresses of acceptances whose kind may be switched off, and the contacts whose
// they are.
func OptionalOf(news []Acceptance) []string {
	var values []string
	for _, a := range news {
		if a.isOptional() {
			for i := range a.Deliveries {
				values = append(values, a.Deliveries[i].Recipient.Value)
				if contact := a.Deliveries[i].Contact; contact != "" {
					values = append(values, contact)
				}
			}
		}
	}
	return values
}

func (a Acceptance) isOptional() bool { return a.Kind != nil && a.Kind.Optional && !a.Passes }

// off returns what is switched off.
func (k Known) off() map[Preference]bool {
	off := make(map[Preference]bool, len(k.Off))
	for _, p := range k.Off {
		off[Preference{Recipient: p.Recipient, Kind: p.Kind, Channel: p.Channel}] = true
	}
	return off
}

// optedOut returns why a delivery is withheld that its recipient has switched off; the zero value for
// others.
func (a Acceptance) optedOut(d Delivery, off map[Preference]bool) reason {
	if len(off) == 0 || !a.isOptional() {
		return reason{}
	}
	for _, who := range []Recipient{{Type: d.Recipient.Type, Value: d.Recipient.Value}, {Type: RecipientContact, Value: d.Contact}} {
		for _, kind := range []string{a.Kind.Name, ""} {
			for _, channel := range []string{d.Channel, ""} {
				if off[Preference{Recipient: who, Kind: kind, Channel: channel}] {
					return reason{CodeOptedOut, "the recipient has switched off kind " + a.Kind.Name}
				}
			}
		}
	}
	return reason{}
}
