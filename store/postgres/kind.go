package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// PutKind implements store.Kinds.
func (s *Store) PutKind(ctx context.Context, k store.Kind, audit store.AuditEntry) error {
	channels, quiet, caps, digest := sqlread.KindJSON(k)
	_, err := s.audited(ctx, audit, `
		INSERT INTO kinds (`+sqlread.KindColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (name) DO UPDATE SET description = excluded.description, channels = excluded.channels,
			optional = excluded.optional, critical = excluded.critical, quiet = excluded.quiet, caps = excluded.caps, digest = excluded.digest,
			updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
		k.Name, k.Description, channels, k.Optional, k.Critical, quiet, caps, digest, k.UpdatedAt, k.UpdatedBy)
	if err != nil {
		return fmt.Errorf("write kind %q: %w", k.Name, marked(err))
	}
	return nil
}

// DeleteKind implements store.Kinds.
func (s *Store) DeleteKind(ctx context.Context, name string, audit store.AuditEntry) error {
	deleted, err := s.audited(ctx, audit, `DELETE FROM kinds WHERE name = $1`, name)
	if err == nil && !deleted {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete kind %q: %w", name, marked(err))
	}
	return nil
}

// checkKinds queues a statement that fails with store.ErrStale unless the kinds of the acceptances
// are stored as they were read.
func checkKinds(queries *pgx.Batch, acceptances []store.Acceptance) {
	names := store.KindNames(acceptances)
	if len(names) == 0 {
		return
	}
	queries.Queue(`SELECT name, updated_at FROM kinds WHERE name = ANY ($1)`, names).
		Query(func(rows pgx.Rows) error {
			stored, err := collect(rows, sqlread.KindVersion)
			if err != nil {
				return err
			}
			return store.CheckKinds(acceptances, stored)
		})
}

// lockKnown reads what is known of the recipients of acceptances, in one round trip. It locks their
// counters until the transaction ends. Acceptances that have nothing to ask cost nothing.
func lockKnown(ctx context.Context, tx pgx.Tx, news []store.Acceptance, suppressing bool) (known store.Known, err error) {
	var queries pgx.Batch
	lockRecipientUses(&queries, news, &known.Uses)
	readOff(&queries, news, &known.Off)
	if suppressing {
		readSuppressed(&queries, news, &known.Suppressed)
	}
	if queries.Len() == 0 {
		return known, nil
	}
	if err := tx.SendBatch(ctx, &queries).Close(); err != nil {
		return known, fmt.Errorf("read what is known of recipients: %w", err)
	}
	return known, nil
}

// into queues a statement whose rows are read into a list.
func into[T any](queries *pgx.Batch, to *[]T, scan func(sqlread.Row) (T, error), sql string, args ...any) {
	queries.Queue(sql, args...).Query(func(rows pgx.Rows) (err error) {
		*to, err = collect(rows, scan)
		return err
	})
}

// lockRecipientUses queues the lock of the counters of acceptances with caps.
func lockRecipientUses(queries *pgx.Batch, news []store.Acceptance, to *[]store.RecipientUse) {
	counters := store.CappedOf(news)
	if len(counters) == 0 {
		return
	}
	into(queries, to, sqlread.RecipientUse, `
		INSERT INTO recipient_use AS u (`+sqlread.RecipientUseColumns+`)
		SELECT *, 0 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
		ON CONFLICT (recipient_value, recipient_type, kind, channel, day) DO UPDATE SET used = u.used
		RETURNING `+sqlread.RecipientUseColumns,
		column(counters, func(c *store.RecipientCounter) string { return c.Value }),
		column(counters, func(c *store.RecipientCounter) string { return c.Type }),
		column(counters, func(c *store.RecipientCounter) string { return c.Kind }),
		column(counters, func(c *store.RecipientCounter) string { return c.Channel }),
		column(counters, func(c *store.RecipientCounter) string { return c.Day }))
}

// writeRecipientUses queues the update of counters that lockKnown has locked.
func writeRecipientUses(queries *pgx.Batch, uses []store.RecipientUse) {
	if len(uses) == 0 {
		return
	}
	queries.Queue(`
		UPDATE recipient_use AS u SET used = t.used
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[])
			AS t (recipient_value, recipient_type, kind, channel, day, used)
		WHERE (u.recipient_value, u.recipient_type, u.kind, u.channel, u.day)
			= (t.recipient_value, t.recipient_type, t.kind, t.channel, t.day)`,
		column(uses, func(u *store.RecipientUse) string { return u.Value }),
		column(uses, func(u *store.RecipientUse) string { return u.Type }),
		column(uses, func(u *store.RecipientUse) string { return u.Kind }),
		column(uses, func(u *store.RecipientUse) string { return u.Channel }),
		column(uses, func(u *store.RecipientUse) string { return u.Day }),
		column(uses, func(u *store.RecipientUse) int { return u.Used }))
}

// ForgetRecipientUses implements store.RecipientUses. It skips the counters that an Accept has locked.
func (s *Store) ForgetRecipientUses(ctx context.Context, before time.Time, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, `
		DELETE FROM recipient_use WHERE (recipient_value, recipient_type, kind, channel, day) IN (
			SELECT recipient_value, recipient_type, kind, channel, day FROM recipient_use
			WHERE day < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
		before.Format(time.DateOnly), limit)
	if err != nil {
		return 0, fmt.Errorf("forget what recipients have used: %w", marked(err))
	}
	return int(tag.RowsAffected()), nil
}

// EraseRecipientUses implements store.RecipientUses. It locks the counters in the order of the key, as
// lockKnown does.
func (s *Store) EraseRecipientUses(ctx context.Context, r store.Recipient) (int, error) {
	tag, err := s.pool.Exec(ctx, `
		WITH locked_uses AS (
			SELECT recipient_value, recipient_type, kind, channel, day FROM recipient_use
			WHERE recipient_value = $1 AND recipient_type = $2 ORDER BY kind, channel, day FOR UPDATE
		)
		DELETE FROM recipient_use WHERE (recipient_value, recipient_type, kind, channel, day) IN (SELECT * FROM locked_uses)`,
		r.Value, r.Type)
	if err != nil {
		return 0, fmt.Errorf("erase what a recipient has used: %w", marked(err))
	}
	return int(tag.RowsAffected()), nil
}
