package sqlread

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// EndpointColumns are the columns of endpoints, as Endpoint scans them.
const EndpointColumns = `id, app_id, url, description, events, secret, before, before_until, off, off_at, failing_since, last_code,
	created_at, updated_at`

// Endpoint scans EndpointColumns.
func Endpoint(row Row) (e store.Endpoint, err error) {
	var events []byte
	if err := row.Scan(endpointInto(&e, &events)...); err != nil {
		return e, err
	}
	return e, json.Unmarshal(events, &e.Events)
}

func endpointInto(e *store.Endpoint, events *[]byte) []any {
	return []any{
		&e.ID, &e.AppID, &e.URL, &e.Description, events, &e.Secret, &e.Before, &e.BeforeUntil, &e.Off, &e.OffAt,
		&e.FailingSince, &e.LastCode, &e.CreatedAt, &e.UpdatedAt,
	}
}

// EndpointEvents returns the column events of an endpoint.
func EndpointEvents(e store.Endpoint) []byte {
	if len(e.Events) == 0 {
		return []byte(`[]`)
	}
	events, _ := json.Marshal(e.Events) // texts only
	return events
}

// Endpoint implements store.Endpoints.
func (r Reader) Endpoint(ctx context.Context, id uuid.UUID) (store.Endpoint, error) {
	e, err := one(ctx, r.DB, Endpoint, `SELECT `+EndpointColumns+` FROM endpoints WHERE id = $1`, id)
	return wrapped(e, err, "endpoint %s", id)
}

// ListEndpoints implements store.Endpoints.
func (r Reader) ListEndpoints(ctx context.Context, appID string, after uuid.UUID, limit int) ([]store.Endpoint, error) {
	endpoints, err := all(ctx, r.DB, Endpoint, `SELECT `+EndpointColumns+` FROM endpoints
		WHERE ($1 = '' OR app_id = $1) AND id > $2 ORDER BY id LIMIT $3`, appID, after, limit)
	return wrapped(endpoints, err, "list endpoints")
}

// CountEndpoints implements store.Endpoints.
func (r Reader) CountEndpoints(ctx context.Context) (store.EndpointAmounts, error) {
	amounts, err := one(ctx, r.DB, func(row Row) (a store.EndpointAmounts, err error) {
		err = row.Scan(&a.On, &a.Failing, &a.Off)
		return a, err
	}, `SELECT count(*) FILTER (WHERE off = ''), count(*) FILTER (WHERE off = '' AND failing_since IS NOT NULL),
		count(*) FILTER (WHERE off IN ('failing', 'gone')) FROM endpoints`)
	return wrapped(amounts, err, "count endpoints")
}
