package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// PutKind implements store.Kinds.
func (s *Store) PutKind(ctx context.Context, k store.Kind, audit store.AuditEntry) error {
	channels, quiet, caps, digest := sqlread.KindJSON(k)
	_, err := s.audited(ctx, audit, `
		INSERT INTO kinds (`+sqlread.KindColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET description = excluded.description, channels = excluded.channels,
			optional = excluded.optional, critical = excluded.critical, quiet = excluded.quiet, caps = excluded.caps, digest = excluded.digest,
			updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
		k.Name, k.Description, text(channels), k.Optional, k.Critical, text(quiet), text(caps), text(digest), k.UpdatedAt, k.UpdatedBy)
	if err != nil {
		return fmt.Errorf("write kind %q: %w", k.Name, err)
	}
	return nil
}

// DeleteKind implements store.Kinds.
func (s *Store) DeleteKind(ctx context.Context, name string, audit store.AuditEntry) error {
	deleted, err := s.audited(ctx, audit, `DELETE FROM kinds WHERE name = ?`, name)
	if err == nil && !deleted {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete kind %q: %w", name, err)
	}
	return nil
}

// checkKinds returns store.ErrStale unless the kinds of the acceptances are stored as they were
// read.
func checkKinds(ctx context.Context, tx *sql.Tx, batch []store.Acceptance) error {
	names := store.KindNames(batch)
	if len(names) == 0 {
		return nil
	}
	stored, err := query(ctx, tx, sqlread.KindVersion, `SELECT name, updated_at FROM kinds WHERE name IN `+listed, array(names))
	if err != nil {
		return fmt.Errorf("read kinds: %w", err)
	}
	return store.CheckKinds(batch, stored)
}

// readKnown reads what is known of the recipients of acceptances. The transaction is the only one
// that writes.
func readKnown(ctx context.Context, tx *sql.Tx, news []store.Acceptance) (known store.Known, err error) {
	if known.Off, err = readOff(ctx, tx, news); err != nil {
		return known, err
	}
	if known.Suppressed, err = readSuppressed(ctx, tx, news); err != nil {
		return known, err
	}
	counters := store.CappedOf(news)
	if len(counters) == 0 {
		return known, nil
	}
	read, err := tx.PrepareContext(ctx, `
		SELECT coalesce(max(used), 0) FROM recipient_use
		WHERE recipient_value = ? AND recipient_type = ? AND kind = ? AND channel = ? AND day = ?`)
	if err != nil {
		return known, err
	}
	defer func() { _ = read.Close() }()
	for _, c := range counters {
		use := store.RecipientUse{RecipientCounter: c}
		if err := read.QueryRowContext(ctx, c.Value, c.Type, c.Kind, c.Channel, c.Day).Scan(&use.Used); err != nil {
			return known, fmt.Errorf("read what recipients have used: %w", err)
		}
		known.Uses = append(known.Uses, use)
	}
	return known, nil
}

const writeRecipientUse = `INSERT INTO recipient_use (` + sqlread.RecipientUseColumns + `) VALUES (?, ?, ?, ?, ?, ?)
	ON CONFLICT (recipient_value, recipient_type, kind, channel, day) DO UPDATE SET used = excluded.used`

// writeRecipientUses writes counters.
func writeRecipientUses(ctx context.Context, tx *sql.Tx, uses []store.RecipientUse) error {
	if len(uses) == 0 {
		return nil
	}
	write, err := tx.PrepareContext(ctx, writeRecipientUse)
	if err != nil {
		return err
	}
	defer func() { _ = write.Close() }()
	for _, u := range uses {
		if _, err := write.ExecContext(ctx, u.Value, u.Type, u.Kind, u.Channel, u.Day, u.Used); err != nil {
			return fmt.Errorf("write what recipients have used: %w", err)
		}
	}
	return nil
}

// ForgetRecipientUses implements store.RecipientUses.
func (s *Store) ForgetRecipientUses(ctx context.Context, before time.Time, limit int) (int, error) {
	forgotten, err := s.execute(ctx, `
		DELETE FROM recipient_use WHERE (recipient_value, recipient_type, kind, channel, day) IN (
			SELECT recipient_value, recipient_type, kind, channel, day FROM recipient_use WHERE day < ? LIMIT ?)`,
		before.Format(time.DateOnly), limit)
	if err != nil {
		return 0, fmt.Errorf("forget what recipients have used: %w", err)
	}
	return forgotten, nil
}

// EraseRecipientUses implements store.RecipientUses.
func (s *Store) EraseRecipientUses(ctx context.Context, r store.Recipient) (int, error) {
	erased, err := s.execute(ctx, `DELETE FROM recipient_use WHERE recipient_value = ? AND recipient_type = ?`, r.Value, r.Type)
	if err != nil {
		return 0, fmt.Errorf("erase what a recipient has used: %w", err)
	}
	return erased, nil
}
