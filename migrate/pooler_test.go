package migrate_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3/lock"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
)

// Behind a pooler in transaction mode a migration leaves no lock and no setting on a connection,
// and the next one does not hang.
func TestUpThroughATransactionPooler(t *testing.T) {
	t.Parallel()
	ctx := limit.Context(t)
	db := testdb.Empty(t)
	behind := testdb.NewBouncer(t, db, store.PoolingTransaction).Config()
	behind.Pooling = store.PoolingTransaction
	st, err := postgres.Open(ctx, behind)
	require.NoError(t, err)
	t.Cleanup(st.Close)
	m := migrate.Postgres(st.Pool())
	for range 3 {
		require.NoError(t, m.Up(ctx))
		var timeout string
		require.NoError(t, st.Pool().QueryRow(ctx, "SHOW lock_timeout").Scan(&timeout))
		require.Equal(t, "0", timeout)
	}
	require.NoError(t, m.Down(ctx))
	require.NoError(t, m.Up(ctx))
	direct, err := postgres.Open(ctx, db)
	require.NoError(t, err)
	t.Cleanup(direct.Close)
	require.NoError(t, migrate.Postgres(direct.Pool()).Up(ctx))
}

// A migration that waits for another one, or for a lock that was left behind, says who holds it.
func TestUpSaysWhoHoldsTheSchema(t *testing.T) {
	t.Parallel()
	ctx := limit.Context(t)
	st, err := postgres.Open(ctx, testdb.New(t))
	require.NoError(t, err)
	t.Cleanup(st.Close)
	config := st.Pool().Config().ConnConfig
	config.RuntimeParams["application_name"] = "leftover"
	holder, err := pgx.ConnectConfig(ctx, config)
	require.NoError(t, err)
	_, err = holder.Exec(ctx, "SELECT pg_advisory_lock($1)", lock.DefaultLockID)
	require.NoError(t, err)

	m := migrate.Postgres(st.Pool())
	waiting, done := make(chan error, 1), make(chan error, 1)
	m.Waiting = func(reason error) { waiting <- reason }
	go func() { done <- m.Up(ctx) }()
	reason := limit.Receive(t, waiting, "the reason of the wait")
	require.ErrorContains(t, reason, "the schema is locked")
	require.Regexp(t, `process \d+ \(leftover, user \S+, from 127\.0\.0\.1\) holds the lock of migrations since 20\S+Z$`, reason.Error())
	require.NoError(t, holder.Close(ctx))
	require.NoError(t, limit.Receive(t, done, "the migration"))
}

// Each migration of PostgreSQL bounds its wait for locks, in both directions, or is no
// transaction.
func TestMigrationsBoundTheirLocks(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(migrate.Files, "postgres/*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		sql, err := migrate.Files.ReadFile(name)
		require.NoError(t, err)
		up, down, found := strings.Cut(string(sql), "-- +goose Down\n")
		require.True(t, found, name)
		if strings.HasPrefix(up, "-- +goose NO TRANSACTION\n") {
			continue
		}
		const bound = "SET LOCAL lock_timeout = '1s';\n"
		require.True(t, strings.HasPrefix(up, "-- +goose Up\n"+bound), name)
		require.True(t, strings.HasPrefix(down, bound), name)
	}
}
