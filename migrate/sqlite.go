package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// SQLite migrates an SQLite database through its one write connection. Calls on one Migrator
// wait for each other. A second process must not migrate the same file at the same time.
func SQLite(db *sql.DB) *Migrator {
	var mu sync.Mutex
	m := &Migrator{}
	m.version = func(ctx context.Context, query string) (version int64, err error) {
		err = db.QueryRowContext(ctx, query).Scan(&version)
		if err != nil && strings.Contains(err.Error(), "no such table") {
			return 0, nil
		}
		return version, err
	}
	m.open = func(context.Context) (*session, error) {
		river, err := newRiver(riversqlite.New(db))
		if err != nil {
			return nil, err
		}
		ours, err := goose.NewProvider(goose.DialectSQLite3, db, files("sqlite"))
		if err != nil {
			return nil, fmt.Errorf("read migrations: %w", err)
		}
		mu.Lock()
		return &session{river: river, ours: ours, close: mu.Unlock, isLocked: func(error) bool { return false }}, nil
	}
	return m
}
