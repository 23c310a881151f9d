package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// addPreference adds a preference, unless it is there.
const addPreference = `INSERT INTO preferences (recipient_value, recipient_type, kind, channel, source, created_at)
	VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`

const deletePreference = `DELETE FROM preferences WHERE recipient_value = ? AND recipient_type = ? AND kind = ? AND channel = ?`

// readOff returns what recipients of optional kinds have switched off.
func readOff(ctx context.Context, tx *sql.Tx, news []store.Acceptance) ([]store.Preference, error) {
	values := store.OptionalOf(news)
	if len(values) == 0 {
		return nil, nil
	}
	off, err := query(ctx, tx, sqlread.Preference,
		`SELECT `+sqlread.PreferenceColumns+` FROM preferences WHERE recipient_value IN `+listed, array(values))
	if err != nil {
		return nil, fmt.Errorf("read preferences: %w", err)
	}
	return off, nil
}

// SetPreferences implements store.Preferences.
func (s *Store) SetPreferences(ctx context.Context, r store.Recipient, off []store.Preference, audit store.AuditEntry) error {
	before, err := s.Preferences(ctx, r)
	if err != nil {
		return err
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		for _, p := range before {
			stays := slices.ContainsFunc(off, func(o store.Preference) bool { return o.Kind == p.Kind && o.Channel == p.Channel })
			if stays {
				continue
			}
			if _, err := changed(ctx, tx, deletePreference, r.Value, r.Type, p.Kind, p.Channel); err != nil {
				return err
			}
		}
		for _, p := range off {
			if _, err := changed(ctx, tx, addPreference, r.Value, r.Type, p.Kind, p.Channel, store.SourceAPI, store.Now()); err != nil {
				return err
			}
		}
		return insertAudit(ctx, tx, audit)
	})
	if err != nil {
		return fmt.Errorf("set preferences: %w", err)
	}
	return nil
}

// SwitchOff implements store.Preferences.
func (s *Store) SwitchOff(ctx context.Context, p store.Preference) error {
	_, err := s.execute(ctx, addPreference, p.Recipient.Value, p.Recipient.Type, p.Kind, p.Channel, p.Source, p.CreatedAt)
	if err != nil {
		return fmt.Errorf("switch off: %w", err)
	}
	return nil
}

// SwitchOn implements store.Preferences.
func (s *Store) SwitchOn(ctx context.Context, p store.Preference) error {
	_, err := s.execute(ctx, deletePreference, p.Recipient.Value, p.Recipient.Type, p.Kind, p.Channel)
	if err != nil {
		return fmt.Errorf("switch on: %w", err)
	}
	return nil
}

// ForgetRecipient implements store.Erasures.
func (s *Store) ForgetRecipient(ctx context.Context, r store.Recipient) (n int, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		for _, table := range []string{"suppressions", "preferences", "thread_messages"} {
			deleted, err := changed(ctx, tx, `DELETE FROM `+table+` WHERE recipient_value = ? AND recipient_type = ?`, r.Value, r.Type)
			if err != nil {
				return err
			}
			n += deleted
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("forget a recipient: %w", err)
	}
	return n, nil
}

// LinkKeys implements store.LinkKeys.
func (s *Store) LinkKeys(ctx context.Context, first []byte) (keys [][]byte, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := changed(ctx, tx, `INSERT INTO link_keys (id, key) SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM link_keys)`, id, first); err != nil {
			return err
		}
		keys, err = query(ctx, tx, func(row sqlread.Row) (key []byte, err error) {
			err = row.Scan(&key)
			return key, err
		}, `SELECT key FROM link_keys ORDER BY id DESC`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the keys of links: %w", err)
	}
	return keys, nil
}

// AddLinkKey implements store.LinkKeys.
func (s *Store) AddLinkKey(ctx context.Context, key []byte, alone bool, audit store.AuditEntry) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := changed(ctx, tx, `DELETE FROM link_keys WHERE ?`, alone); err != nil {
			return err
		}
		if _, err := changed(ctx, tx, `INSERT INTO link_keys (id, key) VALUES (?, ?)`, id, key); err != nil {
			return err
		}
		return insertAudit(ctx, tx, audit)
	})
	if err != nil {
		return fmt.Errorf("add a key of links: %w", err)
	}
	return nil
}
