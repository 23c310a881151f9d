package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// named chooses rows of contacts or groups with the names ?1, a JSON array, of the owner ?2 and
// the shared ones.
const named = ` WHERE owner IN (?2, '') AND name IN (SELECT value FROM json_each(?1))`

// FindContacts implements store.Contacts.
func (s *Store) FindContacts(ctx context.Context, owner string, names []string) ([]store.Contact, error) {
	contacts, err := query(ctx, s.read, sqlread.Contact, `SELECT `+sqlread.ContactColumns+` FROM contacts`+named, array(names), owner)
	if err != nil {
		return nil, fmt.Errorf("find contacts: %w", err)
	}
	return contacts, nil
}

// FindGroups implements store.Contacts.
func (s *Store) FindGroups(ctx context.Context, owner string, names []string) ([]store.Group, error) {
	groups, err := query(ctx, s.read, sqlread.Group, `SELECT `+sqlread.GroupColumns+` FROM contact_groups`+named, array(names), owner)
	if err != nil {
		return nil, fmt.Errorf("find groups: %w", err)
	}
	return groups, nil
}

// PutContacts implements store.Contacts.
func (s *Store) PutContacts(ctx context.Context, contacts []store.Contact, by store.Actor) (changes []store.Change, err error) {
	if len(contacts) == 0 {
		return nil, nil
	}
	names := make([]string, len(contacts))
	for i, c := range contacts {
		names[i] = c.Name
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		stored, err := query(ctx, tx, sqlread.Contact, `SELECT `+sqlread.ContactColumns+` FROM contacts
			WHERE owner = ?2 AND name IN (SELECT value FROM json_each(?1))`, array(names), contacts[0].Owner)
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
		return nil, fmt.Errorf("write contacts: %w", err)
	}
	return changes, nil
}

const writeContact = `INSERT INTO contacts (` + sqlread.ContactColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (owner, name) DO UPDATE SET addresses = excluded.addresses, locale = excluded.locale,
		time_zone = excluded.time_zone, labels = excluded.labels, updated_at = excluded.updated_at`

func writeContacts(ctx context.Context, tx *sql.Tx, contacts []store.Contact) error {
	put, err := tx.PrepareContext(ctx, writeContact)
	if err != nil {
		return err
	}
	defer func() { _ = put.Close() }()
	for _, c := range contacts {
		addresses, err := json.Marshal(c.Addresses)
		if err != nil {
			return err
		}
		_, err = put.ExecContext(ctx, c.Owner, c.Name, listOr(addresses), c.Locale, c.TimeZone, text(c.Labels.JSON()),
			c.CreatedAt.UnixMicro(), c.UpdatedAt.UnixMicro())
		if err != nil {
			return err
		}
	}
	return nil
}

// listOr returns a list as it is stored: an empty one for nil.
func listOr(encoded []byte) string {
	if string(encoded) == "null" {
		return "[]"
	}
	return string(encoded)
}

// PutGroup implements store.Contacts.
func (s *Store) PutGroup(ctx context.Context, g store.Group, by store.Actor) (change store.Change, err error) {
	contacts, err := json.Marshal(g.Contacts)
	if err != nil {
		return "", fmt.Errorf("write group %q: %w", g.Name, err)
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		stored, err := query(ctx, tx, sqlread.Group,
			`SELECT `+sqlread.GroupColumns+` FROM contact_groups WHERE owner = ? AND name = ?`, g.Owner, g.Name)
		if err != nil {
			return err
		}
		if change = store.GroupChange(stored, g); change == store.Unchanged {
			return nil
		}
		if _, err := changed(ctx, tx, `
			INSERT INTO contact_groups (`+sqlread.GroupColumns+`) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (owner, name) DO UPDATE SET contacts = excluded.contacts, labels = excluded.labels,
				updated_at = excluded.updated_at`,
			g.Owner, g.Name, listOr(contacts), text(g.Labels.JSON()), g.CreatedAt, g.UpdatedAt); err != nil {
			return err
		}
		return insertAudit(ctx, tx, store.GroupEntry(g, change, by))
	})
	if err != nil {
		return "", fmt.Errorf("write group %q: %w", g.Name, err)
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
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		deleted, err := changed(ctx, tx, `DELETE FROM `+table+` WHERE owner = ? AND name = ?`, key.Owner, key.Name)
		if err != nil {
			return err
		}
		if deleted == 0 {
			return store.ErrNotFound
		}
		return insertAudit(ctx, tx, audit)
	})
	if err != nil {
		return fmt.Errorf("delete %q: %w", key.Name, err)
	}
	return nil
}

// eraseAddress removes the address ?1 of the type ?2 from contacts that have it, at most ?3.
const eraseAddress = `
	UPDATE contacts SET updated_at = ?4, addresses = (
		SELECT coalesce(json_group_array(json(value)) FILTER (WHERE value ->> 'value' <> ?1 OR value ->> 'type' <> ?2), '[]')
		FROM json_each(addresses))
	WHERE (owner, name) IN (SELECT owner, name FROM contact_addresses WHERE value = ?1 AND type = ?2 ORDER BY owner, name LIMIT ?3)`

// EraseAddress implements store.Erasures.
func (s *Store) EraseAddress(ctx context.Context, e store.Erasure) (int, error) {
	n, err := s.execute(ctx, eraseAddress, e.Recipient.Value, e.Recipient.Type, e.Limit, e.At)
	if err != nil {
		return 0, fmt.Errorf("erase in contacts: %w", err)
	}
	return n, nil
}
