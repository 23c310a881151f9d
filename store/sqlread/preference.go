package sqlread

import (
	"context"

	"github.com/labring/sealos-notify/store"
)

// PreferenceColumns are those that Preference scans.
const PreferenceColumns = `recipient_type, recipient_value, kind, channel, source, created_at`

// Preferences implements store.Preferences.
func (r Reader) Preferences(ctx context.Context, of store.Recipient) ([]store.Preference, error) {
	off, err := all(ctx, r.DB, Preference,
		`SELECT `+PreferenceColumns+` FROM preferences WHERE recipient_value = $1 AND recipient_type = $2 ORDER BY kind, channel`, of.Value, of.Type)
	return wrapped(off, err, "read preferences")
}

// Preference scans PreferenceColumns.
func Preference(row Row) (store.Preference, error) {
	var p store.Preference
	err := row.Scan(&p.Recipient.Type, &p.Recipient.Value, &p.Kind, &p.Channel, &p.Source, &p.CreatedAt)
	return p, err
}
