package app

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/labring/sealos-notify/internal/telemetry"
	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
	"github.com/labring/sealos-notify/store/sqlite"
)

// Database is an open engine with its migrations.
type Database struct {
	store.Store
	Migrator *migrate.Migrator

	pool func() telemetry.Pool
	// announces reports whether the database can tell of new jobs (LISTEN).
	announces bool
	// setCredentials sets the password and the certificates of new connections; nil
	// where there are none.
	setCredentials func(store.Config) error
	unlock         func()
	lacked         atomic.Bool // schemaLacks found something when it was last called
}

// SetCredentials makes new connections use the password and the certificates.
func (d *Database) SetCredentials(c store.Config) error {
	if d.setCredentials == nil {
		return nil
	}
	return d.setCredentials(c)
}

// schemaLacks says what the schema lacks that this program needs; nothing when it is right.
func (d *Database) schemaLacks(ctx context.Context) (missing string, err error) {
	err = d.Migrator.Check(ctx)
	var old *migrate.OldSchemaError
	if errors.As(err, &old) {
		d.lacked.Store(true)
		return old.Error(), nil
	}
	if pg, is := d.Store.(*postgres.Store); err == nil && d.lacked.Swap(false) && is {
		pg.Pool().Reset() // its connections have plans for the tables of before
	}
	return "", err
}

// Close closes the connections.
func (d *Database) Close() {
	d.Store.Close()
	if d.unlock != nil {
		d.unlock()
	}
}

// A start waits this long for its database: both may have been started together,
// or the database restarts.
const (
	databasePatience = 30 * time.Second
	databaseRetry    = time.Second
)

// OpenDatabase connects to the configured engine. While the database is not
// reachable it tries again for 30 seconds, and calls waiting with each error. An
// error that another try cannot mend (a wrong password, no such database) is
// returned at once, as is that of an SQLite file that another process has open. The schema
// is not touched.
func OpenDatabase(ctx context.Context, c store.Config, waiting func(error)) (*Database, error) {
	for deadline := time.Now().Add(databasePatience); ; {
		db, err := openDatabase(ctx, c)
		if err == nil || !errors.Is(err, store.ErrUnavailable) || time.Now().After(deadline) {
			return db, err
		}
		waiting(err)
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(databaseRetry):
		}
	}
}

func openDatabase(ctx context.Context, c store.Config) (*Database, error) {
	if c.Driver == store.DriverSQLite {
		unlock, err := Lock(c.Path)
		if err != nil {
			return nil, fmt.Errorf("open the database: %w", err)
		}
		st, err := sqlite.Open(ctx, c)
		if err != nil {
			unlock()
			return nil, err
		}
		return &Database{
			Store: st, Migrator: migrate.SQLite(st.DB()), announces: true, unlock: unlock,
			pool: func() telemetry.Pool {
				s := st.DB().Stats()
				return telemetry.Pool{Used: s.InUse, Idle: s.Idle, Max: s.MaxOpenConnections, Waits: s.WaitCount, Waited: s.WaitDuration}
			},
		}, nil
	}
	st, err := postgres.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Database{
		Store: st, Migrator: migrate.Postgres(st.Pool()), announces: c.Pooling != store.PoolingTransaction,
		setCredentials: st.SetCredentials,
		pool: func() telemetry.Pool {
			s := st.Pool().Stat()
			return telemetry.Pool{
				Used: int(s.AcquiredConns()), Idle: int(s.IdleConns()), Max: int(s.MaxConns()),
				Waits: s.EmptyAcquireCount(), Waited: s.EmptyAcquireWaitTime(),
			}
		},
	}, nil
}
