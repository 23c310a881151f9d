package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// CreateEndpoint implements store.Endpoints.
func (s *Store) CreateEndpoint(ctx context.Context, e store.Endpoint, audit store.AuditEntry) error {
	_, err := s.audited(ctx, audit, `
		INSERT INTO endpoints (`+sqlread.EndpointColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.ID, e.AppID, e.URL, e.Description, text(sqlread.EndpointEvents(e)), e.Secret, e.Before, e.BeforeUntil, e.Off, e.OffAt,
		e.FailingSince, e.LastCode, e.CreatedAt, e.UpdatedAt)
	if err != nil {
		return fmt.Errorf("create an endpoint: %w", err)
	}
	return nil
}

// UpdateEndpoint implements store.Endpoints.
func (s *Store) UpdateEndpoint(ctx context.Context, e store.Endpoint, audit store.AuditEntry) (store.Endpoint, error) {
	return s.writeEndpoint(ctx, audit, e.ID, `
		UPDATE endpoints SET url = ?3, description = ?4, events = ?5, off = ?6, updated_at = ?7,
			off_at = CASE WHEN ?6 = '' THEN NULL WHEN off = ?6 THEN off_at ELSE ?7 END,
			failing_since = CASE WHEN url = ?3 AND (off = '' OR ?6 <> '') THEN failing_since END,
			last_code = CASE WHEN url = ?3 AND (off = '' OR ?6 <> '') THEN last_code ELSE '' END
		WHERE id = ?1 AND app_id = ?2 RETURNING `+sqlread.EndpointColumns,
		e.ID, e.AppID, e.URL, e.Description, text(sqlread.EndpointEvents(e)), e.Off, e.UpdatedAt)
}

// RotateSecret implements store.Endpoints.
func (s *Store) RotateSecret(ctx context.Context, e store.Endpoint, audit store.AuditEntry) (store.Endpoint, error) {
	return s.writeEndpoint(ctx, audit, e.ID, `
		UPDATE endpoints SET before = secret, before_until = ?3, secret = ?4, updated_at = ?5
		WHERE id = ?1 AND app_id = ?2 RETURNING `+sqlread.EndpointColumns,
		e.ID, e.AppID, e.BeforeUntil, e.Secret, e.UpdatedAt)
}

// writeEndpoint runs a statement that returns the endpoint that it wrote. It returns store.ErrNotFound
// when it wrote none.
func (s *Store) writeEndpoint(ctx context.Context, audit store.AuditEntry, id uuid.UUID, statement string, args ...any) (e store.Endpoint, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		written, err := query(ctx, tx, sqlread.Endpoint, statement, args...)
		if err != nil {
			return err
		}
		if len(written) == 0 {
			return store.ErrNotFound
		}
		e = written[0]
		return insertAudit(ctx, tx, audit)
	})
	if err != nil {
		return store.Endpoint{}, fmt.Errorf("write endpoint %s: %w", id, err)
	}
	return e, nil
}

// DeleteEndpoint implements store.Endpoints. The jobs that wait find no endpoint, and end.
func (s *Store) DeleteEndpoint(ctx context.Context, id uuid.UUID, appID string, audit store.AuditEntry) error {
	deleted, err := s.audited(ctx, audit, `DELETE FROM endpoints WHERE id = ? AND app_id = ?`, id, appID)
	if err == nil && !deleted {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete endpoint %s: %w", id, err)
	}
	return nil
}

// failEndpoint returns why it switched the endpoint off; empty: it did not.
const failEndpoint = `
	UPDATE endpoints SET failing_since = coalesce(failing_since, ?2), last_code = ?3,
		off = CASE WHEN ?5 THEN 'gone' WHEN coalesce(failing_since, ?2) <= ?4 THEN 'failing' ELSE '' END,
		off_at = CASE WHEN ?5 OR coalesce(failing_since, ?2) <= ?4 THEN ?2 END
	WHERE id = ?1 AND off = '' RETURNING off`

// FailEndpoint implements store.Endpoints.
func (s *Store) FailEndpoint(ctx context.Context, f store.EndpointFailure) (store.Off, error) {
	var off []store.Off
	err := s.inTx(ctx, func(tx *sql.Tx) (err error) {
		off, err = query(ctx, tx, func(row sqlread.Row) (off store.Off, err error) { return off, row.Scan(&off) },
			failEndpoint, f.EndpointID, f.At, f.Code, f.OffSince, f.Gone)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("note a failure of endpoint %s: %w", f.EndpointID, err)
	}
	if len(off) == 0 {
		return "", nil
	}
	return off[0], nil
}

// RecoverEndpoint implements store.Endpoints.
func (s *Store) RecoverEndpoint(ctx context.Context, id uuid.UUID) error {
	_, err := s.execute(ctx, `UPDATE endpoints SET failing_since = NULL, last_code = '' WHERE id = ? AND off = '' AND failing_since IS NOT NULL`, id)
	if err != nil {
		return fmt.Errorf("note that endpoint %s answers: %w", id, err)
	}
	return nil
}
