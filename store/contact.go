package store

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// Contact is a person or a team by name.
type Contact struct {
	ContactKey
	Addresses []Recipient // the preferred one first; nil: none
	Locale    string      // BCP 47; empty: not known
	TimeZone  string      // IANA; empty: not known
	Labels    Labels      // nil: none
	CreatedAt time.Time
	UpdatedAt time.Time
}

// RecipientContact is the type of a recipient whose value is a ContactKey's text.
const RecipientContact = "contact"

// ContactKey is the name of a contact or of a group, and whose it is.
type ContactKey struct {
	Owner string // app id; empty: shared by all apps
	Name  string
}

// String returns the key as a delivery and the audit log have it. No name has a slash.
func (k ContactKey) String() string { return k.Owner + "/" + k.Name }

// NameOf returns the name in the text of a ContactKey.
func NameOf(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }

// SameAs reports whether a contact that is written would stay as it is.
func (c Contact) SameAs(other Contact) bool {
	return c.ContactKey == other.ContactKey && slices.Equal(c.Addresses, other.Addresses) &&
		c.Locale == other.Locale && c.TimeZone == other.TimeZone && maps.Equal(c.Labels, other.Labels)
}

// Group is contacts that are sent to by one name: those that it lists, and those of its owner
// that have all its labels.
type Group struct {
	ContactKey
	Contacts  []string // names: of contacts of the owner, or else of shared ones; nil: none
	Labels    Labels   // nil: only those that are listed
	CreatedAt time.Time
	UpdatedAt time.Time
}

// SameAs reports whether a group that is written would stay as it is.
func (g Group) SameAs(other Group) bool {
	return g.ContactKey == other.ContactKey && slices.Equal(g.Contacts, other.Contacts) && maps.Equal(g.Labels, other.Labels)
}

// Labels are what a contact has, or what a group asks of its contacts.
type Labels map[string]string

// JSON returns the labels as they are stored; nil for none.
func (l Labels) JSON() []byte {
	if len(l) == 0 {
		return nil
	}
	return jsonOf(l)
}

// Scan implements sql.Scanner.
func (l *Labels) Scan(value any) error { return scanJSON(value, l) }

// Change is what a write did, or would do.
type Change string

// Changes.
const (
	Created   Change = "created"
	Changed   Change = "changed"
	Unchanged Change = "unchanged"
)

// ContactChanges returns what writing the wanted contacts of one owner does to the stored ones,
// each in its place.
func ContactChanges(stored, wanted []Contact) []Change {
	byKey := make(map[ContactKey]Contact, len(stored))
	for _, c := range stored {
		byKey[c.ContactKey] = c
	}
	changes := make([]Change, len(wanted))
	for i, c := range wanted {
		old, exists := byKey[c.ContactKey]
		changes[i] = changeOf(exists, old.SameAs(c))
	}
	return changes
}

// GroupChange returns what writing a group does to the stored ones, of which one may be the same.
func GroupChange(stored []Group, wanted Group) Change {
	for _, g := range stored {
		if g.ContactKey == wanted.ContactKey {
			return changeOf(true, g.SameAs(wanted))
		}
	}
	return Created
}

func changeOf(exists, same bool) Change {
	switch {
	case !exists:
		return Created
	case same:
		return Unchanged
	}
	return Changed
}

// GroupEntry returns the entry that a write of a group leaves in the audit log.
func GroupEntry(g Group, change Change, by Actor) AuditEntry {
	if change == Created {
		return by.Did(AuditGroupCreate, g.String())
	}
	return by.Did(AuditGroupUpdate, g.String())
}

