package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
)

// durable are settings that keep every commit, with the memory and write-ahead log of
// a server of a few gigabytes. The rest are PostgreSQL's defaults.
var durable = []string{
	"fsync=on", "synchronous_commit=on", "full_page_writes=on",
	"shared_buffers=1GB", "max_wal_size=4GB",
}

// amounts are the sizes of the measures.
type amounts struct {
	span          time.Duration // of each rate
	backlog       int           // deliveries to drain
	sqliteBacklog int
	finished      int // deliveries in the history
	members       int // contacts of the group that is expanded
	latencies     int // messages whose time to the vendor is measured
	probes        int // jobs whose time in River is measured
}

var (
	full  = amounts{span: 4 * time.Second, backlog: 50_000, sqliteBacklog: 5_000, finished: 2_000_000, members: 1_000_000, latencies: 1600, probes: 40}
	short = amounts{span: 1500 * time.Millisecond, backlog: 10_000, sqliteBacklog: 2_000, finished: 200_000, members: 50_000, latencies: 400, probes: 20}
)

// bench holds what all measures share.
type bench struct {
	amounts
	folder  string // of all files but the cluster's
	binary  string
	cluster *testdb.Cluster
	admin   *pgx.Conn
	profile string // folder; empty without profiles

	measuring string          // name of the measure
	services  []*service      // of the measure; killed after it
	databases []string        // of the measure; dropped after it
	count     int             // makes names of databases, folders and profiles unique
	past      *store.Config   // the database with a history; nil before it is made
	riverP50  map[int]float64 // milliseconds from insert to work, by the rate of jobs a second
}

func newBench(ctx context.Context, o options) (*bench, error) {
	folder, err := os.MkdirTemp("", "sealos-notify-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{amounts: full, folder: folder, profile: o.profile, riverP50: map[int]float64{}}
	if o.short {
		b.amounts = short
	}
	settings := durable
	if b.profile != "" {
		if err := os.MkdirAll(b.profile, 0o750); err != nil {
			return nil, errors.Join(err, os.RemoveAll(folder))
		}
		settings = append(settings, "shared_preload_libraries=pg_stat_statements", "track_io_timing=on", "pg_stat_statements.track_planning=on")
	}
	if b.binary, err = build(ctx, folder); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	if b.cluster, err = testdb.NewCluster(ctx, settings...); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	if b.admin, err = pgx.Connect(ctx, b.cluster.URL()); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() {
	// The context of the run may have ended.
	ctx, cancel := context.WithTimeout(context.Background(), measureTimeout)
	defer cancel()
	b.killServices()
	if b.admin != nil {
		_ = b.admin.Close(ctx)
	}
	if err := errors.Join(b.cluster.Remove(ctx), os.RemoveAll(b.folder)); err != nil {
		fmt.Fprintln(os.Stderr, "bench: clean up:", err)
	}
}

// measureTimeout ends a measure that waits for something lost. The million of a group takes some minutes.
const measureTimeout = 20 * time.Minute

// take runs one measure.
func (b *bench) take(ctx context.Context, m measure, record record) error {
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	b.measuring = m.name
	// Otherwise a measure would pay for the writes of the one before.
	if _, err := b.admin.Exec(ctx, `CHECKPOINT`); err != nil {
		return err
	}
	if err := b.resetStatements(ctx); err != nil {
		return err
	}
	if err := m.run(b, ctx, record); err != nil {
		return err
	}
	if err := b.keepStatements(ctx); err != nil {
		return err
	}
	b.killServices()
	for _, name := range b.databases {
		if _, err := b.admin.Exec(ctx, `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			return err
		}
	}
	b.databases = nil
	return nil
}

func (b *bench) killServices() {
	for _, s := range b.services {
		s.kill()
	}
	b.services = nil
}

// database creates an empty database. It is dropped after the measure.
func (b *bench) database(ctx context.Context) (store.Config, error) {
	return b.copyOf(ctx, emptyDatabase)
}

// copyOf is database with the content of another one, to which nobody may be connected.
func (b *bench) copyOf(ctx context.Context, name string) (store.Config, error) {
	config, err := b.createDatabase(ctx, name)
	b.databases = append(b.databases, config.DBName)
	return config, err
}

// emptyDatabase is what PostgreSQL makes empty databases of.
const emptyDatabase = "template1"

func (b *bench) createDatabase(ctx context.Context, copyOf string) (store.Config, error) {
	b.count++
	config := b.cluster.Config()
	config.DBName = fmt.Sprintf("bench_%d", b.count)
	_, err := b.admin.Exec(ctx, `CREATE DATABASE `+config.DBName+` TEMPLATE `+copyOf)
	return config, err
}

// sqliteFile returns the settings of a database file that does not exist yet.
func (b *bench) sqliteFile() store.Config {
	b.count++
	config := store.DefaultConfig()
	config.Driver, config.Path = store.DriverSQLite, filepath.Join(b.folder, fmt.Sprintf("bench_%d.db", b.count))
	return config
}

// command runs a program. The error of a program that fails has its output.
func command(ctx context.Context, env []string, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(cmd.Environ(), env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, said)
	}
	return nil
}
