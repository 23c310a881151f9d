package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/labring/sealos-notify/store"
)

// writeCounts adds counts to those of their hours.
func writeCounts(ctx context.Context, tx *sql.Tx, counts []store.Count) error {
	for _, c := range counts {
		_, err := tx.ExecContext(ctx, `
			INSERT INTO hourly_counts (hour, channel, app_id, template, provider, outcome, code, took, amount)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (hour, channel, app_id, template, provider, outcome, code, took)
			DO UPDATE SET amount = amount + excluded.amount`,
			c.Hour.UnixMicro(), c.Channel, c.AppID, c.Template, c.Provider, c.Counted, c.Code, c.Took, c.Amount)
		if err != nil {
			return fmt.Errorf("count by the hour: %w", err)
		}
	}
	return nil
}

// DeleteCounts implements store.CountsByHour.
func (s *Store) DeleteCounts(ctx context.Context, before time.Time) (int, error) {
	result, err := s.write.ExecContext(ctx, `DELETE FROM hourly_counts WHERE hour < ?`, before.UnixMicro())
	if err != nil {
		return 0, fmt.Errorf("delete hourly counts: %w", marked(err))
	}
	n, _ := result.RowsAffected() // this driver returns no error
	return int(n), nil
}
