package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var auditCases = map[string]func(*testing.T, bundle){
	"Audit/write and list":          auditList,
	"Audit/an entry never changes":  auditNeverChanges,
	"Audit/old entries are deleted": auditRetention,
}

// actor is who acts in the cases.
var actor = store.Actor{AppID: "app", Person: "alice@example.com", Address: "192.0.2.1", Agent: "curl/8"}

// audit returns the entries of the log that the filter chooses, oldest first, without what
// the store gave them.
func (b bundle) audit(t *testing.T, f store.AuditFilter) []store.AuditEntry {
	t.Helper()
	listed, err := b.ListAudit(t.Context(), f, uuid.Nil, 1000)
	require.NoError(t, err)
	entries := make([]store.AuditEntry, len(listed))
	for i, e := range listed {
		require.NotEqual(t, uuid.Nil, e.ID)
		require.WithinDuration(t, time.Now(), e.At, time.Minute)
		e.ID, e.At = uuid.Nil, time.Time{}
		entries[len(listed)-1-i] = e
	}
	return entries
}

func auditList(t *testing.T, b bundle) {
	other := store.Actor{AppID: "other", Address: "2001:db8::1"}
	entries := []store.AuditEntry{
		actor.Did(store.AuditTemplateCreate, "alert"),
		other.Did(store.AuditTemplateUpdate, "alert"),
		actor.Did(store.AuditTemplateUpdate, "report"),
		{Actor: store.Actor{Address: "host"}, Action: store.AuditConfigReload, Outcome: store.AuditRefused, Detail: "2 problems"},
	}
	require.NoError(t, b.Audit(t.Context()), "of nothing")
	require.NoError(t, b.Audit(t.Context(), entries[:3]...))
	require.NoError(t, b.Audit(t.Context(), entries[3]))
	require.Equal(t, entries, b.audit(t, store.AuditFilter{}))

	for _, c := range []struct {
		filter store.AuditFilter
		want   []store.AuditEntry
	}{
		{store.AuditFilter{AppID: "app"}, []store.AuditEntry{entries[0], entries[2]}},
		{store.AuditFilter{Action: store.AuditTemplateUpdate}, entries[1:3]},
		{store.AuditFilter{ObjectID: "alert"}, entries[:2]},
		{store.AuditFilter{AppID: "app", Action: store.AuditTemplateUpdate, ObjectID: "alert"}, []store.AuditEntry{}},
		{store.AuditFilter{Since: time.Now().Add(-time.Minute), Until: time.Now().Add(time.Minute)}, entries},
		{store.AuditFilter{Since: time.Now().Add(time.Minute)}, []store.AuditEntry{}},
		{store.AuditFilter{Until: time.Now().Add(-time.Minute)}, []store.AuditEntry{}},
	} {
		require.Equal(t, c.want, b.audit(t, c.filter), "%+v", c.filter)
	}

	var paged []store.AuditAction
	for after := uuid.Nil; ; {
		page, err := b.ListAudit(t.Context(), store.AuditFilter{}, after, 3)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			paged, after = append(paged, e.Action), e.ID
		}
	}
	require.Equal(t, []store.AuditAction{
		store.AuditConfigReload, store.AuditTemplateUpdate, store.AuditTemplateUpdate, store.AuditTemplateCreate,
	}, paged, "newest first")
}

func auditNeverChanges(t *testing.T, b bundle) {
	entry := actor.Did(store.AuditTemplateDelete, "alert")
	require.NoError(t, b.Audit(t.Context(), entry))
	_, err := b.db.ExecContext(t.Context(), `UPDATE audit SET app_id = 'another'`)
	require.ErrorContains(t, err, "entries of the audit log never change")
	require.Equal(t, []store.AuditEntry{entry}, b.audit(t, store.AuditFilter{}))
}

func auditRetention(t *testing.T, b bundle) {
	require.NoError(t, b.Audit(t.Context(), actor.Did(store.AuditTemplateCreate, "old")))
	require.NoError(t, b.Audit(t.Context(), actor.Did(store.AuditTemplateCreate, "new")))
	all, err := b.ListAudit(t.Context(), store.AuditFilter{}, uuid.Nil, 10)
	require.NoError(t, err)
	newest, err := b.NewestAudit(t.Context())
	require.NoError(t, err)
	require.Equal(t, all[0].ID, newest)
	deleted, err := b.DeleteAudit(t.Context(), all[1].At.Add(-time.Millisecond))
	require.NoError(t, err)
	require.Zero(t, deleted)
	deleted, err = b.DeleteAudit(t.Context(), time.Now().Add(time.Second))
	require.NoError(t, err)
	require.Equal(t, 2, deleted)
	newest, err = b.NewestAudit(t.Context())
	require.NoError(t, err)
	require.Equal(t, uuid.Nil, newest)
	require.Empty(t, b.audit(t, store.AuditFilter{}))
}
