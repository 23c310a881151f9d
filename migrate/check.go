package migrate

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/riverqueue/river/riverdriver/riversqlite"
)

const (
	ourVersion = `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`
	// notifications is 0 without the table, as every version.
	notifications = `SELECT count(*) + 1 FROM (SELECT 1 FROM notifications LIMIT 1) AS one`
)

// ErrForeign is the error of a database that holds another program's tables, such as those of the
// service that this one replaces. They have the same names.
var ErrForeign = errors.New("the database has a table notifications that is not this program's, so nothing was changed: " +
	"give the service a database of its own")

// checkForeign returns ErrForeign before the first migration of a database that is not empty.
func (m *Migrator) checkForeign(ctx context.Context) error {
	ours, err := m.version(ctx, ourVersion)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", err)
	}
	if ours > 0 {
		return nil
	}
	foreign, err := m.version(ctx, notifications)
	if err != nil {
		return fmt.Errorf("look for tables of another program: %w", err)
	}
	if foreign > 0 {
		return ErrForeign
	}
	return nil
}

// Check returns an error that says what is missing when the schema is older than this program
// needs: somebody has migrated down, or restored an old dump. A newer schema is right, because
// migrations only add. It reads two rows.
func (m *Migrator) Check(ctx context.Context) error {
	for _, line := range []struct {
		name, query string
		needed      int64
	}{
		{LineOurs, ourVersion, needed().ours},
		{LineRiver, `SELECT coalesce(max(version), 0) FROM river_migration WHERE line = 'main'`, needed().river},
	} {
		version, err := m.version(ctx, line.query)
		if err != nil {
			return fmt.Errorf("read the schema's version: %w", err)
		}
		if version < line.needed {
			return &OldSchemaError{Line: line.name, Version: version, Needed: line.needed}
		}
	}
	return nil
}

// OldSchemaError is the error of a schema that this program cannot work with.
type OldSchemaError struct {
	Line            string // LineOurs or LineRiver
	Version, Needed int64
}

func (e *OldSchemaError) Error() string {
	return fmt.Sprintf("the schema of the database is %s version %d, and this program needs %d: run sealos-notify migrate up", e.Line, e.Version, e.Needed)
}

type versions struct{ ours, river int64 }

// needed returns the newest versions that this program knows. They are the same for both
// engines.
var needed = sync.OnceValue(func() (v versions) {
	names, err := Files.ReadDir("postgres")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, entry := range names {
		number, _, _ := strings.Cut(path.Base(entry.Name()), "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			panic(err) // goose would refuse it too
		}
		v.ours = max(v.ours, n)
	}
	river, err := newRiver(riversqlite.New(nil))
	if err != nil {
		panic(err) // the default line exists
	}
	for _, migration := range river.AllVersions() {
		v.river = max(v.river, int64(migration.Version))
	}
	return v
})
