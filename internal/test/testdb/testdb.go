// Package testdb gives tests real PostgreSQL databases: one for each test, on the
// server that TEST_DATABASE_URL names. cmd/withpostgres runs a command beside such
// a server.
package testdb

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/peterldowns/pgtestdb"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store"
)

// EnvURL is the variable with the URL of a PostgreSQL server. Its user may create
// databases and roles.
const EnvURL = "TEST_DATABASE_URL"

// New returns the settings of a new, migrated database. It is dropped when the test
// passes and kept when the test fails.
func New(t testing.TB) store.Config {
	t.Helper()
	return create(t, migrator{})
}

// Empty returns the settings of a database without a schema.
func Empty(t testing.TB) store.Config {
	t.Helper()
	return create(t, pgtestdb.NoopMigrator{})
}

func create(t testing.TB, m pgtestdb.Migrator) store.Config {
	t.Helper()
	server := os.Getenv(EnvURL)
	if server == "" {
		t.Fatalf("%s is not set: run make test", EnvURL)
	}
	config, err := serverConfig(server)
	require.NoError(t, err)
	return storeConfig(t, pgtestdb.Custom(t, config, m))
}

// statementTimeout bounds what pgtestdb does on the server, in milliseconds. It may
// wait there for another process that makes the template.
const statementTimeout = "120000"

// serverConfig splits a server's URL. The parts stay escaped, because pgtestdb joins
// them without escaping.
func serverConfig(server string) (pgtestdb.Config, error) {
	u, err := url.Parse(server)
	if err != nil {
		return pgtestdb.Config{}, fmt.Errorf("%s is not a URL", EnvURL) // err would show the password
	}
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	password, _ := u.User.Password()
	options := u.Query()
	options.Set("statement_timeout", statementTimeout)
	return pgtestdb.Config{
		DriverName: "pgx",
		Host:       u.Hostname(),
		Port:       port,
		User:       url.User(u.User.Username()).String(),
		Password:   url.User(password).String(),
		Database:   u.EscapedPath()[min(1, len(u.EscapedPath())):],
		Options:    options.Encode(),
		// A killed process may have left connections.
		ForceTerminateConnections: true,
	}, nil
}

func storeConfig(t testing.TB, c *pgtestdb.Config) store.Config {
	t.Helper()
	port, err := strconv.Atoi(c.Port)
	require.NoError(t, err)
	options, err := url.ParseQuery(c.Options)
	require.NoError(t, err)

	config := store.DefaultConfig()
	config.Host, config.Port = c.Host, port
	config.User, config.Password, config.DBName = c.User, c.Password, c.Database
	if mode := options.Get("sslmode"); mode != "" {
		config.SSLMode = mode
	}
	// Many tests run at once and share the server's connections.
	config.MaxOpenConns, config.MaxIdleConns = 10, 0
	return config
}

// migrator makes the schema of pgtestdb's template, from which databases are copied.
type migrator struct{}

// Hash returns the template's name. It depends on all SQL of the schema, so that a
// server that outlives a test run has no stale template.
func (migrator) Hash() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(migrate.Files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := migrate.Files.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = sum.Write(text)
		return err
	})
	if err != nil {
		return "", err
	}
	river, err := rivermigrate.New(riverpgxv5.New(nil), nil)
	if err != nil {
		return "", err
	}
	for _, version := range river.AllVersions() {
		if _, err := sum.Write([]byte(version.SQLUp)); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (migrator) Migrate(ctx context.Context, _ *sql.DB, c pgtestdb.Config) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	pool, err := pgxpool.New(ctx, c.URL())
	if err != nil {
		return err
	}
	defer pool.Close()
	return migrate.Postgres(pool).Up(ctx)
}
