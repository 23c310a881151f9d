package sqlread

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/labring/sealos-notify/store"
)

// Columns of kinds and of what recipients have used, as Kind and RecipientUse scan them.
const (
	KindColumns         = `name, description, channels, optional, critical, quiet, caps, digest, updated_at, updated_by`
	RecipientUseColumns = `recipient_value, recipient_type, kind, channel, day, used`
	DigestColumns       = `recipient_value, recipient_type, kind, channel, app_id, key, id, send_at`
)

// Kind scans KindColumns.
func Kind(row Row) (store.Kind, error) {
	var k store.Kind
	var channels, quiet, caps, digest []byte
	err := row.Scan(&k.Name, &k.Description, &channels, &k.Optional, &k.Critical, &quiet, &caps, &digest, &k.UpdatedAt, &k.UpdatedBy)
	if err != nil {
		return k, err
	}
	err = errors.Join(json.Unmarshal(channels, &k.Channels), json.Unmarshal(caps, &k.Caps))
	if quiet != nil {
		err = errors.Join(err, json.Unmarshal(quiet, &k.Quiet))
	}
	if digest != nil {
		err = errors.Join(err, json.Unmarshal(digest, &k.Digest))
	}
	return k, err
}

// KindJSON returns the columns channels, quiet, caps and digest of a kind; quiet and digest are nil when
// it has none.
func KindJSON(k store.Kind) (channels, quiet, caps, digest []byte) {
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
	if k.Digest != nil {
		digest, _ = json.Marshal(k.Digest)
	}
	return channels, quiet, caps, digest
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

// OpenDigest scans DigestColumns.
func OpenDigest(row Row) (o store.OpenDigest, err error) {
	err = row.Scan(&o.Value, &o.Type, &o.Kind, &o.Channel, &o.AppID, &o.Key, &o.ID, &o.SendAt)
	return o, err
}

// DigestItem scans a row of WaitingItems.
func DigestItem(row Row) (i store.DigestItem, err error) {
	err = row.Scan(&i.ID, &i.Contact, &i.ExpiresAt)
	return i, err
}

// WaitingItems selects the items of the digest $1 that wait for it.
const WaitingItems = `SELECT id, contact, expires_at FROM deliveries WHERE digest_id = $1 AND id <> $1 AND status = 'pending'`

// DigestItems selects the params of the newest $2 items of the digest $1, newest first, and how many
// items there are in all. Erased ones are left out.
const DigestItems = `
	SELECT m.params, count(*) OVER () FROM deliveries d JOIN messages m ON m.id = d.message_id
	WHERE d.digest_id = $1 AND d.id <> $1 AND d.job_id <> 0 ORDER BY d.id DESC LIMIT $2`

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
