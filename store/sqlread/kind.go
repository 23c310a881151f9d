package sqlread

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/labring/sealos-notify/store"
)

// Columns of kinds and of what recipients have used, as Kind and RecipientUse scan them.
const (
	KindColumns         = `name, description, channels, optional, critical, quiet, caps, updated_at, updated_by`
	RecipientUseColumns = `recipient_value, recipient_type, kind, channel, day, used`
)

// Kind scans KindColumns.
func Kind(row Row) (store.Kind, error) {
	var k store.Kind
	var channels, quiet, caps []byte
	err := row.Scan(&k.Name, &k.Description, &channels, &k.Optional, &k.Critical, &quiet, &caps, &k.UpdatedAt, &k.UpdatedBy)
	if err != nil {
		return k, err
	}
	err = errors.Join(json.Unmarshal(channels, &k.Channels), json.Unmarshal(caps, &k.Caps))
	if quiet != nil {
		err = errors.Join(err, json.Unmarshal(quiet, &k.Quiet))
	}
	return k, err
}

// KindJSON returns the columns channels, quiet and caps of a kind; quiet is nil when it has none.
func KindJSON(k store.Kind) (channels, quiet, caps []byte) {
	channels, caps = []byte(`[]`), []byte(`{}`)
	if len(k.Channels) > 0 {
		channels, _ = json.Marshal(k.Channels) // texts and numbers only
	}
	if len(k.Caps) > 0 {
		caps, _ = json.Marshal(k.Caps)
	}
	if k.Quiet != nil {
		quiet, _ = json.Marshal(k.Quiet)
	}
	return channels, quiet, caps
}

// KindVersion scans a kind's name and updated_at.
func KindVersion(row Row) (k store.Kind, err error) {
	err = row.Scan(&k.Name, &k.UpdatedAt)
	return k, err
}

// RecipientUse scans RecipientUseColumns.
func RecipientUse(row Row) (u store.RecipientUse, err error) {
	err = row.Scan(&u.Value, &u.Type, &u.Kind, &u.Channel, &u.Day, &u.Used)
	return u, err
}

// Kind implements store.Kinds.
func (r Reader) Kind(ctx context.Context, name string) (store.Kind, error) {
	k, err := one(ctx, r.DB, Kind, `SELECT `+KindColumns+` FROM kinds WHERE name = $1`, name)
	return wrapped(k, err, "kind %q", name)
}

// ListKinds implements store.Kinds.
func (r Reader) ListKinds(ctx context.Context, after string, limit int) ([]store.Kind, error) {
	kinds, err := all(ctx, r.DB, Kind, `SELECT `+KindColumns+` FROM kinds WHERE name > $1 ORDER BY name LIMIT $2`, after, limit)
	return wrapped(kinds, err, "list kinds")
}
