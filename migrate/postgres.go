package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// lockTimeout is how long a statement of a migration waits for a lock.
const lockTimeout = time.Second

// Postgres migrates a PostgreSQL database. One advisory lock is held around River's migrations
// and ours, so any number of replicas may start at once: one migrates, the others wait for at
// most five minutes and find nothing to do.
func Postgres(pool *pgxpool.Pool) *Migrator { return postgres(pool, files("postgres")) }

func postgres(pool *pgxpool.Pool, migrations fs.FS) *Migrator {
	m := &Migrator{isLocked: isLocked}
	m.open = func(ctx context.Context) (*session, error) {
		return openPostgres(ctx, pool.Config(), migrations)
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
func openPostgres(ctx context.Context, config *pgxpool.Config, migrations fs.FS) (*session, error) {
	conn := config.ConnConfig
	conn.RuntimeParams["timezone"] = "UTC" // goose stores its times without a zone
	conn.RuntimeParams["lock_timeout"] = strconv.FormatInt(lockTimeout.Milliseconds(), 10)
	conn.ConnectTimeout = time.Minute // no request waits for it
	config.MinConns, config.MaxConns = 0, 2
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*conn)
	locked, err := lockPostgres(ctx, db)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("lock the schema: %w", errors.Join(err, db.Close()))
	}
	s := &session{close: func() {
		pool.Close()
		_ = locked.Close() // the lock ends with its connection, so this cannot fail to unlock
		_ = db.Close()
	}}
	if s.river, err = newRiver(riverpgxv5.New(pool)); err == nil {
		s.ours, err = goose.NewProvider(goose.DialectPostgres, db, migrations)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return s, nil
}

// lockPostgres takes the advisory lock. It polls, because a blocked statement holds a snapshot,
// for which a CREATE INDEX CONCURRENTLY of the replica that migrates would wait for ever.
func lockPostgres(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if err := locker.SessionLock(ctx, conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}
