package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// SQLite migrates an SQLite database through its one write connection. Calls on
// one Migrator wait for each other; a second process must not migrate the same
// file at the same time.
func SQLite(db *sql.DB) *Migrator {
	var mu sync.Mutex
	return &Migrator{open: func(context.Context) (*session, error) {
		driver := riversqlite.New(db)
		river, err := newRiver(driver)
		if err != nil {
			return nil, err
		}
		ours, err := goose.NewProvider(goose.DialectSQLite3, db, files("sqlite"))
		if err != nil {
			return nil, fmt.Errorf("read migrations: %w", err)
		}
		mu.Lock()
		return &session{river: river, executor: driver.GetExecutor(), ours: ours, close: mu.Unlock}, nil
	}}
}
