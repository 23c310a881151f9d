// Package migrate brings a database to the schema that this program needs: River's tables
// first, then ours. Both engines have the same migrations, under the same file names.
//
// A migration must not hold up a service that runs. On PostgreSQL each begins with
//
//	SET LOCAL lock_timeout = '1s';
//
// because every later statement on a table waits behind one that waits for its lock. After that
// time the migration is rolled back and tried again. The setting is the transaction's, because a
// pooler may give the connection to somebody else. An index on a table that has rows is made in
// a file of its own with "-- +goose NO TRANSACTION", by
//
//	DROP INDEX CONCURRENTLY IF EXISTS name;
//	CREATE INDEX CONCURRENTLY name ON ...;
//
// which blocks nobody while it waits, and can be repeated.
package migrate

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
)

// Files holds our SQL, in one folder for each engine.
//
//go:embed postgres/*.sql sqlite/*.sql
var Files embed.FS

// Migration is one step of the schema.
type Migration struct {
	Line      string // "river" or "sealos-notify"
	Version   int64  // from 1, within its line
	Name      string // what the step does
	Applied   bool
	AppliedAt *time.Time // nil for River's, which does not say, and when it was not applied
}

// Lines of migrations.
const (
	LineRiver = "river"
	LineOurs  = "sealos-notify"
)

// Migrator migrates one database.
type Migrator struct {
	// Waiting is called when Up or Down waits and tries again, with the reason; nil: nobody
	// is told.
	Waiting func(reason error)

	open func(ctx context.Context) (*session, error)
	// version reads a version; 0 when its table does not exist. Check uses it, on the
	// store's connections.
	version func(ctx context.Context, query string) (int64, error)
}

// wait tells that the Migrator waits.
func (m *Migrator) wait(reason error) {
	if m.Waiting != nil {
		m.Waiting(reason)
	}
}

const (
	// lockTries and lockPause bound how long a migration is tried while a table is locked,
	// by a pg_dump for example: more than half an hour.
	lockTries = 600
	lockPause = 2 * time.Second
)

// whenUnlocked runs step until it does not fail because of a lock.
func (m *Migrator) whenUnlocked(ctx context.Context, s *session, step func() error) error {
	for try := 1; ; try++ {
		err := step()
		if err == nil || !s.isLocked(err) || try == lockTries {
			return err
		}
		m.wait(fmt.Errorf("%w; %s", err, s.holders(ctx)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPause):
		}
	}
}

// session is one use of a database by a Migrator.
type session struct {
	river riverMigrator
	ours  *goose.Provider
	close func()
	// isLocked reports whether a migration failed because a table was locked.
	isLocked func(err error) bool
	// holders says who holds locks on the tables.
	holders func(ctx context.Context) string
}

// riverMigrator is the part of rivermigrate.Migrator that has no type parameter.
type riverMigrator interface {
	AllVersions() []rivermigrate.Migration
	Validate(ctx context.Context, opts *rivermigrate.ValidateOpts) (*rivermigrate.ValidateResult, error)
	Migrate(ctx context.Context, d rivermigrate.Direction, opts *rivermigrate.MigrateOpts) (*rivermigrate.MigrateResult, error)
}

// newRiver returns River's migrator. Its default logger would write to stdout.
func newRiver[TTx any](driver riverdriver.Driver[TTx]) (*rivermigrate.Migrator[TTx], error) {
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, fmt.Errorf("migrations of River: %w", err)
	}
	return m, nil
}

func files(engine string) fs.FS {
	sub, err := fs.Sub(Files, engine)
	if err != nil {
		panic(err) // only an invalid path fails
	}
	return sub
}

// Up applies the migrations that were not applied yet. On a current schema it changes
// nothing.
func (m *Migrator) Up(ctx context.Context) error {
	s, err := m.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()

	if err := m.checkForeign(ctx); err != nil {
		return err
	}
	return m.whenUnlocked(ctx, s, func() error {
		if _, err := s.river.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
			return fmt.Errorf("migrate River up: %w", err)
		}
		if _, err := s.ours.Up(ctx); err != nil {
			return fmt.Errorf("migrate up: %w", err)
		}
		return nil
	})
}

// Down reverts the newest of our migrations. When none of ours is left it reverts River's, too,
// with all jobs. On an empty database it does nothing.
func (m *Migrator) Down(ctx context.Context) error {
	s, err := m.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()

	version, err := s.ours.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if version > 0 {
		err := m.whenUnlocked(ctx, s, func() error {
			_, err := s.ours.Down(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("migrate down: %w", err)
		}
	}
	if version > 1 {
		return nil
	}
	err = m.whenUnlocked(ctx, s, func() error {
		_, err := s.river.Migrate(ctx, rivermigrate.DirectionDown, &rivermigrate.MigrateOpts{TargetVersion: -1})
		return err
	})
	if err != nil {
		return fmt.Errorf("migrate River down: %w", err)
	}
	return nil
}

// Status returns all migrations that this program knows, River's first.
func (m *Migrator) Status(ctx context.Context) ([]Migration, error) {
	s, err := m.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()

	rivers, err := s.riverStatus(ctx)
	if err != nil {
		return nil, fmt.Errorf("status of River's migrations: %w", err)
	}
	ours, err := s.ourStatus(ctx)
	if err != nil {
		return nil, fmt.Errorf("status of migrations: %w", err)
	}
	return append(rivers, ours...), nil
}
