package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// readOff queues the look-up of what recipients of optional kinds have switched off.
func readOff(queries *pgx.Batch, news []store.Acceptance, to *[]store.Preference) {
	if values := store.OptionalOf(news); len(values) > 0 {
		into(queries, to, sqlread.Preference,
			`SELECT `+sqlread.PreferenceColumns+` FROM preferences WHERE recipient_value = ANY ($1)`, values)
	}
}

// SetPreferences implements store.Preferences.
func (s *Store) SetPreferences(ctx context.Context, r store.Recipient, off []store.Preference, audit store.AuditEntry) error {
	kinds := column(off, func(p *store.Preference) string { return p.Kind })
	channels := column(off, func(p *store.Preference) string { return p.Channel })
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM preferences WHERE recipient_value = $1 AND recipient_type = $2
			AND (kind, channel) NOT IN (SELECT * FROM unnest($3::text[], $4::text[]))`, r.Value, r.Type, kinds, channels)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO preferences (recipient_value, recipient_type, kind, channel, source, created_at)
			SELECT $1, $2, kind, channel, $5, $6 FROM unnest($3::text[], $4::text[]) AS off (kind, channel)
			ORDER BY kind, channel ON CONFLICT DO NOTHING`, r.Value, r.Type, kinds, channels, store.SourceAPI, store.Now())
		if err != nil {
			return err
		}
		return insertAudit(ctx, tx, audit)
	})
	if err != nil {
		return fmt.Errorf("set preferences: %w", marked(err))
	}
	return nil
}

// SwitchOff implements store.Preferences.
func (s *Store) SwitchOff(ctx context.Context, p store.Preference) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO preferences (recipient_value, recipient_type, kind, channel, source, created_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		p.Recipient.Value, p.Recipient.Type, p.Kind, p.Channel, p.Source, p.CreatedAt)
	if err != nil {
		return fmt.Errorf("switch off: %w", marked(err))
	}
	return nil
}

// SwitchOn implements store.Preferences.
func (s *Store) SwitchOn(ctx context.Context, p store.Preference) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM preferences WHERE recipient_value = $1 AND recipient_type = $2 AND kind = $3 AND channel = $4`,
		p.Recipient.Value, p.Recipient.Type, p.Kind, p.Channel)
	if err != nil {
		return fmt.Errorf("switch on: %w", marked(err))
	}
	return nil
}

// ForgetRecipient implements store.Erasures.
func (s *Store) ForgetRecipient(ctx context.Context, r store.Recipient) (n int, err error) {
	err = s.pool.QueryRow(ctx, `
		WITH forgotten_suppressions AS (
			DELETE FROM suppressions WHERE recipient_value = $1 AND recipient_type = $2 RETURNING 1
		), forgotten_preferences AS (
			DELETE FROM preferences WHERE recipient_value = $1 AND recipient_type = $2 RETURNING 1
		), forgotten_messages AS (
			DELETE FROM thread_messages WHERE (recipient_value, recipient_type, channel, thread_id) IN (
				SELECT recipient_value, recipient_type, channel, thread_id FROM thread_messages
				WHERE recipient_value = $1 AND recipient_type = $2
				ORDER BY recipient_value, recipient_type, channel, thread_id FOR UPDATE)
			RETURNING 1
		)
		SELECT (SELECT count(*) FROM forgotten_suppressions) + (SELECT count(*) FROM forgotten_preferences)
			+ (SELECT count(*) FROM forgotten_messages)`, r.Value, r.Type).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("forget a recipient: %w", marked(err))
	}
	return n, nil
}

// LinkKeys implements store.LinkKeys. Two replicas may both keep a first key: links with either are good.
func (s *Store) LinkKeys(ctx context.Context, first []byte) ([][]byte, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	keys, err := query(ctx, s.pool, func(row sqlread.Row) (key []byte, err error) {
		err = row.Scan(&key)
		return key, err
	}, `
		WITH first_key AS (
			INSERT INTO link_keys (id, key) SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM link_keys) RETURNING id, key
		)
		SELECT key FROM (SELECT id, key FROM link_keys UNION ALL SELECT id, key FROM first_key) keys ORDER BY id DESC`, id, first)
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
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM link_keys WHERE $1`, alone); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO link_keys (id, key) VALUES ($1, $2)`, id, key); err != nil {
			return err
		}
		return insertAudit(ctx, tx, audit)
	})
	if err != nil {
		return fmt.Errorf("add a key of links: %w", marked(err))
	}
	return nil
}
