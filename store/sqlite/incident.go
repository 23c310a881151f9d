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

// insertIncidents inserts the incidents that acceptances open.
func insertIncidents(ctx context.Context, tx *sql.Tx, batch []store.Acceptance) error {
	for _, a := range batch {
		i := a.Incident
		if i == nil {
			continue
		}
		if _, err := changed(ctx, tx, `
			INSERT INTO incidents (id, app_id, thread, opened_at, steps, ends_at, closed_at, closed_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			i.ID, i.AppID, i.Thread, i.OpenedAt, text(i.Steps.JSON()), i.EndsAt(), i.ClosedAt, i.ClosedBy); err != nil {
			return err
		}
	}
	return nil
}

// joinIncidents puts acceptances into the open incidents of their threads, and closes those that are resolved.
func (s *Store) joinIncidents(ctx context.Context, tx *sql.Tx, news []store.Acceptance, threads []store.Thread) ([]store.Acceptance, error) {
	if len(threads) == 0 {
		return news, nil
	}
	open, err := query(ctx, tx, sqlread.Incident,
		`SELECT `+sqlread.IncidentColumns+` FROM incidents WHERE id IN `+listed, array(store.IncidentsOf(threads)))
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	joined := store.JoinIncidents(news, threads, open)
	for _, t := range joined.Threads {
		if _, err := changed(ctx, tx, `UPDATE threads SET incident_id = ? WHERE app_id = ? AND name = ?`, optionalID(t.IncidentID), t.AppID, t.Name); err != nil {
			return nil, fmt.Errorf("join incidents: %w", err)
		}
	}
	for _, i := range joined.Closed {
		if err := s.insertIncidentJobs(ctx, tx, i.ID); err != nil {
			return nil, err
		}
		if err := writeIncident(ctx, tx, i); err != nil {
			return nil, fmt.Errorf("close incident: %w", err)
		}
	}
	return joined.News, nil
}

// writeIncident writes what ChangeIncident and JoinIncidents have changed.
func writeIncident(ctx context.Context, tx *sql.Tx, i store.Incident) error {
	_, err := changed(ctx, tx, `
		UPDATE incidents SET acknowledged_at = ?2, acknowledged_by = ?3, over = ?4, note = ?5, closed_at = ?6, closed_by = ?7 WHERE id = ?1`,
		i.ID, i.AcknowledgedAt, i.AcknowledgedBy, i.Over, i.Note, i.ClosedAt, i.ClosedBy)
	return err
}

// FindIncidents implements store.Incidents.
func (s *Store) FindIncidents(ctx context.Context, ids []uuid.UUID) ([]store.Incident, error) {
	found, err := query(ctx, s.read, sqlread.Incident, `SELECT `+sqlread.IncidentColumns+` FROM incidents WHERE id IN `+listed, array(ids))
	if err != nil {
		return nil, fmt.Errorf("find incidents: %w", err)
	}
	return found, nil
}

// IncidentFacts implements store.Incidents.
func (s *Store) IncidentFacts(ctx context.Context, i store.Incident) (store.IncidentFacts, error) {
	facts, err := query(ctx, s.read, sqlread.IncidentFacts, `
		SELECT coalesce((SELECT dead = total FROM notifications WHERE id = ?1), 0),
			EXISTS (SELECT 1 FROM deliveries WHERE notification_id IN (SELECT value FROM json_each(?2)) AND receipt IN ('read', 'answered'))`,
		i.ID, array(i.Stopped()))
	if err != nil {
		return store.IncidentFacts{}, fmt.Errorf("facts of incident %s: %w", i.ID, err)
	}
	return facts[0], nil
}

// ChangeIncident implements store.Incidents.
func (s *Store) ChangeIncident(ctx context.Context, c store.IncidentChange) (i store.Incident, isChanged bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		found, err := query(ctx, tx, sqlread.Incident, `SELECT `+sqlread.IncidentColumns+` FROM incidents WHERE id = ?`, c.IncidentID)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return store.ErrNotFound
		}
		if i, isChanged = c.Apply(found[0]); !isChanged {
			return nil
		}
		if err := insertAudit(ctx, tx, c.Audit...); err != nil {
			return err
		}
		if err := s.insertIncidentJobs(ctx, tx, i.ID); err != nil {
			return err
		}
		if err := writeIncident(ctx, tx, i); err != nil {
			return err
		}
		return s.writeEvents(ctx, tx, c.EventsOf(i))
	})
	if err != nil {
		return store.Incident{}, false, fmt.Errorf("change incident %s: %w", c.IncidentID, err)
	}
	return i, isChanged, nil
}

// ForgetCards implements store.Incidents.
func (s *Store) ForgetCards(ctx context.Context, deliveries []uuid.UUID) error {
	if _, err := s.execute(ctx, `UPDATE deliveries SET card = '' WHERE id IN `+listed, array(deliveries)); err != nil {
		return fmt.Errorf("forget cards: %w", err)
	}
	return nil
}

// DeleteIncidents implements store.Incidents.
func (s *Store) DeleteIncidents(ctx context.Context, before time.Time) (deleted int, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) (err error) {
		deleted, err = changed(ctx, tx, `
			DELETE FROM incidents WHERE id < ? AND ends_at < ?
				AND NOT EXISTS (SELECT 1 FROM threads t WHERE t.app_id = incidents.app_id AND t.name = incidents.thread AND t.incident_id = incidents.id)`, store.FirstID(before), before)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete incidents: %w", err)
	}
	return deleted, nil
}
