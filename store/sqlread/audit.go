package sqlread

import (
	"context"
	"errors"
	"strconv"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// AuditColumns are those that an entry of the audit log has.
const AuditColumns = `id, at, app_id, person, address, agent, action, object_id, outcome, detail`

// ListAudit implements store.Auditor.
func (r Reader) ListAudit(ctx context.Context, f store.AuditFilter, after uuid.UUID, limit int) ([]store.AuditEntry, error) {
	var c conditions
	c.equal(`app_id`, f.AppID)
	c.equal(`action`, string(f.Action))
	c.equal(`object_id`, f.ObjectID)
	c.page(`id`, after, f.Since, f.Until)
	entries, err := listed(ctx, r.DB, auditEntry,
		`SELECT `+AuditColumns+` FROM audit`+c.where()+` ORDER BY id DESC LIMIT `+strconv.Itoa(limit), c.args)
	return wrapped(entries, err, "list the audit log")
}

// NewestAudit implements store.Auditor.
func (r Reader) NewestAudit(ctx context.Context) (id uuid.UUID, err error) {
	id, err = one(ctx, r.DB, func(row Row) (id uuid.UUID, err error) {
		err = row.Scan(&id)
		return id, err
	}, `SELECT id FROM audit ORDER BY id DESC LIMIT 1`)
	if errors.Is(err, store.ErrNotFound) {
		return uuid.Nil, nil
	}
	return wrapped(id, err, "newest entry of the audit log")
}

func auditEntry(row Row) (store.AuditEntry, error) {
	var e store.AuditEntry
	err := row.Scan(&e.ID, &e.At, &e.AppID, &e.Person, &e.Address, &e.Agent, &e.Action, &e.ObjectID, &e.Outcome, &e.Detail)
	return e, err
}
