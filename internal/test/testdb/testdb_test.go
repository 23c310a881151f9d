package testdb

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/store/postgres"
)

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	t.Parallel()
	one, other := New(t), New(t)
	require.NotEqual(t, one.DBName, other.DBName)
	ctx := limit.Context(t)
	s, err := postgres.Open(ctx, one)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Ping(ctx), "it is migrated")

	s, err = postgres.Open(ctx, Empty(t))
	require.NoError(t, err)
	defer s.Close()
	require.Error(t, s.Ping(ctx), "it is not migrated")
}

func TestServerConfig(t *testing.T) {
	t.Parallel()
	c, err := serverConfig("postgres://a%40b:p%2Fw%3F@db.example.com/main?sslmode=require")
	require.NoError(t, err)
	parsed, err := pgx.ParseConfig(c.URL())
	require.NoError(t, err)
	require.Equal(t, []string{"a@b", "p/w?", "db.example.com", "main"},
		[]string{parsed.User, parsed.Password, parsed.Host, parsed.Database})
	require.Equal(t, uint16(5432), parsed.Port)
	require.NotNil(t, parsed.TLSConfig)

	_, err = serverConfig("postgres://u:secret@%zz")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
}

// A killed server starts again at the same address with all it had committed.
func TestClusterSurvivesAKill(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c, err := NewCluster(ctx, "fsync=off")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Remove(context.Background())) })
	exec := func(sql string) error {
		conn, err := pgx.Connect(ctx, c.URL())
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(ctx) }()
		_, err = conn.Exec(ctx, sql)
		return err
	}
	require.NoError(t, exec(`CREATE TABLE kept ()`))
	require.NoError(t, c.Kill(ctx))
	require.Error(t, exec(`SELECT FROM kept`))
	require.NoError(t, c.Start(ctx))
	require.NoError(t, exec(`SELECT FROM kept`))
	require.NoError(t, c.Stop(ctx))
	require.NoError(t, c.Start(ctx))
	require.NoError(t, exec(`SELECT FROM kept`))

	require.NoError(t, c.Remove(ctx))
	require.NoDirExists(t, c.folder)
	require.Error(t, exec(`SELECT 1`))
}

func TestNewestVersionWins(t *testing.T) {
	t.Parallel()
	require.Less(t, debianVersion("/usr/lib/postgresql/9.6/bin/initdb"), debianVersion("/usr/lib/postgresql/15/bin/initdb"))
	require.Less(t, debianVersion("/usr/lib/postgresql/15/bin/initdb"), debianVersion("/usr/lib/postgresql/17/bin/initdb"))
}
