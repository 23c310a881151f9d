package migrate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// lockTimeout is how long a statement of a migration waits for a lock on a table.
const lockTimeout = time.Second

const (
	// schemaLockPause is the time between two tries to lock the schema.
	schemaLockPause = 200 * time.Millisecond
	// schemaLockNotice is how often it is told that the schema is locked by somebody else.
	schemaLockNotice = 10 * time.Second
)

// Postgres migrates a PostgreSQL database. One advisory lock is held around River's migrations
// and ours, so any number of replicas may start at once: one migrates, the others wait and find
// nothing to do.
func Postgres(pool *pgxpool.Pool) *Migrator { return postgres(pool, files("postgres")) }

func postgres(pool *pgxpool.Pool, migrations fs.FS) *Migrator {
	m := &Migrator{}
	m.open = func(ctx context.Context) (*session, error) {
		return m.openPostgres(ctx, pool.Config(), migrations)
	}
	m.version = func(ctx context.Context, query string) (version int64, err error) {
		err = pool.QueryRow(ctx, query).Scan(&version)
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == undefinedTable {
			return 0, nil
		}
		return version, err
	}
	return m
}

// undefinedTable is PostgreSQL's code for a table that does not exist.
const undefinedTable = "42P01"

// isLocked reports whether a statement gave up waiting for a lock.
func isLocked(err error) bool {
	const lockNotAvailable = "55P03"
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == lockNotAvailable
}

// openPostgres opens a session with connections of its own: waiting replicas that each held one
// of the store's pool could leave none for the one that migrates.
func (m *Migrator) openPostgres(ctx context.Context, config *pgxpool.Config, migrations fs.FS) (*session, error) {
	conn := config.ConnConfig
	conn.RuntimeParams["timezone"] = "UTC" // goose stores its times without a zone
	conn.ConnectTimeout = time.Minute      // no request waits for it
	// A pooler may give each transaction another connection of the server, where nothing is
	// prepared.
	conn.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	config.MinConns, config.MaxConns = 0, 3
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	locked, err := m.lockSchema(ctx, pool)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("lock the schema: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool)
	s := &session{
		isLocked: isLocked,
		holders:  func(ctx context.Context) string { return holders(ctx, pool, tablesHolders, lockTimeout) },
		close: func() {
			_ = db.Close()
			_ = locked.Rollback(context.WithoutCancel(ctx)) // otherwise the lock ends with the connection
			pool.Close()
		},
	}
	river, err := newRiver(riverpgxv5.New(pool))
	if err == nil {
		s.river = stepwise{Migrator: river, pool: pool}
		s.ours, err = goose.NewProvider(goose.DialectPostgres, db, migrations)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return s, nil
}

// lockSchema takes the advisory lock and returns the transaction that holds it. A lock of a
// session would stay for ever on the connection of a pooler in transaction mode. lockSchema
// polls, because a blocked statement holds a snapshot, for which a CREATE INDEX CONCURRENTLY of
// the replica that migrates would wait for ever; a transaction between two statements holds none.
func (m *Migrator) lockSchema(ctx context.Context, pool *pgxpool.Pool) (pgx.Tx, error) {
	for told := time.Now().Add(time.Second - schemaLockNotice); ; {
		tx, err := tryLockSchema(ctx, pool)
		if tx != nil || err != nil {
			return tx, err
		}
		if time.Since(told) >= schemaLockNotice {
			m.wait(fmt.Errorf("the schema is locked; %s", holders(ctx, pool, schemaHolders, lock.DefaultLockID)))
			told = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(schemaLockPause):
		}
	}
}

// tryLockSchema returns nil when somebody else has the lock. The server must not end the
// transaction because it is long or idle.
func tryLockSchema(ctx context.Context, pool *pgxpool.Pool) (pgx.Tx, error) {
	tx, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}) // others keep a snapshot
	if err != nil {
		return nil, err
	}
	var locked bool
	err = tx.QueryRow(ctx, `
		SELECT pg_try_advisory_xact_lock($1), (SELECT count(set_config(name, '0', true)) FROM pg_settings
			WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout'))`,
		pgx.QueryExecModeSimpleProtocol, // the others leave a portal open, which holds a snapshot
		lock.DefaultLockID).Scan(&locked, nil)
	if err != nil || !locked {
		return nil, errors.Join(err, tx.Rollback(ctx))
	}
	return tx, nil
}

// stepwise applies each of River's migrations in a transaction with the lock timeout.
type stepwise struct {
	*rivermigrate.Migrator[pgx.Tx]
	pool *pgxpool.Pool
}

// Migrate implements riverMigrator. It migrates all the way, whatever the options.
func (s stepwise) Migrate(ctx context.Context, d rivermigrate.Direction, _ *rivermigrate.MigrateOpts) (*rivermigrate.MigrateResult, error) {
	for {
		var step *rivermigrate.MigrateResult
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", lockTimeout.Milliseconds()))
			if err == nil {
				//nolint:staticcheck // deprecated for several steps in one transaction; this is one
				step, err = s.MigrateTx(ctx, tx, d, &rivermigrate.MigrateOpts{MaxSteps: 1})
			}
			return err
		})
		if err != nil || len(step.Versions) == 0 {
			return step, err
		}
	}
}

const (
	// schemaHolders are the sessions that hold the advisory lock $1.
	schemaHolders = `l.locktype = 'advisory' AND l.objsubid = 1 AND (l.classid::bigint << 32 | l.objid::bigint) = $1`
	// tablesHolders are the sessions that have held a lock on one of our tables for the time $1.
	tablesHolders = `a.xact_start < now() - $1::interval AND l.locktype = 'relation' AND l.relation IN
		(SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace)`
)

// holders says which sessions hold what a migration waits for.
func holders(ctx context.Context, pool *pgxpool.Pool, which string, arg any) string {
	var text string
	err := pool.QueryRow(ctx, `
		SELECT coalesce(string_agg(format('process %s (%s) holds %s since %s', pid, name, what, since), '; '), 'nobody holds it any more')
		FROM (
			SELECT a.pid, concat_ws(', ', nullif(a.application_name, ''), 'user ' || a.usename, 'from ' || host(a.client_addr)) AS name,
				string_agg(DISTINCT coalesce(l.relation::regclass::text, 'the lock of migrations'), ', ') AS what,
				to_char(coalesce(a.xact_start, a.state_change, a.backend_start) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS since
			FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE l.granted AND l.pid <> pg_backend_pid() AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND `+which+`
			GROUP BY 1, 2, 4
		) held`, arg).Scan(&text)
	if err != nil {
		return "it is not known who holds it: " + err.Error()
	}
	return text
}
