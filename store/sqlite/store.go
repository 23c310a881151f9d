// Package sqlite is the embedded store, for one process.
package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	_ "modernc.org/sqlite" // the driver

	"github.com/labring/sealos-notify/store"
)

// Store is a store.Store on SQLite.
type Store struct {
	write *sql.DB // one connection: SQLite has one writer
	read  *sql.DB
	river *riversqlite.Driver
}

var _ store.Store = (*Store)(nil)

// Open opens the file c.Path, or makes it; its folder must be there. It does not
// look at the schema: package migrate does.
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
	return &Store{write: write, read: read, river: riversqlite.New(write)}, nil
}

// dsn names a file together with the settings of each connection to it.
func dsn(path string, more url.Values) string {
	query := url.Values{
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"}, // nothing accepted is lost to a power cut
		"_busy_timeout": {"10000"},
		"_foreign_keys": {"1"}, // River's tables have some
		// A transaction that reads first and writes later could fail half-way.
		"_txlock": {"immediate"},
	}
	for key, values := range more {
		query[key] = values
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

// DB returns the write connection, for River's working client and for migrations.
// There is one: a statement outside an open transaction waits for its end. Close
// closes it.
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

// inTx runs f in a write transaction. All that f does goes through tx: the one
// connection is taken until f returns.
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

// row is a *sql.Row or *sql.Rows.
type row interface{ Scan(dest ...any) error }

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, sql string, args ...any) (*sql.Rows, error)
}

// query runs a statement and collects its rows.
func query[T any](ctx context.Context, db querier, scan func(row) (T, error), sql string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, sql, args...)
	if err != nil {
		return nil, marked(err)
	}
	defer func() { _ = rows.Close() }()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, marked(rows.Err())
}

// among stands for the elements of an array.
const among = `(SELECT value FROM json_each(?))`

// array makes an argument for among.
func array[T uuid.UUID | string](values []T) string {
	encoded, err := json.Marshal(values)
	if err != nil {
		panic(fmt.Sprintf("sqlite: ids and names are JSON strings: %v", err))
	}
	return string(encoded)
}

// found turns "no rows" into store.ErrNotFound.
func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return store.ErrNotFound
	}
	return marked(err)
}

// Times are stored as microseconds since 1970, in UTC.

func fromMicros(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

func toMicrosOrNull(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: true}
}

func fromMicrosOrNull(micros sql.NullInt64) *time.Time {
	if !micros.Valid {
		return nil
	}
	t := fromMicros(micros.Int64)
	return &t
}

// text makes TEXT of bytes, and NULL of none.
func text(b []byte) sql.NullString {
	return sql.NullString{String: string(b), Valid: b != nil}
}
