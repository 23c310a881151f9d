package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// insertIncidents queues the inserts of the incidents that acceptances open, which are few.
func insertIncidents(queries *pgx.Batch, batch []store.Acceptance) {
	for _, a := range batch {
		if i := a.Incident; i != nil {
			queries.Queue(`
				INSERT INTO incidents (id, app_id, thread, opened_at, steps, ends_at, closed_at, closed_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
				i.ID, i.AppID, i.Thread, i.OpenedAt, i.Steps.JSON(), i.EndsAt(), i.ClosedAt, string(i.ClosedBy))
		}
	}
}

// joinIncidents puts acceptances into the open incidents of their threads, which are locked, and closes those that
// are resolved. Threads without an incident cost nothing.
func (s *Store) joinIncidents(ctx context.Context, tx pgx.Tx, news []store.Acceptance, threads []store.Thread) ([]store.Acceptance, error) {
	var open []store.Incident
	if ids := store.IncidentsOf(threads); len(ids) > 0 {
		var err error
		if open, err = query(ctx, tx, sqlread.Incident,
			`SELECT `+sqlread.IncidentColumns+` FROM incidents WHERE id = ANY ($1) ORDER BY id FOR UPDATE`, encodable(ids)); err != nil {
			return nil, fmt.Errorf("lock incidents: %w", err)
		}
	}
	joined := store.JoinIncidents(news, threads, open)
	if len(joined.Threads) == 0 && len(joined.Closed) == 0 {
		return joined.News, nil
	}
	var queries pgx.Batch
	queries.Queue(`
		UPDATE threads t SET incident_id = n.incident_id
		FROM unnest($1::text[], $2::text[], $3::uuid[]) AS n (app_id, name, incident_id) WHERE t.app_id = n.app_id AND t.name = n.name`,
		column(joined.Threads, func(t *store.Thread) string { return t.AppID }),
		column(joined.Threads, func(t *store.Thread) string { return t.Name }),
		column(joined.Threads, func(t *store.Thread) pgtype.UUID { return optionalID(t.IncidentID) }))
	for _, i := range joined.Closed {
		if err := s.insertIncidentJobs(ctx, tx, i.ID); err != nil {
			return nil, err
		}
		queries.Queue(writeIncident, incidentArgs(i)...)
		queries.Queue(announce, []string{store.IncidentQueue, store.CardQueue})
	}
	if err := tx.SendBatch(ctx, &queries).Close(); err != nil {
		return nil, fmt.Errorf("join incidents: %w", err)
	}
	return joined.News, nil
}

// writeIncident writes what ChangeIncident and JoinIncidents have changed.
const writeIncident = `
	UPDATE incidents SET acknowledged_at = $2, acknowledged_by = $3, over = $4, note = $5, closed_at = $6, closed_by = $7 WHERE id = $1`

func incidentArgs(i store.Incident) []any {
	return []any{i.ID, i.AcknowledgedAt, i.AcknowledgedBy, string(i.Over), i.Note, i.ClosedAt, string(i.ClosedBy)}
}

// FindIncidents implements store.Incidents.
func (s *Store) FindIncidents(ctx context.Context, ids []uuid.UUID) ([]store.Incident, error) {
	found, err := query(ctx, s.pool, sqlread.Incident,
		`SELECT `+sqlread.IncidentColumns+` FROM unnest($1::uuid[]) AS wanted (key), `+rowOf("incidents", "key")+` i`, encodable(ids))
	if err != nil {
		return nil, fmt.Errorf("find incidents: %w", err)
	}
	return found, nil
}

// IncidentFacts implements store.Incidents.
func (s *Store) IncidentFacts(ctx context.Context, i store.Incident) (store.IncidentFacts, error) {
	facts, err := query(ctx, s.pool, sqlread.IncidentFacts, `
		SELECT coalesce((SELECT dead = total FROM notifications WHERE id = $1), false),
			EXISTS (SELECT FROM deliveries WHERE notification_id = ANY ($2) AND receipt IN ('read', 'answered'))`,
		i.ID, encodable(i.Stopped()))
	if err != nil {
		return store.IncidentFacts{}, fmt.Errorf("facts of incident %s: %w", i.ID, err)
	}
	return facts[0], nil
}

// ChangeIncident implements store.Incidents.
func (s *Store) ChangeIncident(ctx context.Context, c store.IncidentChange) (i store.Incident, changed bool, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		found, err := query(ctx, tx, sqlread.Incident, `SELECT `+sqlread.IncidentColumns+` FROM incidents WHERE id = $1 FOR UPDATE`, c.IncidentID)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return store.ErrNotFound
		}
		if i, changed = c.Apply(found[0]); !changed {
			return nil
		}
		if err := insertAudit(ctx, tx, c.Audit...); err != nil {
			return err
		}
		if err := s.insertIncidentJobs(ctx, tx, i.ID); err != nil {
			return err
		}
		var queries pgx.Batch
		queries.Queue(writeIncident, incidentArgs(i)...)
		writeEvents(&queries, c.EventsOf(i))
		queries.Queue(announce, []string{store.IncidentQueue, store.CardQueue})
		return tx.SendBatch(ctx, &queries).Close()
	})
	if err != nil {
		return store.Incident{}, false, fmt.Errorf("change incident %s: %w", c.IncidentID, marked(err))
	}
	return i, changed, nil
}

// ForgetCards implements store.Incidents.
func (s *Store) ForgetCards(ctx context.Context, deliveries []uuid.UUID) error {
	if len(deliveries) == 0 {
		return nil
	}
	ids := encodable(deliveries)
	if _, err := s.change(ctx, ids, `UPDATE deliveries SET card = '' WHERE id = ANY ($1) RETURNING id`, ids); err != nil {
		return fmt.Errorf("forget cards: %w", err)
	}
	return nil
}

// DeleteIncidents implements store.Incidents.
func (s *Store) DeleteIncidents(ctx context.Context, before time.Time) (int, error) {
	tag, err := s.pool.Exec(ctx, `
		DELETE FROM incidents i WHERE i.id < $1 AND i.ends_at < $2
			AND NOT EXISTS (SELECT FROM threads t WHERE t.app_id = i.app_id AND t.name = i.thread AND t.incident_id = i.id)`, store.FirstID(before), before)
	if err != nil {
		return 0, fmt.Errorf("delete incidents: %w", marked(err))
	}
	return int(tag.RowsAffected()), nil
}
