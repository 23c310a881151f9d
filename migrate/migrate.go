// Package migrate brings a database to the schema that this program needs:
// River's own tables first, then ours. Both engines have the same migrations,
// under the same file names.
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
	Line      string     // "river" or "sealos-notify"
	Version   int64      // from 1, within its line
	Name      string     // what the step does
	AppliedAt *time.Time // nil when it was not applied yet
}

// Lines of migrations.
const (
	LineRiver = "river"
	LineOurs  = "sealos-notify"
)

// Migrator migrates one database.
type Migrator struct {
	open func(ctx context.Context) (*session, error)
}

// session is one use of a database by a Migrator.
type session struct {
	river    riverMigrator
	executor riverdriver.Executor
	ours     *goose.Provider
	close    func()
}

// riverMigrator is the part of rivermigrate.Migrator that has no type parameter.
type riverMigrator interface {
	AllVersions() []rivermigrate.Migration
	Migrate(ctx context.Context, d rivermigrate.Direction, opts *rivermigrate.MigrateOpts) (*rivermigrate.MigrateResult, error)
}

// newRiver makes River's migrator; its default logger would write to stdout.
func newRiver[TTx any](driver riverdriver.Driver[TTx]) (riverMigrator, error) {
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

// Up applies what was not applied yet. On a current schema it changes nothing.
func (m *Migrator) Up(ctx context.Context) error {
	s, err := m.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()

	if _, err := s.river.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate River up: %w", err)
	}
	if _, err := s.ours.Up(ctx); err != nil {
		return fmt.Errorf("migrate up: %w", err)
	}
	return nil
}

// Down takes back the newest of our migrations. When none of ours is left,
// River's schema goes too, and its jobs with it: nothing could work them. On an
// empty database it does nothing.
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
		if _, err := s.ours.Down(ctx); err != nil {
			return fmt.Errorf("migrate down: %w", err)
		}
		if version, err = s.ours.GetDBVersion(ctx); err != nil {
			return fmt.Errorf("read the schema's version: %w", err)
		}
	}
	if version > 0 {
		return nil
	}
	_, err = s.river.Migrate(ctx, rivermigrate.DirectionDown, &rivermigrate.MigrateOpts{TargetVersion: -1})
	if err != nil {
		return fmt.Errorf("migrate River down: %w", err)
	}
	return nil
}

// Status lists all migrations that this program knows, River's first.
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
