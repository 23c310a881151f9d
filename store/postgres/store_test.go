package postgres_test

import (
	"context"
	"database/sql"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
	"github.com/labring/sealos-notify/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) (store.Store, *sql.DB) {
		s := open(t, testdb.New(t))
		db := stdlib.OpenDBFromPool(s.Pool())
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return s, db
	})
}

func open(t *testing.T, c store.Config) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// After a failover the pool's connections lead to a server that has become read-only. A
// connection is dropped when it refuses a write.
func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	config := testdb.New(t)
	s := open(t, config)
	ctx := t.Context()
	require.NoError(t, s.Ping(ctx))

	readOnly := func(on string) {
		conn, err := s.Pool().Acquire(ctx) // the only connection, idle now
		require.NoError(t, err)
		defer conn.Release()
		_, err = conn.Exec(ctx, "SET default_transaction_read_only = "+on)
		require.NoError(t, err)
	}
	readOnly("on")
	require.ErrorContains(t, s.Ping(ctx), "read-only transaction")
	require.NoError(t, s.Ping(ctx), "a new connection")
	readOnly("on")
	_, err := s.CreateTemplate(ctx, store.Template{Name: "alert"}, "", store.AuditEntry{})
	require.ErrorContains(t, err, "read-only transaction")
	_, err = s.CreateTemplate(ctx, store.Template{Name: "alert"}, "", store.AuditEntry{})
	require.NoError(t, err, "a new connection")

	// New connections to a read-only database are refused.
	_, err = s.Pool().Exec(ctx, `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`)
	require.NoError(t, err)
	_, err = postgres.Open(ctx, config)
	require.ErrorContains(t, err, "read only connection")
}

func TestErrorsDoNotShowThePassword(t *testing.T) {
	t.Parallel()
	cluster, err := testdb.NewCluster(t.Context(), "fsync=off") // it checks passwords; the shared server may not
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Remove(context.Background())) })
	config := cluster.Config()
	config.Password = "canary-secret"
	_, err = postgres.Open(t.Context(), config)
	require.ErrorContains(t, err, "password authentication failed")
	require.NotContains(t, err.Error(), "canary-secret")
}

// River is notified of every batch, also of one that is accepted just after another. Without a
// notification its jobs would wait until a worker polls.
func TestEveryAcceptanceNotifiesRiver(t *testing.T) {
	t.Parallel()
	s := open(t, testdb.New(t))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	listener := riverpgxv5.New(s.Pool()).GetListener(&riverdriver.GetListenenerParams{})
	require.NoError(t, listener.Connect(ctx))
	defer func() { require.NoError(t, listener.Close(ctx)) }()
	require.NoError(t, listener.Listen(ctx, "river_insert"))

	for _, key := range []string{"1", "2", "3"} {
		_, err := s.Accept(ctx, func() []store.Acceptance { return []store.Acceptance{storetest.Acceptance("app", key, 1)} })
		require.NoError(t, err)
	}
	for range 3 {
		notification, err := listener.WaitForNotification(ctx)
		require.NoError(t, err)
		require.JSONEq(t, `{"queue": "email"}`, notification.Payload)
	}
}

// A cancellation that ends in a deadlock with a transaction of River's, which locks jobs in another
// order, is done again.
func TestCancelAfterADeadlock(t *testing.T) {
	t.Parallel()
	s, ctx := open(t, testdb.New(t)), limit.Context(t)
	for try := range 5 {
		if cancelInADeadlock(ctx, t, s, strconv.Itoa(try)) {
			return
		}
	}
	t.Fatal("the other transaction was ended every time")
}

// cancelInADeadlock reports whether the cancellation was the one that the server ended: the first
// that waits for a second, unless the machine is busy.
func cancelInADeadlock(ctx context.Context, t *testing.T, s *postgres.Store, key string) bool {
	t.Helper()
	a := storetest.Acceptance("app", key, 2)
	_, err := s.Accept(ctx, func() []store.Acceptance { return []store.Acceptance{a} })
	require.NoError(t, err)
	deliveries, err := s.DeliveriesOf(ctx, a.Notification.ID, uuid.Nil, 2)
	require.NoError(t, err)
	tx, err := s.Pool().Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	lock := func(i int) error {
		_, err := tx.Exec(ctx, `SELECT FROM river_job WHERE id = $1 FOR UPDATE`, deliveries[i].JobID)
		return err
	}
	require.NoError(t, lock(1))
	type result struct {
		store.Cancelled
		err error
	}
	cancelled := make(chan result, 1)
	go func() {
		done, err := s.Cancel(ctx, store.Cancellation{NotificationID: a.Notification.ID, Limit: 10, At: store.Now()})
		cancelled <- result{done, err}
	}()
	require.Eventually(t, func() bool {
		var waiting int
		err := s.Pool().QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		return err == nil && waiting == 1
	}, limit.Wait, time.Millisecond)
	locked := lock(0)
	require.NoError(t, tx.Rollback(ctx))
	done := limit.Receive(t, cancelled, "the cancellation")
	require.NoError(t, done.err)
	require.Equal(t, 2, done.Deliveries)
	return locked == nil
}
