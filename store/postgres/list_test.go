package postgres

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// opened returns a store on a database of its own, in which the statements were run.
func opened(t *testing.T, statements ...string) *Store {
	t.Helper()
	s, err := Open(t.Context(), testdb.New(t))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	for _, statement := range statements {
		_, err := s.pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	return s
}

// The server ends a list that takes too long. The connection stays usable.
func TestListTimesOut(t *testing.T) {
	t.Parallel()
	s := opened(t)
	const slow = `SELECT pg_sleep(60)::text`
	started := time.Now()
	err := s.DB.List(t.Context(), func(sqlread.Row) error { return nil }, slow)
	require.ErrorIs(t, err, store.ErrTooBroad)
	require.NotErrorIs(t, err, store.ErrUnavailable)
	require.Less(t, time.Since(started), 30*time.Second)
	var timeout string
	require.NoError(t, s.pool.QueryRow(t.Context(), `SHOW statement_timeout`).Scan(&timeout))
	require.Equal(t, "0", timeout, "the timeout holds for the list alone")

	// When the caller leaves, the list was not too broad.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err = s.DB.List(ctx, func(sqlread.Row) error { return nil }, slow)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, store.ErrTooBroad)
}

// explained is a DB that also keeps the plan of a list, as a list is planned.
type explained struct {
	sqlread.DB
	s    *Store
	plan string
}

func (e *explained) List(ctx context.Context, each func(sqlread.Row) error, sql string, args ...any) error {
	err := pgx.BeginFunc(ctx, e.s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, strings.TrimPrefix(listing, "BEGIN READ ONLY;")); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, "EXPLAIN "+sql, args...)
		if err != nil {
			return err
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		e.plan = strings.Join(plan, "\n")
		return err
	})
	if err != nil {
		return err
	}
	return e.DB.List(ctx, each, sql, args...)
}

// Failed notifications are read in the order of the page where they are many, and by their dead deliveries where they are
// few: neither reads all of them.
func TestFailedNotificationsAreReadByTheCheaperWay(t *testing.T) {
	t.Parallel()
	s := opened(t)
	execute := func(statements ...string) {
		for _, statement := range statements {
			_, err := s.pool.Exec(t.Context(), statement)
			require.NoError(t, err)
		}
	}
	execute(
		`INSERT INTO notifications (id, app_id, idempotency_key, request_hash, total, success, dead, created_at, updated_at, priority, test)
			SELECT lpad(i::text, 32, '0')::uuid, 'app', i::text, '', 1, (i % 10 <> 0)::int, (i % 10 = 0)::int, now(), now(), 'normal', false
			FROM generate_series(1, 20000) i`,
		`INSERT INTO deliveries (id, notification_id, message_id, job_id, channel, provider, template_name, template_version,
			recipient_type, recipient_value, status, attempts, max_retry, created_at, updated_at)
			SELECT id, id, id, 0, 'email', 'smtp', '', 0, 'email', '', CASE WHEN dead > 0 THEN 'dead' ELSE 'success' END, 1, 3, now(), now()
			FROM notifications`,
		`ANALYZE notifications, deliveries`)
	read := &explained{DB: s.DB, s: s}
	reader := s.Reader
	reader.DB = read
	failed := func() (found int, plan string) {
		page, err := reader.ListNotifications(t.Context(), store.NotificationFilter{Status: store.NotificationFailed}, uuid.Nil, 10)
		require.NoError(t, err)
		return len(page), read.plan
	}
	found, plan := failed()
	require.Equal(t, 10, found)
	require.Contains(t, plan, "Index Scan Backward using notifications_pkey")
	require.NotContains(t, plan, "Aggregate", "of all dead deliveries")

	execute(
		`UPDATE notifications SET dead = 0, success = 1 WHERE id > lpad('10', 32, '0')::uuid`,
		`UPDATE deliveries SET status = 'success' WHERE id > lpad('10', 32, '0')::uuid`,
		`ANALYZE notifications, deliveries`)
	found, plan = failed()
	require.Equal(t, 1, found)
	require.Contains(t, plan, "using deliveries_ended")
}

// inTransaction is a DB whose statements can be asked afterwards what they have read.
type inTransaction struct {
	sqlread.DB
	tx pgx.Tx
}

func (d inTransaction) Query(ctx context.Context, each func(sqlread.Row) error, sql string, args ...any) error {
	return forEach(ctx, d.tx, each, sql, args)
}

// A page in the midst of a group reads the contacts of the page, not all those before it.
func TestNextContactsAreReadAlone(t *testing.T) {
	t.Parallel()
	s := opened(t,
		`INSERT INTO contacts (owner, name, addresses, locale, time_zone, labels, created_at, updated_at)
			SELECT 'app', 'c' || lpad(i::text, 5, '0'), '[]', '', '', '{"team": "all", "plan": "pro"}', now(), now() FROM generate_series(1, 20000) i`,
		`ANALYZE contacts, contact_labels`,
	)
	for _, labels := range []store.Labels{{"team": "all"}, {"team": "all", "plan": "pro"}} {
		require.NoError(t, pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
			reader := s.Reader
			reader.DB = inTransaction{s.DB, tx}
			page, err := reader.ContactsWith(t.Context(), "app", labels, "c10000", 100)
			require.NoError(t, err)
			require.Len(t, page, 100)
			var read int
			require.NoError(t, tx.QueryRow(t.Context(), `SELECT sum(coalesce(idx_tup_fetch, 0) + seq_tup_read) FROM pg_stat_xact_user_tables
				WHERE relname IN ('contacts', 'contact_labels')`).Scan(&read))
			require.LessOrEqual(t, read, 500)
			return nil
		}))
	}
}
