package migrate_test

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store/postgres"
)

// A migration waits for a long reader, pg_dump for example, and ends after it. Meanwhile it does
// not block other queries for long.
func TestUpDuringALongRead(t *testing.T) {
	t.Parallel()
	ctx := limit.Context(t)
	st, err := postgres.Open(ctx, testdb.New(t))
	require.NoError(t, err)
	defer st.Close()
	pool := st.Pool()

	schema, err := migrate.Files.ReadFile("postgres/00001_schema.sql")
	require.NoError(t, err)
	m := migrate.PostgresWith(pool, fstest.MapFS{
		"00001_schema.sql": {Data: schema},
		"00002_column.sql": {Data: []byte("-- +goose Up\nSET LOCAL lock_timeout = '1s';\nALTER TABLE notifications ADD COLUMN later text;\n-- +goose Down\nALTER TABLE notifications DROP COLUMN later;\n")},
		"00003_index.sql": {Data: []byte("-- +goose NO TRANSACTION\n-- +goose Up\n" +
			"DROP INDEX CONCURRENTLY IF EXISTS notifications_later;\n" +
			"CREATE INDEX CONCURRENTLY notifications_later ON notifications (later);\n" +
			"-- +goose Down\nDROP INDEX notifications_later;\n")},
	})
	waiting := make(chan error)
	m.Waiting = func(reason error) {
		select {
		case waiting <- reason:
		case <-ctx.Done():
		}
	}

	reader, err := pool.Begin(ctx)
	require.NoError(t, err)
	defer func() { _ = reader.Rollback(ctx) }() // so that the pool can close when the test fails
	_, err = reader.Exec(ctx, "SELECT count(*) FROM notifications")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- m.Up(ctx) }()
	for tries := 0; tries < 2; {
		started := time.Now()
		_, err := pool.Exec(ctx, "SELECT count(*) FROM notifications")
		require.NoError(t, err)
		require.Less(t, time.Since(started), 10*migrate.LockTimeout, "other queries wait for the migration at most a few lock timeouts")
		select {
		case reason := <-waiting:
			require.Regexp(t, `lock timeout.*; process \d+ \(sealos-notify, .*\) holds notifications\b.* since 20`, reason.Error())
			tries++
		case err := <-done:
			require.FailNow(t, "it did not wait for the reader", "%v", err)
		default:
		}
	}
	require.NoError(t, reader.Rollback(ctx))
	for ended := false; !ended; {
		select {
		case reason := <-waiting:
			require.Regexp(t, `lock timeout.*; process \d+ \(sealos-notify, .*\) holds notifications\b.* since 20`, reason.Error())
		case err := <-done:
			require.NoError(t, err)
			ended = true
		}
	}
	var valid bool
	require.NoError(t, pool.QueryRow(ctx, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'notifications_later'::regclass").Scan(&valid))
	require.True(t, valid)
}
