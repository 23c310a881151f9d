// Package sqlite is the embedded store, for one process.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the driver

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// Store is a store.Store on SQLite.
type Store struct {
	sqlread.Reader
	write *sql.DB // one connection: SQLite has one writer
	read  *sql.DB
}

var _ store.Store = (*Store)(nil)

// Open opens the file c.Path, or makes it. Its folder must exist. Open does not look at
// the schema, which package migrate makes.
func Open(ctx context.Context, c store.Config) (*Store, error) {
	path, err := filepath.Abs(c.Path)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	write, err := sql.Open("sqlite", dsn(path, nil))
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	write.SetMaxOpenConns(1)
	// The first connection makes the file, so it comes before any reader.
	if err := write.PingContext(ctx); err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("open the database: %w", err)
	}
	read, err := sql.Open("sqlite", dsn(path, url.Values{"_query_only": {"1"}}))
	if err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("open the database: %w", err)
	}
	read.SetMaxOpenConns(max(1, c.MaxOpenConns))
	read.SetMaxIdleConns(c.MaxIdleConns)
	return &Store{write: write, read: read, Reader: sqlread.Reader{
		DB: reader{read}, RunningJob: runningJob, OrphanedJobs: orphanedJobs,
		Now:   `CAST(unixepoch('subsec') * 1e6 AS INTEGER)`,
		Ended: `d.status IN ('dead', 'cancelled') AND `, // SQLite proves no implication
		AppID: `+n.app_id`,                              // the + keeps SQLite from sorting everything that the app has ever sent
	}}, nil
}

// dsn returns the data source name of a file with the settings of each connection.
func dsn(path string, more url.Values) string {
	query := url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"}, // nothing accepted is lost to a power cut
		"_busy_timeout": {"10000"},
		"_foreign_keys": {"1"}, // River's tables have some
		// Otherwise a transaction that reads first fails when it writes while another one does.
		"_txlock": {"immediate"},
	}
	for key, values := range more {
		query[key] = values
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

// DB returns the one write connection, for River's working client and for migrations. A
// statement outside an open transaction waits for its end. Close closes the connection.
func (s *Store) DB() *sql.DB { return s.write }

// Close implements store.Store.
func (s *Store) Close() {
	_ = s.read.Close()
	_ = s.write.Close()
}

// Ping implements store.Store. An immediate transaction takes the write lock.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.inTx(ctx, func(*sql.Tx) error { return nil }); err != nil {
		return fmt.Errorf("ping the database: %w", marked(err))
	}
	return nil
}

// inTx runs f in a write transaction. f must use tx only: the one connection is in use
// until f returns.
func (s *Store) inTx(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return marked(err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if err := f(tx); err != nil {
		return marked(err)
	}
	return marked(tx.Commit())
}

// execute runs one statement in a transaction and returns how many rows it changed.
func (s *Store) execute(ctx context.Context, statement string, args ...any) (n int, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) (err error) {
		n, err = changed(ctx, tx, statement, args...)
		return err
	})
	return n, err
}

// changed runs one statement and returns how many rows it changed.
func changed(ctx context.Context, tx *sql.Tx, statement string, args ...any) (int, error) {
	result, err := tx.ExecContext(ctx, statement, bound(args)...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// query returns the rows of a statement.
func query[T any](ctx context.Context, db querier, scan func(sqlread.Row) (T, error), sql string, args ...any) ([]T, error) {
	var all []T
	err := forEach(ctx, db, func(row sqlread.Row) error {
		one, err := scan(row)
		all = append(all, one)
		return err
	}, sql, args)
	return all, err
}

func forEach(ctx context.Context, db querier, each func(sqlread.Row) error, sql string, args []any) error {
	rows, err := db.QueryContext(ctx, sql, bound(args)...)
	if err != nil {
		return marked(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := each(row{rows}); err != nil {
			return err
		}
	}
	return marked(rows.Err())
}

// reader implements sqlread.DB.
type reader struct{ db *sql.DB }

// Query implements sqlread.DB.
func (r reader) Query(ctx context.Context, each func(sqlread.Row) error, sql string, args ...any) error {
	return forEach(ctx, r.db, each, sql, args)
}

// List implements sqlread.DB. SQLite knows no time limit of a statement, so the context
// has it.
func (r reader) List(ctx context.Context, each func(sqlread.Row) error, sql string, args ...any) error {
	limited, cancel := context.WithTimeout(ctx, store.ListTime)
	defer cancel()
	err := forEach(limited, r.db, each, sql, args)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", store.ErrTooBroad, err)
	}
	return err
}

// listed stands for the elements of a JSON array, which is the only argument.
const listed = `(SELECT value FROM json_each($1))`

// array returns values as the argument for listed.
func array[T uuid.UUID | string](values []T) string {
	encoded, err := json.Marshal(values)
	if err != nil {
		panic(fmt.Sprintf("sqlite: ids and names are JSON strings: %v", err))
	}
	return string(encoded)
}
