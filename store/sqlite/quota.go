package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// readUses returns what the apps of the batch have used of their quotas. The transaction is
// the only one that writes.
func readUses(ctx context.Context, tx *sql.Tx, batch []store.Acceptance) (store.Ledger, error) {
	var before []store.Use
	for _, u := range store.UsesOf(batch) {
		used, err := query(ctx, tx, sqlread.Use, `
			INSERT INTO app_use AS u (`+sqlread.UseColumns+`) VALUES (?, ?, ?, ?, 0)
			ON CONFLICT (app_id, channel, period) DO UPDATE SET
				used = CASE WHEN u.start < excluded.start THEN 0 ELSE u.used END, start = max(u.start, excluded.start)
			RETURNING `+sqlread.UseColumns, u.AppID, u.Channel, u.Period, u.Start)
		if err != nil {
			return nil, fmt.Errorf("read what apps have used: %w", err)
		}
		before = append(before, used...)
	}
	return store.NewLedger(before), nil
}

// writeUses writes what readUses has read and acceptances have used since.
func writeUses(ctx context.Context, tx *sql.Tx, ledger store.Ledger) error {
	for _, u := range ledger.Uses() {
		_, err := tx.ExecContext(ctx, `UPDATE app_use SET used = ? WHERE app_id = ? AND channel = ? AND period = ?`,
			u.Used, u.AppID, u.Channel, u.Period)
		if err != nil {
			return fmt.Errorf("write what apps have used: %w", err)
		}
	}
	return nil
}
