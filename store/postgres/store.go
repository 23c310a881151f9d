// Package postgres is the store on PostgreSQL, for any number of replicas.
package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/labring/sealos-notify/store"
)

// Store is a store.Store on PostgreSQL.
type Store struct {
	pool  *pgxpool.Pool
	river *riverpgxv5.Driver
}

var _ store.Store = (*Store)(nil)

// Open connects to the database, or returns store.ErrUnavailable when it is not
// there, or not yet. It does not look at the schema: package migrate does.
func Open(ctx context.Context, c store.Config) (*Store, error) {
	config, err := poolConfig(c)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open the database: %w", marked(err))
	}
	return &Store{pool: pool, river: riverpgxv5.New(pool)}, nil
}

// Pool returns the store's connections, for River's working client and for
// migrations. Close closes them.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// Close implements store.Store.
func (s *Store) Close() { s.pool.Close() }

// Ping implements store.Store. Locking no row writes nothing, yet a read-only
// database refuses it, as it will refuse all else.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.pool.Exec(ctx, `SELECT FROM notifications LIMIT 0 FOR UPDATE`); err != nil {
		return fmt.Errorf("ping the database: %w", marked(err))
	}
	return nil
}

// query runs a statement and collects its rows.
func query[T any](ctx context.Context, db querier, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, marked(err)
	}
	all, err := pgx.CollectRows(rows, scan)
	return all, marked(err)
}

// queryOne runs a statement that finds one row, or store.ErrNotFound.
func queryOne[T any](ctx context.Context, db querier, scan pgx.RowToFunc[T], sql string, args ...any) (T, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		var zero T
		return zero, marked(err)
	}
	row, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, store.ErrNotFound
	}
	return row, marked(err)
}

// rowOf joins each row on the left with the row of a table that has its id, by one
// look-up in the primary key. The planner may make a plain join a scan of the table
// while that is small, and a prepared statement keeps its plan when it has grown.
func rowOf(table, id string) string {
	return `LATERAL (SELECT * FROM ` + table + ` WHERE id = ` + id + ` LIMIT 1)`
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// bytesOf makes of ids what pgx encodes fastest.
func bytesOf(ids []uuid.UUID) [][16]byte {
	return column(ids, func(id *uuid.UUID) [16]byte { return *id })
}

// column picks one column out of rows, to be sent as one array for unnest. UUIDs
// are sent as [16]byte, which pgx encodes ten times faster than uuid.UUID.
func column[R, T any](rows []R, value func(*R) T) []T {
	values := make([]T, len(rows))
	for i := range rows {
		values[i] = value(&rows[i])
	}
	return values
}
