package main

import (
	"context"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/labring/sealos-notify/store"
)

// insertMembers inserts contacts of the app $2 with a label.
const insertMembers = `
	INSERT INTO contacts (owner, name, addresses, locale, time_zone, labels, created_at, updated_at)
	SELECT $2, 'person-' || i, jsonb_build_array(jsonb_build_object('type', 'feishu_user_id', 'value', 'ou_' || i)), '', '', '{"all": "yes"}', now(), now()
	FROM generate_series(1, $1::int) i`

const toEveryone = `{"idempotencyKey": "everyone", "recipients": [{"type": "group", "value": "everyone"}],
	"channels": {"feishu_app": {"template": "alert", "params": {"incident": "the primary database is down", "severity": "P0"}}}}`

// expandGroup measures one request to a group of a million contacts: the time until it is accepted, the
// rate at which one replica delivers it until the last outcome is recorded, and memory.
func (b *bench) expandGroup(ctx context.Context, record record) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	r, err := b.startWithVendor(ctx, setup{database: config})
	if err != nil {
		return err
	}
	defer r.close()
	if err := b.makeGroup(ctx, r); err != nil {
		return err
	}
	before, err := r.memory("VmRSS")
	if err != nil {
		return err
	}

	start := time.Now()
	if err := r.call("POST", "/api/v1/notifications", []byte(toEveryone), fasthttp.StatusAccepted); err != nil {
		return err
	}
	accepted := time.Since(start)
	if err := r.awaitRecorded(ctx, b.members); err != nil {
		return err
	}
	took := time.Since(start)
	var status string
	var recorded int
	if err := r.look.db.QueryRowContext(ctx, `SELECT status, success FROM notifications`).Scan(&status, &recorded); err != nil {
		return err
	}
	if store.NotificationStatus(status) != store.NotificationSuccess || recorded != b.members || r.inbox.Total() != b.members {
		return fmt.Errorf("it is %s; %d of %d were recorded, %d arrived", status, recorded, b.members, r.inbox.Total())
	}
	most, err := r.memory("VmHWM")
	if err != nil {
		return err
	}
	record("group-million-accepted", accepted.Seconds())
	record("group-million", float64(b.members)/took.Seconds())
	record("group-million-before", before)
	record("group-million-memory", most)
	return r.stop()
}

// makeGroup stores the group and its contacts.
func (b *bench) makeGroup(ctx context.Context, r *delivering) error {
	if _, err := r.look.db.ExecContext(ctx, insertMembers, b.members, appID); err != nil {
		return err
	}
	if _, err := r.look.db.ExecContext(ctx, `VACUUM (ANALYZE) contacts, contact_labels`); err != nil {
		return err
	}
	return r.call("PUT", "/api/v1/groups/everyone", []byte(`{"labels": {"all": "yes"}}`), fasthttp.StatusOK)
}
