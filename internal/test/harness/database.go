package harness

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver

	"github.com/labring/sealos-notify/store"
)

// Pool returns the test's own connections to the world's PostgreSQL database.
func (w *World) Pool() *pgxpool.Pool {
	w.t.Helper()
	config, err := pgxpool.ParseConfig("sslmode=disable")
	require.NoError(w.t, err)
	conn := config.ConnConfig
	conn.Host, conn.Port, conn.User, conn.Password, conn.Database = w.DB.Host, uint16(w.DB.Port), w.DB.User, w.DB.Password, w.DB.DBName
	conn.ConnectTimeout = Patience
	conn.RuntimeParams = map[string]string{
		"application_name":              "test",
		"statement_timeout":             strconv.FormatInt(Patience.Milliseconds(), 10),
		"default_transaction_read_only": "off", // for a test that makes the server read-only and reverts that
	}
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	require.NoError(w.t, err)
	w.t.Cleanup(pool.Close)
	return pool
}

// EndLeases ends the leases of replicas that were killed: of their jobs, and of River's
// leader. The replica that starts next becomes the leader and finds the lost jobs at once,
// as it would half a minute later. No other replica may work meanwhile.
func (w *World) EndLeases() {
	w.t.Helper()
	if w.DB.Driver == store.DriverSQLite {
		db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?_pragma=busy_timeout(10000)", w.DB.Path))
		require.NoError(w.t, err)
		defer func() { _ = db.Close() }()
		for _, statement := range []string{
			"UPDATE river_job SET attempted_at = datetime(attempted_at, 'subsec', '-1 hour') WHERE state = 'running'",
			"UPDATE river_leader SET expires_at = datetime('now', 'subsec', '-1 second')",
		} {
			_, err := db.ExecContext(w.t.Context(), statement)
			require.NoError(w.t, err)
		}
		return
	}
	pool := w.Pool()
	defer pool.Close()
	for _, statement := range []string{
		"UPDATE river_job SET attempted_at = attempted_at - interval '1 hour' WHERE state = 'running'",
		"UPDATE river_leader SET expires_at = now()",
	} {
		_, err := pool.Exec(w.t.Context(), statement)
		require.NoError(w.t, err)
	}
}

// tables are those that could hold a secret.
var tables = []string{"river_job", "notifications", "messages", "deliveries", "attempts", "templates", "unmatched_recipients", "mentioned_recipients",
	"contacts", "contact_addresses", "contact_labels", "expansions", "threads", "thread_messages", "endpoints", "events"}

// Dump returns the content of the tables by name.
func (w *World) Dump() map[string]string {
	w.t.Helper()
	content := make(map[string]string, len(tables))
	if w.DB.Driver == store.DriverSQLite {
		db, err := sql.Open("sqlite", w.DB.Path)
		require.NoError(w.t, err)
		defer func() { _ = db.Close() }()
		for _, table := range tables {
			content[table] = dumpRows(w.t, db, table)
		}
		return content
	}
	pool := w.Pool()
	for _, table := range tables {
		rows, err := pool.Query(context.Background(), "SELECT t::text FROM "+table+" t")
		require.NoError(w.t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(w.t, err)
		for _, line := range lines {
			content[table] += line + "\n"
		}
	}
	return content
}

func dumpRows(t *testing.T, db *sql.DB, table string) string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), "SELECT * FROM "+table)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	content := ""
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		targets := make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		require.NoError(t, rows.Scan(targets...))
		for _, v := range values {
			content += v.String + "\t"
		}
		content += "\n"
	}
	require.NoError(t, rows.Err())
	return content
}
