package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlite"
	"github.com/labring/sealos-notify/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) (store.Store, *sql.DB) {
		s := open(t, filepath.Join(t.TempDir(), "notify.db"))
		return s, s.DB()
	})
}

func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	config := store.DefaultConfig()
	config.Path = path
	s, err := sqlite.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	require.NoError(t, migrate.SQLite(s.DB()).Up(t.Context()))
	return s
}

func TestOpenTakesAnyPath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?mode=ro&c#d%41.db")
	s := open(t, path)
	_, err := s.CreateTemplate(t.Context(), store.Template{Name: "kept"}, "", store.AuditEntry{})
	require.NoError(t, err)
	s.Close()
	require.FileExists(t, path)

	_, err = open(t, path).Template(t.Context(), "kept")
	require.NoError(t, err)
}

func TestOpenInAMissingFolder(t *testing.T) {
	t.Parallel()
	_, err := sqlite.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "no", "folder.db")})
	require.ErrorContains(t, err, "unable to open database file")
}

func TestConnectionSettings(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "notify.db")).DB()
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000", "foreign_keys": "1",
	} {
		var got string
		require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
		require.Equal(t, want, got, pragma)
	}
}

func TestReadsDoNotWaitForAWriter(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "notify.db"))
	_, err := s.CreateTemplate(t.Context(), store.Template{Name: "alert"}, "", store.AuditEntry{})
	require.NoError(t, err)
	tx, err := s.DB().BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), `DELETE FROM templates`)
	require.NoError(t, err)

	_, err = s.Template(t.Context(), "alert")
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	_, err = s.Template(t.Context(), "alert")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestPingFailsOnAClosedDatabase(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "notify.db"))
	require.NoError(t, s.Ping(t.Context()))
	s.Close()
	require.Error(t, s.Ping(t.Context()))
}

// River is notified of every batch, also of one that is accepted just after another. Without a
// notification its jobs would wait until a worker polls.
func TestEveryAcceptanceNotifiesRiver(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "notify.db"))
	for _, key := range []string{"1", "2", "3"} {
		_, err := s.Accept(t.Context(), func() []store.Acceptance { return []store.Acceptance{storetest.Acceptance("app", key, 1)} })
		require.NoError(t, err)
	}
	var notifications int
	require.NoError(t, s.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM river_notification`).Scan(&notifications))
	require.Equal(t, 3, notifications)
}
