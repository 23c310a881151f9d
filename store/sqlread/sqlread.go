// Package sqlread reads the tables for both engines: column lists, the mapping of rows
// and the statements that are the same on PostgreSQL and SQLite. Arguments are numbered
// in the order of their first appearance, because SQLite binds $1 by that order.
package sqlread

import (
	"context"
	"fmt"

	"github.com/labring/sealos-notify/store"
)

// Row is one row of a result. An engine's Row scans times in UTC and JSON into the
// domain's types.
type Row interface {
	Scan(dest ...any) error
}

// DB runs statements on one engine. Its errors are the store's.
type DB interface {
	// Query calls each with every row of the result.
	Query(ctx context.Context, each func(Row) error, sql string, args ...any) error
	// List is Query for the statement of a list: it ends after store.ListTime with
	// store.ErrTooBroad.
	List(ctx context.Context, each func(Row) error, sql string, args ...any) error
}

// Reader implements the reading methods of store.Store. The engines embed it.
type Reader struct {
	DB DB
	// RunningJob joins a delivery d with its job j when River is running it.
	RunningJob string
	// OrphanedJobs lists orphans after the delivery $1, at most $2.
	OrphanedJobs string
	// AppID is n.app_id as a condition names it when a list of deliveries is narrowed to
	// an app.
	AppID string
	// Now is the present time by the database's clock.
	Now string
	// Ended comes before a comparison of d.status with dead or cancelled, where the engine reads
	// the partial index of these otherwise not.
	Ended string
}

// all returns the rows of a statement.
func all[T any](ctx context.Context, db DB, scan func(Row) (T, error), sql string, args ...any) ([]T, error) {
	return collect(db.Query, ctx, scan, sql, args)
}

// listed returns the rows of a list's statement.
func listed[T any](ctx context.Context, db DB, scan func(Row) (T, error), sql string, args []any) ([]T, error) {
	return collect(db.List, ctx, scan, sql, args)
}

// one returns the only row of a statement, or store.ErrNotFound.
func one[T any](ctx context.Context, db DB, scan func(Row) (T, error), sql string, args ...any) (T, error) {
	rows, err := all(ctx, db, scan, sql, args...)
	switch {
	case err != nil:
		var none T
		return none, err
	case len(rows) == 0:
		var none T
		return none, store.ErrNotFound
	}
	return rows[0], nil
}

func collect[T any](
	query func(ctx context.Context, each func(Row) error, sql string, args ...any) error,
	ctx context.Context, scan func(Row) (T, error), sql string, args []any,
) ([]T, error) {
	var rows []T
	err := query(ctx, func(row Row) error {
		one, err := scan(row)
		rows = append(rows, one)
		return err
	}, sql, args...)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// wrapped adds to an error what was being read.
func wrapped[T any](rows T, err error, format string, args ...any) (T, error) {
	if err != nil {
		var none T
		return none, fmt.Errorf(format+": %w", append(args, err)...)
	}
	return rows, nil
}