// ChangedContacts returns the contacts that a write creates or changes, in the order of names, and
// the entries that it leaves in the audit log.
func ChangedContacts(contacts []Contact, changes []Change, by Actor) ([]Contact, []AuditEntry) {
	var (
		written []Contact
		entries []AuditEntry
	)
	for i, c := range contacts {
		switch changes[i] {
		case Created:
			entries = append(entries, by.Did(AuditContactCreate, c.String()))
		case Changed:
			entries = append(entries, by.Did(AuditContactUpdate, c.String()))
		default:
			continue
		}
		written = append(written, c)
	}
	slices.SortFunc(written, func(a, b Contact) int { return strings.Compare(a.Name, b.Name) })
	return written, entries
}

// ContactFilter chooses contacts or groups. A field of the zero value chooses all.
type ContactFilter struct {
	Owners  []string // whose they are, one or two; "" is a value here: the shared ones
	Prefix  string   // with which the name begins
	Address string   // that a contact has, exactly
	Label   string   // that a contact has, with the value LabelValue
	// LabelValue is looked at only with Label.
	LabelValue string
}

// Contacts keeps contacts and groups. Each owner has names of its own.
type Contacts interface {
	// PutContacts creates contacts of one owner, or replaces everything but CreatedAt of those that
	// exist, in one transaction: all or nothing. It returns what it did to each, in the same
	// order. What would stay as it is is not written. Names are unique in a batch.
	PutContacts(ctx context.Context, contacts []Contact, by Actor) ([]Change, error)
	// DeleteContact returns ErrNotFound when there is no such contact. What was accepted stays.
	DeleteContact(ctx context.Context, key ContactKey, by Actor) error
	// FindContacts returns the contacts of these names that the owner has, and the shared ones, in
	// no order.
	FindContacts(ctx context.Context, owner string, names []string) ([]Contact, error)
	// ListContacts returns a page of at most limit contacts by owner and name, after the given one.
	// The error may be ErrTooBroad.
	ListContacts(ctx context.Context, f ContactFilter, after ContactKey, limit int) ([]Contact, error)
	// ContactsWith returns a page of at most limit contacts of the owner that have all the labels,
	// of which there is at least one, by name, after the given name.
	ContactsWith(ctx context.Context, owner string, labels Labels, after string, limit int) ([]Contact, error)

	// CountContactsWith counts the contacts of ContactsWith, up to most.
	CountContactsWith(ctx context.Context, owner string, labels Labels, most int) (int, error)

	// PutGroup creates a group, or replaces everything but CreatedAt of one that exists. One that
	// would stay as it is is not written.
	PutGroup(ctx context.Context, g Group, by Actor) (Change, error)
	// DeleteGroup returns ErrNotFound when there is no such group.
	DeleteGroup(ctx context.Context, key ContactKey, by Actor) error
	// FindGroups returns the groups of these names that the owner has, and the shared ones, in no
	// order.
	FindGroups(ctx context.Context, owner string, names []string) ([]Group, error)
	// ListGroups is like ListContacts. Of the filter it looks at Owners and Prefix.
	ListGroups(ctx context.Context, f ContactFilter, after ContactKey, limit int) ([]Group, error)
}

// Reach is what the contacts and groups of a notification came to.
type Reach struct {
	Contacts int `json:"contacts"` // each once
	Reached  int `json:"reached"`  // of them, those that have a delivery at least
	// Each says it of each contact; of more than MaxReach contacts, of the first so many that were
	// not reached on all their channels.
	Each []ContactReach `json:"each,omitempty"`
	// Missing are names that groups list and no contact has, at most MaxReach of them.
	Missing []string `json:"missing,omitempty"`
}

// MaxReach bounds the lists of a Reach.
const MaxReach = 200

// ContactReach is on which of a notification's channels a contact is reached.
type ContactReach struct {
	Name     string   `json:"name"`
	Channels []string `json:"channels,omitempty"`
	// Without are the channels on which it has no address.
	Without []string `json:"without,omitempty"`
}

// JSON returns it as it is stored; nil for nil.
func (r *Reach) JSON() []byte {
	if r == nil {
		return nil
	}
	return jsonOf(r)
}

// Scan implements sql.Scanner.
func (r *Reach) Scan(value any) error { return scanJSON(value, r) }
