package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// executor is a pool or a transaction.
type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// insertAudit writes entries in the transaction of their change.
func insertAudit(ctx context.Context, tx executor, entries ...store.AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	now, ids := store.Now(), make([][16]byte, len(entries))
	for i := range ids {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		ids[i] = id
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO audit (`+sqlread.AuditColumns+`)
		SELECT e.id, $2, e.app_id, e.person, e.address, e.agent, e.action, e.object_id, e.outcome, e.detail
		FROM unnest($1::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
			AS e (id, app_id, person, address, agent, action, object_id, outcome, detail)`,
		ids, now,
		column(entries, func(e *store.AuditEntry) string { return e.AppID }),
		column(entries, func(e *store.AuditEntry) string { return e.Person }),
		column(entries, func(e *store.AuditEntry) string { return e.Address }),
		column(entries, func(e *store.AuditEntry) string { return e.Agent }),
		column(entries, func(e *store.AuditEntry) string { return string(e.Action) }),
		column(entries, func(e *store.AuditEntry) string { return e.ObjectID }),
		column(entries, func(e *store.AuditEntry) string { return string(e.Outcome) }),
		column(entries, func(e *store.AuditEntry) string { return e.Detail }))
	if err != nil {
		return fmt.Errorf("write the audit log: %w", marked(err))
	}
	return nil
}

// Audit implements store.Auditor.
func (s *Store) Audit(ctx context.Context, entries ...store.AuditEntry) error {
	return insertAudit(ctx, s.pool, entries...)
}

// DeleteAudit implements store.Auditor.
func (s *Store) DeleteAudit(ctx context.Context, before time.Time) (int, error) {
	tag, err := s.pool.Exec(ctx, `DELETE FROM audit WHERE id < $1`, store.FirstID(before))
	if err != nil {
		return 0, fmt.Errorf("delete from the audit log: %w", marked(err))
	}
	return int(tag.RowsAffected()), nil
}
