package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/internal/app"
)

// serveProfiled serves in this process and writes its profiles to path.cpu and
// path.allocs. A bench with -profile starts it in place of the real binary.
func serveProfiled(ctx context.Context, config, path string) (err error) {
	cpu, err := os.Create(path + ".cpu")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cpu.Close()) }()
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	if err := app.Run(ctx, app.Options{ConfigPath: config, LogOutput: os.Stderr}); err != nil {
		return err
	}
	allocs, err := os.Create(path + ".allocs")
	if err != nil {
		return err
	}
	runtime.GC() // completes the profile
	return errors.Join(pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close())
}

// resetStatements resets the statistics of statements when profiles are kept.
func (b *bench) resetStatements(ctx context.Context) error {
	if b.profile == "" {
		return nil
	}
	_, err := b.admin.Exec(ctx, `CREATE EXTENSION IF NOT EXISTS pg_stat_statements`)
	if err == nil {
		_, err = b.admin.Exec(ctx, `SELECT pg_stat_statements_reset()`)
	}
	return err
}

// keepStatements writes the measure's statements with the longest total time when
// profiles are kept.
func (b *bench) keepStatements(ctx context.Context) error {
	if b.profile == "" {
		return nil
	}
	rows, err := b.admin.Query(ctx, `
		SELECT format('%s ms in all, %s ms of them planning, %s plans of %s calls, %s rows, %s WAL bytes',
			round((total_plan_time + total_exec_time)::numeric), round(total_plan_time::numeric), plans, calls, rows, wal_bytes) || E'\n' || query
		FROM pg_stat_statements ORDER BY total_plan_time + total_exec_time DESC LIMIT 15`)
	if err != nil {
		return err
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	path := filepath.Join(b.profile, b.measuring+".sql.txt")
	if err := os.WriteFile(path, []byte(strings.Join(statements, "\n\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep statements: %w", err)
	}
	return nil
}
