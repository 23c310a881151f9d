package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// Postgres migrates a PostgreSQL database. One advisory lock is held around
// River's migrations and ours, so any number of replicas may start at once: one
// migrates, the others wait (at most five minutes) and find nothing to do.
func Postgres(pool *pgxpool.Pool) *Migrator {
	return &Migrator{open: func(ctx context.Context) (*session, error) {
		return openPostgres(ctx, pool)
	}}
}

func openPostgres(ctx context.Context, pool *pgxpool.Pool) (*session, error) {
	// Connections of its own: waiters that each held one of the pool could leave
	// none for the one that has the lock.
	config := pool.Config().ConnConfig
	config.RuntimeParams["timezone"] = "UTC" // goose notes its times without a zone
	config.ConnectTimeout = time.Minute      // nobody waits for an answer, as a request would
	db := stdlib.OpenDB(*config)
	conn, err := lockPostgres(ctx, db)
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("lock the schema: %w", err)
	}
	// The lock lasts as long as its connection, so closing can not fail to unlock.
	unlock := func() {
		_ = conn.Close()
		_ = db.Close()
	}

	driver := riverpgxv5.New(pool)
	river, err := newRiver(driver)
	if err != nil {
		unlock()
		return nil, err
	}
	ours, err := goose.NewProvider(goose.DialectPostgres, db, files("postgres"))
	if err != nil {
		unlock()
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return &session{river: river, executor: driver.GetExecutor(), ours: ours, close: unlock}, nil
}

// lockPostgres polls instead of blocking: a blocked session holds a snapshot, on
// which a CREATE INDEX CONCURRENTLY of the one that migrates would wait for ever.
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
