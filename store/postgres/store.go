// Package postgres is the store on PostgreSQL, for any number of replicas.
package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// Store is a store.Store on PostgreSQL.
type Store struct {
	sqlread.Reader
	pool        *pgxpool.Pool
	credentials *credentials
	river       riverClient

	wanted, found int // connections, see Places
	writer        int // of hourly_counts, below maxWriters

	suppressing atomic.Bool // there were suppressions at the last acceptance
}

var _ store.Store = (*Store)(nil)

// Open connects to the database. It returns store.ErrUnavailable when the database cannot
// be reached or is starting, another error when it refuses the credentials, and one that
// names the setting when there is a pooler in transaction mode without c.Pooling. It does not
// look at the schema, which package migrate makes.
func Open(ctx context.Context, c store.Config) (*Store, error) {
	config, err := poolConfig(c)
	if err != nil {
		return nil, err
	}
	found, err := look(ctx, config, c.Pooling)
	if err != nil {
		if !isMisconfigured(err) {
			err = marked(err)
		}
		return nil, fmt.Errorf("open the database: %w", err)
	}
	credentials := followCredentials(config)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s, err := newStore(pool)
	if err != nil {
		return nil, err
	}
	s.credentials, s.wanted, s.found = credentials, int(config.MaxConns), found
	return s, nil
}

func newStore(pool *pgxpool.Pool) (*Store, error) {
	client, err := newRiverClient(pool)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("river client: %w", err)
	}
	writer := rand.IntN(maxWriters) //nolint:gosec // not a secret
	return &Store{pool: pool, river: client, writer: writer, Reader: sqlread.Reader{
		DB: reader{pool}, RunningJob: runningJob, OrphanedJobs: orphanedJobs, AppID: `n.app_id`, Now: `clock_timestamp()`,
		Ended: ``, // the index's predicate as well would count twice in the planner's estimate
	}}, nil
}

// Pool returns the store's connections, for River's working client and for migrations.
// Close closes them.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// Close implements store.Store.
func (s *Store) Close() { s.pool.Close() }

// Ping implements store.Store. The statement locks no row and writes nothing, but a
// read-only database refuses it.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.pool.Exec(ctx, `SELECT FROM notifications LIMIT 0 FOR UPDATE`); err != nil {
		return fmt.Errorf("ping the database: %w", marked(err))
	}
	return nil
}

// planOnce makes a transaction plan each of its statements once for the connection. PostgreSQL would plan those about
// one row every time, because it takes a list of unknown length for one of ten: planning was more than half of what a
// delivery's outcome cost it. It is not for all: with a limit of unknown size River's fetch would read all jobs
// (TestFetchReadsWhatItTakes).
const planOnce = `SELECT set_config('plan_cache_mode', 'force_generic_plan', true)`

// begin is pgx.BeginFunc, and each statement of the transaction is planned once.
func (s *Store) begin(ctx context.Context, f func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: `BEGIN; ` + planOnce}, f)
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// query returns the rows of a statement.
func query[T any](ctx context.Context, db querier, scan func(sqlread.Row) (T, error), sql string, args ...any) ([]T, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, marked(err)
	}
	all, err := collect(rows, scan)
	return all, marked(err)
}

// collect reads all rows and closes them.
func collect[T any](rows pgx.Rows, scan func(sqlread.Row) (T, error)) ([]T, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (T, error) { return scan(row) })
}

// reader implements sqlread.DB.
type reader struct{ pool *pgxpool.Pool }

// Query implements sqlread.DB.
func (r reader) Query(ctx context.Context, each func(sqlread.Row) error, sql string, args ...any) error {
	return marked(forEach(ctx, r.pool, each, sql, args))
}

// listing begins the transaction of a list. Each list is planned for its own values,
// because their selectivity varies. A parallel plan would take cores from deliveries, and
// would not read in the order of the page.
var listing = fmt.Sprintf(`BEGIN READ ONLY; SET LOCAL statement_timeout = %d;
	SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL max_parallel_workers_per_gather = 0`,
	store.ListTime.Milliseconds())

// List implements sqlread.DB.
func (r reader) List(ctx context.Context, each func(sqlread.Row) error, sql string, args ...any) error {
	err := pgx.BeginTxFunc(ctx, r.pool, pgx.TxOptions{BeginQuery: listing}, func(tx pgx.Tx) error {
		return forEach(ctx, tx, each, sql, args)
	})
	return tooBroad(ctx, err)
}

func forEach(ctx context.Context, db querier, each func(sqlread.Row) error, sql string, args []any) error {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// rowOf joins each row on the left with the row of a table that has its id, by one
// look-up in the primary key. A plain join may be planned as a scan while the table is
// small, and a prepared statement keeps that plan when the table has grown.
func rowOf(table, id string) string {
	return `LATERAL (SELECT * FROM ` + table + ` WHERE id = ` + id + ` LIMIT 1)`
}

// encodable returns ids as pgx encodes them fastest: ten times faster than uuid.UUID.
func encodable(ids []uuid.UUID) [][16]byte {
	return column(ids, func(id *uuid.UUID) [16]byte { return *id })
}

// column returns one value of each row, to be sent as an array for unnest. Ids are sent
// as [16]byte, see encodable. A statement with many of them calls unnest for each in its list
// of columns: in FROM, PostgreSQL copies every array into a table before it reads a row, which
// was a quarter of an insert.
func column[R, T any](rows []R, value func(*R) T) []T {
	values := make([]T, len(rows))
	for i := range rows {
		values[i] = value(&rows[i])
	}
	return values
}
