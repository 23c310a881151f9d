package migrate_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
	"github.com/labring/sealos-notify/store/sqlite"
)

// engines open an empty database. Each returns its Migrator, a connection, and the query for
// its tables.
var engines = map[string]func(t *testing.T) (*migrate.Migrator, *sql.DB, string){
	"postgres": func(t *testing.T) (*migrate.Migrator, *sql.DB, string) {
		s, err := postgres.Open(t.Context(), testdb.Empty(t))
		require.NoError(t, err)
		t.Cleanup(s.Close)
		db := stdlib.OpenDBFromPool(s.Pool())
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return migrate.Postgres(s.Pool()), db, `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`
	},
	"sqlite": func(t *testing.T) (*migrate.Migrator, *sql.DB, string) {
		config := store.DefaultConfig()
		config.Path = filepath.Join(t.TempDir(), "notify.db")
		s, err := sqlite.Open(t.Context(), config)
		require.NoError(t, err)
		t.Cleanup(s.Close)
		return migrate.SQLite(s.DB()), s.DB(), `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	},
}

// each runs a test on an empty database of each engine.
func each(t *testing.T, test func(t *testing.T, m *migrate.Migrator, tables func() []string)) {
	t.Parallel()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, db, query := open(t)
			test(t, m, func() []string { return names(t, db, query) })
		})
	}
}

func names(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var all []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		all = append(all, name)
	}
	require.NoError(t, rows.Err())
	return all
}

func TestUp(t *testing.T) {
	each(t, func(t *testing.T, m *migrate.Migrator, tables func() []string) {
		require.NoError(t, m.Up(t.Context()))
		require.Subset(t, tables(), []string{
			"notifications", "messages", "deliveries", "attempts", "templates", "river_job", "river_leader",
		})
		before, err := m.Status(t.Context())
		require.NoError(t, err)

		start := time.Now()
		require.NoError(t, m.Up(t.Context()))
		t.Logf("up on a current schema took %s", time.Since(start).Round(time.Millisecond))
		after, err := m.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, before, after, "nothing was applied again")
	})
}

// The tables of the service that this one replaces stay as they are.
func TestUpRefusesTablesOfAnotherProgram(t *testing.T) {
	t.Parallel()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, db, query := open(t)
			_, err := db.ExecContext(t.Context(), `CREATE TABLE notifications (id text)`)
			require.NoError(t, err)
			require.ErrorIs(t, m.Up(t.Context()), migrate.ErrForeign)
			require.Equal(t, []string{"notifications"}, slices.DeleteFunc(names(t, db, query), func(name string) bool {
				return name == "goose_db_version"
			}))
		})
	}
}

func TestUpConcurrently(t *testing.T) {
	each(t, func(t *testing.T, m *migrate.Migrator, tables func() []string) {
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i := range errs {
			wg.Go(func() { errs[i] = m.Up(t.Context()) })
		}
		limit.Group(t, &wg, "the migrations")
		for _, err := range errs {
			require.NoError(t, err)
		}
		require.Contains(t, tables(), "deliveries")
	})
}

func TestDown(t *testing.T) {
	each(t, func(t *testing.T, m *migrate.Migrator, tables func() []string) {
		require.NoError(t, m.Down(t.Context()), "of an empty database")
		require.NoError(t, m.Up(t.Context()))
		status, err := m.Status(t.Context())
		require.NoError(t, err)
		for _, s := range status {
			if s.Line == migrate.LineOurs {
				require.Contains(t, tables(), "river_job")
				require.NoError(t, m.Down(t.Context()))
			}
		}
		require.Equal(t, []string{"goose_db_version"}, tables(), "the last of our migrations takes River's schema with it")
		require.NoError(t, m.Down(t.Context()), "again")

		require.NoError(t, m.Up(t.Context()))
		require.Contains(t, tables(), "deliveries")
		require.Contains(t, tables(), "river_job")
	})
}

func TestStatus(t *testing.T) {
	each(t, func(t *testing.T, m *migrate.Migrator, _ func() []string) {
		status, err := m.Status(t.Context())
		require.NoError(t, err)
		for _, s := range status {
			require.False(t, s.Applied, s)
			require.Nil(t, s.AppliedAt, s)
		}

		start := time.Now().Add(-2 * time.Second) // SQLite keeps whole seconds
		require.NoError(t, m.Up(t.Context()))
		status, err = m.Status(t.Context())
		require.NoError(t, err)
		lines := make(map[string][]int64)
		for _, s := range status {
			require.NotEmpty(t, s.Name)
			lines[s.Line] = append(lines[s.Line], s.Version)
			require.True(t, s.Applied, s)
			if s.Line == migrate.LineRiver {
				continue
			}
			require.NotNil(t, s.AppliedAt, s)
			require.WithinRange(t, *s.AppliedAt, start, time.Now().Add(time.Second), "%+v", s)
			require.Equal(t, time.UTC, s.AppliedAt.Location())
		}
		require.Len(t, lines, 2)
		for _, versions := range lines {
			require.Equal(t, int64(1), versions[0])
			require.True(t, slices.IsSorted(versions), versions)
		}
		require.Equal(t, migrate.LineRiver, status[0].Line, "River's migrations come first")
	})
}

func TestUpStopsWithItsContext(t *testing.T) {
	each(t, func(t *testing.T, m *migrate.Migrator, tables func() []string) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, m.Up(ctx), context.Canceled)
		require.Empty(t, tables())
	})
}

// The two engines have the same migrations, file by file.
func TestSameFilesOnBothEngines(t *testing.T) {
	t.Parallel()
	list := func(folder string) []string {
		entries, err := migrate.Files.ReadDir(folder)
		require.NoError(t, err)
		var all []string
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	require.Equal(t, list("postgres"), list("sqlite"))
}
