package main

import (
	"context"
	"database/sql"
	"net"
	"net/url"
	"strconv"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/labring/sealos-notify/store"
)

// look is a connection to a service's database.
type look struct{ db *sql.DB }

func openForLook(c store.Config) (look, error) {
	driver, source := "pgx", databaseURL(c)
	if c.Driver == store.DriverSQLite {
		driver, source = "sqlite", "file:"+c.Path+"?_busy_timeout=10000"
	}
	db, err := sql.Open(driver, source)
	return look{db}, err
}

func (l look) close() { _ = l.db.Close() }

// awaitIdle waits until River has completed all jobs but those of maintenance. It polls often, so the caller
// calls it when nearly all are done.
func (l look) awaitIdle(ctx context.Context) error {
	for {
		var busy bool
		err := l.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM river_job
			WHERE state IN ('available', 'running', 'retryable', 'scheduled') AND queue <> 'maintenance')`).Scan(&busy)
		if err != nil || !busy {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// old returns how many deliveries there are of more than a day ago.
func (l look) old(ctx context.Context) (n int, err error) {
	err = l.db.QueryRowContext(ctx, `SELECT count(*) FROM deliveries WHERE created_at < now() - interval '1 day'`).Scan(&n)
	return n, err
}

func databaseURL(c store.Config) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(c.User, c.Password),
		Host: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), Path: c.DBName, RawQuery: "sslmode=disable",
	}
	return u.String()
}
