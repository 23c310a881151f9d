package sqlread

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// SuppressionColumns are those that Suppression scans.
const SuppressionColumns = `id, channel, recipient_type, recipient_value, code, error, created_at, until`

// ListSuppressions implements store.Suppressions.
func (r Reader) ListSuppressions(ctx context.Context, f store.SuppressionFilter, after uuid.UUID, limit int) ([]store.Suppression, error) {
	c := conditions{terms: []string{`until > ` + r.Now}}
	c.equal(`channel`, f.Channel)
	c.equal(`recipient_value`, f.Recipient)
	c.page(`id`, after, time.Time{}, time.Time{})
	found, err := listed(ctx, r.DB, Suppression, `SELECT `+SuppressionColumns+` FROM suppressions`+
		c.where()+` ORDER BY id DESC LIMIT `+strconv.Itoa(limit), c.args)
	return wrapped(found, err, "list suppressions")
}

// Suppression scans SuppressionColumns.
func Suppression(row Row) (store.Suppression, error) {
	var s store.Suppression
	err := row.Scan(&s.ID, &s.Channel, &s.Recipient.Type, &s.Recipient.Value, &s.Code, &s.Error, &s.CreatedAt, &s.Until)
	return s, err
}
