package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// named selects the rows of a table of contacts or groups with the owners $1 and the names $2.
// Each is looked up, see rowOf.
func named(table, columns, lock string) string {
	return `SELECT ` + columns + ` FROM unnest($1::text[]) AS whose (asked_owner), unnest($2::text[]) AS wanted (asked_name),
		LATERAL (SELECT * FROM ` + table + ` WHERE owner = asked_owner AND name = asked_name LIMIT 1 ` + lock + `) found`
}

// forOwner returns whose contacts and groups an owner may send to.
func forOwner(owner string) []string {
	if owner == "" {
		return []string{""}
	}
	return []string{owner, ""}
}

// FindContacts implements store.Contacts.
func (s *Store) FindContacts(ctx context.Context, owner string, names []string) ([]store.Contact, error) {
	contacts, err := query(ctx, s.pool, sqlread.Contact, named("contacts", sqlread.ContactColumns, ""), forOwner(owner), names)
	if err != nil {
		return nil, fmt.Errorf("find contacts: %w", err)
	}
	return contacts, nil
}

// FindGroups implements store.Contacts.
func (s *Store) FindGroups(ctx context.Context, owner string, names []string) ([]store.Group, error) {
	groups, err := query(ctx, s.pool, sqlread.Group, named("contact_groups", sqlread.GroupColumns, ""), forOwner(owner), names)
	if err != nil {
		return nil, fmt.Errorf("find groups: %w", err)
	}
	return groups, nil
}

// PutContacts implements store.Contacts. Rows are locked and inserted in the order of names, so
// that two writes wait for each other and cannot deadlock.
func (s *Store) PutContacts(ctx context.Context, contacts []store.Contact, by store.Actor) (changes []store.Change, err error) {
	if len(contacts) == 0 {
		return nil, nil
	}
	names := column(contacts, func(c *store.Contact) string { return c.Name })
	slices.Sort(names)
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		stored, err := query(ctx, tx, sqlread.Contact, named("contacts", sqlread.ContactColumns, "FOR NO KEY UPDATE"),
			[]string{contacts[0].Owner}, names)
		if err != nil {
			return err
		}
		changes = store.ContactChanges(stored, contacts)
		written, entries := store.ChangedContacts(contacts, changes, by)
		if err := writeContacts(ctx, tx, written); err != nil {
			return err
		}
		return insertAudit(ctx, tx, entries...)
	})
	if err != nil {
		return nil, fmt.Errorf("write contacts: %w", marked(err))
	}
	return changes, nil
}

func writeContacts(ctx context.Context, tx pgx.Tx, contacts []store.Contact) error {
	addresses, err := jsonLists(contacts, func(c *store.Contact) []store.Recipient { return c.Addresses })
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO contacts (`+sqlread.ContactColumns+`)
		SELECT owner, name, coalesce(addresses, '[]'), locale, time_zone, labels, created_at, updated_at
		FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::text[], $5::text[], $6::jsonb[], $7::timestamptz[], $8::timestamptz[])
			AS written (`+sqlread.ContactColumns+`)
		ON CONFLICT (owner, name) DO UPDATE SET addresses = excluded.addresses, locale = excluded.locale,
			time_zone = excluded.time_zone, labels = excluded.labels, updated_at = excluded.updated_at`,
		column(contacts, func(c *store.Contact) string { return c.Owner }),
		column(contacts, func(c *store.Contact) string { return c.Name }),
		addresses,
		column(contacts, func(c *store.Contact) string { return c.Locale }),
		column(contacts, func(c *store.Contact) string { return c.TimeZone }),
		column(contacts, func(c *store.Contact) []byte { return c.Labels.JSON() }),
		column(contacts, func(c *store.Contact) time.Time { return c.CreatedAt }),
		column(contacts, func(c *store.Contact) time.Time { return c.UpdatedAt }))
	return err
}

// PutGroup implements store.Contacts.
func (s *Store) PutGroup(ctx context.Context, g store.Group, by store.Actor) (change store.Change, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		stored, err := query(ctx, tx, sqlread.Group, named("contact_groups", sqlread.GroupColumns, "FOR NO KEY UPDATE"),
			[]string{g.Owner}, []string{g.Name})
		if err != nil {
			return err
		}
		if change = store.GroupChange(stored, g); change == store.Unchanged {
			return nil
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO contact_groups (`+sqlread.GroupColumns+`) VALUES ($1, $2, coalesce(to_jsonb($3::text[]), '[]'), $4, $5, $6)
			ON CONFLICT (owner, name) DO UPDATE SET contacts = excluded.contacts, labels = excluded.labels,
				updated_at = excluded.updated_at`,
			g.Owner, g.Name, g.Contacts, g.Labels.JSON(), g.CreatedAt, g.UpdatedAt); err != nil {
			return err
		}
		return insertAudit(ctx, tx, store.GroupEntry(g, change, by))
	})
	if err != nil {
		return "", fmt.Errorf("write group %q: %w", g.Name, marked(err))
	}
	return change, nil
}

// DeleteContact implements store.Contacts.
func (s *Store) DeleteContact(ctx context.Context, key store.ContactKey, by store.Actor) error {
	return s.deleteKeyed(ctx, "contacts", key, by.Did(store.AuditContactDelete, key.String()))
}

// DeleteGroup implements store.Contacts.
func (s *Store) DeleteGroup(ctx context.Context, key store.ContactKey, by store.Actor) error {
	return s.deleteKeyed(ctx, "contact_groups", key, by.Did(store.AuditGroupDelete, key.String()))
}

func (s *Store) deleteKeyed(ctx context.Context, table string, key store.ContactKey, audit store.AuditEntry) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		deleted, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE owner = $1 AND name = $2`, key.Owner, key.Name)
		if err != nil {
			return err
		}
		if deleted.RowsAffected() == 0 {
			return store.ErrNotFound
		}
		return insertAudit(ctx, tx, audit)
	})
	if err != nil {
		return fmt.Errorf("delete %q: %w", key.Name, marked(err))
	}
	return nil
}

// eraseAddress removes the address $1 of the type $2 from contacts that have it, at most $3, which
// it locks in the order of names.
const eraseAddress = `
	UPDATE contacts SET updated_at = $4, addresses = (
		SELECT coalesce(jsonb_agg(a ORDER BY position) FILTER (WHERE a ->> 'value' <> $1 OR a ->> 'type' <> $2), '[]')
		FROM jsonb_array_elements(addresses) WITH ORDINALITY AS u (a, position))
	FROM (
		SELECT found.* FROM (
			SELECT owner AS asked_owner, name AS asked_name FROM contact_addresses WHERE value = $1 AND type = $2
			ORDER BY owner, name LIMIT $3
		) wanted, LATERAL (
			SELECT owner, name FROM contacts WHERE owner = asked_owner AND name = asked_name LIMIT 1 FOR NO KEY UPDATE
		) found
	) locked
	WHERE contacts.owner = locked.owner AND contacts.name = locked.name`

// EraseAddress implements store.Erasures.
func (s *Store) EraseAddress(ctx context.Context, e store.Erasure) (int, error) {
	changed, err := s.pool.Exec(ctx, eraseAddress, e.Recipient.Value, e.Recipient.Type, e.Limit, e.At)
	if err != nil {
		return 0, fmt.Errorf("erase in contacts: %w", marked(err))
	}
	return int(changed.RowsAffected()), nil
}
