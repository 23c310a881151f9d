package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// lockUses returns what was used of the batch's quotas. It begins the present period where
// another one was counted. The transaction is the only one that writes.
func lockUses(ctx context.Context, tx *sql.Tx, batch []store.Acceptance) ([]store.Use, error) {
	var all []store.Use
	now := store.Now()
	for _, c := range store.CountersOf(batch) {
		used, err := query(ctx, tx, sqlread.Use, `
			INSERT INTO app_use AS u (`+sqlread.UseColumns+`) VALUES (?1, ?2, ?3, ?4, 0)
			ON CONFLICT (app_id, channel, period) DO UPDATE SET
				used = CASE WHEN u.start = excluded.start THEN u.used ELSE 0 END, start = excluded.start
			RETURNING `+sqlread.UseColumns+`, ?5`, c.AppID, c.Channel, c.Period, c.Period.Start(now), now)
		if err != nil {
			return nil, fmt.Errorf("read what apps have used: %w", err)
		}
		all = append(all, used...)
	}
	return all, nil
}

// writeUses writes counters that lockUses has returned.
func writeUses(ctx context.Context, tx *sql.Tx, uses []store.Use) error {
	for _, u := range uses {
		_, err := tx.ExecContext(ctx, `UPDATE app_use SET used = ? WHERE app_id = ? AND channel = ? AND period = ?`,
			u.Used, u.AppID, u.Channel, u.Period)
		if err != nil {
			return fmt.Errorf("write what apps have used: %w", err)
		}
	}
	return nil
}

// ForgetUses implements store.Quotas.
func (s *Store) ForgetUses(ctx context.Context, before time.Time) (int, error) {
	forgotten, err := s.execute(ctx, `DELETE FROM app_use WHERE start < ?`, before)
	if err != nil {
		return 0, fmt.Errorf("forget what apps have used: %w", err)
	}
	return forgotten, nil
}
