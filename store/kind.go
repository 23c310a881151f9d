package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Kind is a sort of notification: where, when and how often it may reach somebody. Kinds belong to
// the installation.
type Kind struct {
	Name        string
	Description string
	Channels    []string // that may send it; empty: all
	Optional    bool     // a person may switch it off
	Critical    bool     // it passes quiet hours and caps; not together with Optional
	Quiet       *Quiet   // nil: none
	Caps        map[string]Cap
	Digest      *Digest // nil: none
	UpdatedAt   time.Time
	UpdatedBy   string // app id
}

// Quiet is when deliveries of a kind wait.
type Quiet struct {
	From     string   `json:"from"` // such as 22:00
	To       string   `json:"to"`
	TimeZone string   `json:"timeZone"` // of recipients who have none
	Channels []string `json:"channels,omitempty"`
}

// Cap is the most deliveries of a kind that a recipient gets over a channel.
type Cap struct {
	Limit int    `json:"limit"`
	Per   Period `json:"per"` // PerDay: a calendar day in the kind's zone
}

// Allows reports whether the channel may send the kind.
func (k Kind) Allows(channel string) bool {
	return len(k.Channels) == 0 || slices.Contains(k.Channels, channel)
}

// IsQuiet reports whether the kind has quiet hours for the channel.
func (k Kind) IsQuiet(channel string) bool {
	return k.Quiet != nil && !k.Critical && (len(k.Quiet.Channels) == 0 || slices.Contains(k.Quiet.Channels, channel))
}

// Zone returns the zone in which the kind's days are counted.
func (k Kind) Zone() *time.Location {
	if k.Quiet != nil {
		if zone, err := LoadZone(k.Quiet.TimeZone); err == nil {
			return zone
		}
	}
	return time.UTC
}

// Kinds keeps the kinds. Each write is audited in its transaction.
type Kinds interface {
	// PutKind writes a kind in place of the one that has its name, if there is one.
	PutKind(ctx context.Context, k Kind, audit AuditEntry) error
	// DeleteKind returns ErrNotFound when there is none of that name.
	DeleteKind(ctx context.Context, name string, audit AuditEntry) error
	// Kind returns one kind, or ErrNotFound.
	Kind(ctx context.Context, name string) (Kind, error)
	// ListKinds returns a page of at most limit kinds by name, after the given name.
	ListKinds(ctx context.Context, after string, limit int) ([]Kind, error)
}

// RecipientUses keeps what recipients have used of the caps of kinds. Accept counts it.
type RecipientUses interface {
	// ForgetRecipientUses deletes at most limit counters of days before the given one, and returns how
	// many.
	ForgetRecipientUses(ctx context.Context, before time.Time, limit int) (int, error)
	// EraseRecipientUses deletes the counters of a recipient, and returns how many there were.
	EraseRecipientUses(ctx context.Context, r Recipient) (int, error)
}

// KindNames returns the names of the kinds of the acceptances that are checked, each once.
func KindNames(batch []Acceptance) []string {
	var names []string
	for _, a := range batch {
		if a.CheckKind && !slices.Contains(names, a.Kind.Name) {
			names = append(names, a.Kind.Name)
		}
	}
	return names
}

// CheckKinds returns ErrStale unless every kind that is checked is among the stored ones as it was
// read.
func CheckKinds(batch []Acceptance, stored []Kind) error {
	for _, a := range batch {
		if a.CheckKind && !slices.ContainsFunc(stored, func(s Kind) bool {
			return s.Name == a.Kind.Name && s.UpdatedAt.Equal(a.Kind.UpdatedAt)
		}) {
			return fmt.Errorf("kind %q: %w", a.Kind.Name, ErrStale)
		}
	}
	return nil
}

// Amounts are numbers by name.
type Amounts map[string]int

// Sum returns the sum of the amounts.
func (a Amounts) Sum() (sum int) {
	for _, n := range a {
		sum += n
	}
	return sum
}

// Plus returns both amounts together.
func (a Amounts) Plus(b Amounts) Amounts {
	sum := maps.Clone(a)
	if sum == nil {
		sum = Amounts{}
	}
	for name, n := range b {
		sum[name] += n
	}
	return sum
}

// JSON returns the amounts as they are stored; nil for none.
func (a Amounts) JSON() []byte {
	if len(a) == 0 {
		return nil
	}
	return jsonOf(a)
}

// Scan implements sql.Scanner.
func (a *Amounts) Scan(value any) error { *a = nil; return scanJSON(value, a) }
