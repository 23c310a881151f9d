package sqlread

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/labring/sealos-notify/store"
)

// Columns of the tables of contacts and of groups, as Contact and Group scan them.
const (
	ContactColumns = `owner, name, addresses, locale, time_zone, labels, created_at, updated_at`
	GroupColumns   = `owner, name, contacts, labels, created_at, updated_at`
)

// Contact scans ContactColumns.
func Contact(row Row) (store.Contact, error) {
	var c store.Contact
	err := row.Scan(&c.Owner, &c.Name, &c.Addresses, &c.Locale, &c.TimeZone, &c.Labels, &c.CreatedAt, &c.UpdatedAt)
	if len(c.Addresses) == 0 {
		c.Addresses = nil
	}
	return c, err
}

// Group scans GroupColumns.
func Group(row Row) (store.Group, error) {
	var g store.Group
	err := row.Scan(&g.Owner, &g.Name, &g.Contacts, &g.Labels, &g.CreatedAt, &g.UpdatedAt)
	if len(g.Contacts) == 0 {
		g.Contacts = nil
	}
	return g, err
}

// ListContacts implements store.Contacts.
func (r Reader) ListContacts(ctx context.Context, f store.ContactFilter, after store.ContactKey, limit int) ([]store.Contact, error) {
	var c conditions
	c.keys(f, after)
	if f.Address != "" {
		c.and(`(owner, name) IN (SELECT a.owner, a.name FROM contact_addresses a WHERE a.value = $)`, f.Address)
	}
	if f.Label != "" {
		c.and(`EXISTS (SELECT 1 FROM contact_labels l WHERE l.owner = contacts.owner AND l.name = contacts.name AND l.label = $`, f.Label)
		c.and(`l.value = $)`, f.LabelValue)
	}
	contacts, err := listed(ctx, r.DB, Contact,
		`SELECT `+ContactColumns+` FROM contacts`+c.where()+` ORDER BY owner, name LIMIT `+strconv.Itoa(limit), c.args)
	return wrapped(contacts, err, "list contacts")
}

// ListGroups implements store.Contacts.
func (r Reader) ListGroups(ctx context.Context, f store.ContactFilter, after store.ContactKey, limit int) ([]store.Group, error) {
	var c conditions
	c.keys(f, after)
	groups, err := listed(ctx, r.DB, Group,
		`SELECT `+GroupColumns+` FROM contact_groups`+c.where()+` ORDER BY owner, name LIMIT `+strconv.Itoa(limit), c.args)
	return wrapped(groups, err, "list groups")
}

// keys adds whose rows and which names are listed, and where the page begins.
func (c *conditions) keys(f store.ContactFilter, after store.ContactKey) {
	first := len(c.args) + 1
	c.args = append(c.args, after.Owner, after.Name)
	c.terms = append(c.terms, fmt.Sprintf(`(owner, name) > ($%d, $%d)`, first, first+1))
	switch len(f.Owners) {
	case 0:
	case 1:
		c.and(`owner = $`, f.Owners[0])
	default:
		first := len(c.args) + 1
		c.args = append(c.args, f.Owners[0], f.Owners[1])
		c.terms = append(c.terms, fmt.Sprintf(`owner IN ($%d, $%d)`, first, first+1))
	}
	if f.Prefix != "" {
		c.and(`name >= $`, f.Prefix)
		c.and(`name < $`, f.Prefix+"\x7f") // after all characters of names
	}
}

// ContactsWith implements store.Contacts. The condition on the contact's own name follows from the others, but
// the planner does not see that, and would read the owner's contacts from the first one.
func (r Reader) ContactsWith(ctx context.Context, owner string, labels store.Labels, after string, limit int) ([]store.Contact, error) {
	from, joined, args := labelled(owner, labels, after)
	contacts, err := all(ctx, r.DB, Contact, `SELECT `+ContactColumns+` FROM `+from+` CROSS JOIN contacts
		WHERE owner = owner0 AND name = name0 AND name > $2`+joined+` ORDER BY name0 LIMIT `+strconv.Itoa(limit), args...)
	return wrapped(contacts, err, "contacts with labels")
}

// CountContactsWith implements store.Contacts.
func (r Reader) CountContactsWith(ctx context.Context, owner string, labels store.Labels, most int) (int, error) {
	from, joined, args := labelled(owner, labels, "")
	n, err := one(ctx, r.DB, func(row Row) (n int, err error) { return n, row.Scan(&n) },
		`SELECT count(*) FROM (SELECT 1 FROM `+from+` WHERE true`+joined+` LIMIT `+strconv.Itoa(most)+`) AS found`, args...)
	return wrapped(n, err, "count contacts with labels")
}

// labelled returns the tables in which the contacts of the owner with all the labels are, after a
// name, as owner0 and name0, and the condition that joins them. The labels are indexed in the order of
// names. SQLite reads the tables of a CROSS JOIN in this order, PostgreSQL in the best one.
func labelled(owner string, labels store.Labels, after string) (from, joined string, args []any) {
	args = []any{owner, after}
	for i, label := range slices.Sorted(maps.Keys(labels)) {
		args = append(args, label, labels[label])
		if i > 0 {
			from += ` CROSS JOIN `
			joined += fmt.Sprintf(` AND name%d = name0`, i)
		}
		from += fmt.Sprintf(`(SELECT owner AS owner%[1]d, name AS name%[1]d FROM contact_labels
			WHERE owner = $1 AND name > $2 AND label = $%[2]d AND value = $%[3]d) l%[1]d`, i, len(args)-1, len(args))
	}
	return from, joined, args
}
