package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

const insertEntry = `INSERT INTO audit (` + sqlread.AuditColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// insertAudit writes entries in the transaction of their change.
func insertAudit(ctx context.Context, tx *sql.Tx, entries ...store.AuditEntry) error {
	now := store.Now().UnixMicro()
	for _, e := range entries {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, insertEntry, id, now, e.AppID, e.Person, e.Address, e.Agent, e.Action, e.ObjectID, e.Outcome, e.Detail)
		if err != nil {
			return fmt.Errorf("write the audit log: %w", err)
		}
	}
	return nil
}

// Audit implements store.Auditor.
func (s *Store) Audit(ctx context.Context, entries ...store.AuditEntry) error {
	return s.inTx(ctx, func(tx *sql.Tx) error { return insertAudit(ctx, tx, entries...) })
}

// DeleteAudit implements store.Auditor.
func (s *Store) DeleteAudit(ctx context.Context, before time.Time) (int, error) {
	deleted, err := s.execute(ctx, `DELETE FROM audit WHERE id < ?`, store.FirstID(before))
	if err != nil {
		return 0, fmt.Errorf("delete from the audit log: %w", err)
	}
	return deleted, nil
}
