package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
	"github.com/labring/sealos-notify/store/sqlite"
)

const (
	riverCallers = 32
	riverConns   = riverCallers + 8 // one for each caller, and some for River itself
	riverBulk    = 1000
)

// riverInsert and the measures below measure River alone. They are the bases of the
// service's figures.
func (b *bench) riverInsert(ctx context.Context, record record) error {
	return b.riverOnPostgres(ctx, func(r *riverAlone[pgx.Tx]) error { return r.insert(ctx, b, "river", record) })
}

func (b *bench) riverWork(ctx context.Context, record record) error {
	return b.riverOnPostgres(ctx, func(r *riverAlone[pgx.Tx]) error { return r.work(ctx, b, b.backlog, "river", record) })
}

// riverAtRate measures River at the rate of postToVendor, riverSeldom at that of postSeldom.
func (b *bench) riverAtRate(ctx context.Context, record record) error {
	return b.riverOnPostgres(ctx, func(r *riverAlone[pgx.Tx]) error { return r.atRate(ctx, b, latencyRate, "river-rate", record) })
}

func (b *bench) riverSeldom(ctx context.Context, record record) error {
	return b.riverOnPostgres(ctx, func(r *riverAlone[pgx.Tx]) error { return r.atRate(ctx, b, lowRate, "river-rate-low", record) })
}

// riverIdle measures a client with one queue and River's own intervals that has nothing to do.
func (b *bench) riverIdle(ctx context.Context, record record) error {
	return b.riverOnPostgres(ctx, func(r *riverAlone[pgx.Tx]) error {
		config := r.config(true)
		config.FetchCooldown, config.FetchPollInterval = river.FetchCooldownDefault, river.FetchPollIntervalDefault
		client, err := river.NewClient(r.driver, config)
		if err != nil {
			return err
		}
		if err := client.Start(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		defer stopRiver(client)
		return recordIdle(b.ofBench, "river-idle-cpu", record)
	})
}

func (b *bench) riverInsertSQLite(ctx context.Context, record record) error {
	return b.riverOnSQLite(ctx, func(r *riverAlone[*sql.Tx]) error { return r.insert(ctx, b, "river-sqlite", record) })
}

func (b *bench) riverWorkSQLite(ctx context.Context, record record) error {
	return b.riverOnSQLite(ctx, func(r *riverAlone[*sql.Tx]) error {
		return r.work(ctx, b, b.sqliteBacklog, "river-sqlite", record)
	})
}

func (b *bench) riverOnPostgres(ctx context.Context, measure func(*riverAlone[pgx.Tx]) error) error {
	config, err := b.database(ctx)
	if err != nil {
		return err
	}
	config.MaxOpenConns = riverConns
	st, err := postgres.Open(ctx, config)
	if err != nil {
		return err
	}
	defer st.Close()
	driver := riverpgxv5.New(st.Pool())
	if err := migrateRiver(ctx, driver); err != nil {
		return err
	}
	return measure(newRiverAlone(driver, config))
}

func (b *bench) riverOnSQLite(ctx context.Context, measure func(*riverAlone[*sql.Tx]) error) error {
	config := b.sqliteFile()
	st, err := sqlite.Open(ctx, config)
	if err != nil {
		return err
	}
	defer st.Close()
	driver := riversqlite.New(st.DB())
	if err := migrateRiver(ctx, driver); err != nil {
		return err
	}
	return measure(newRiverAlone(driver, config))
}

// migrateRiver creates River's tables with River's own migrations.
func migrateRiver[TTx any](ctx context.Context, driver riverdriver.Driver[TTx]) error {
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// noop are the args of a job that does nothing. Their size is typical.
type noop struct {
	Padding string `json:"padding"`
	Due     int64  `json:"due,omitempty"` // nanoseconds since 1970; 0: its time is not measured
}

// Kind returns the name of the job's kind.
func (noop) Kind() string { return "noop" }

var padded = noop{Padding: strings.Repeat("x", 180)}

// riverAlone is a River client with workers that do nothing.
type riverAlone[TTx any] struct {
	driver   riverdriver.Driver[TTx]
	database store.Config
	worked   atomic.Int64
	target   atomic.Int64
	reached  chan struct{} // receives when worked reaches target

	mu   sync.Mutex
	took []float64 // milliseconds from when a job was due until it was worked
}

func newRiverAlone[TTx any](driver riverdriver.Driver[TTx], database store.Config) *riverAlone[TTx] {
	return &riverAlone[TTx]{driver: driver, database: database, reached: make(chan struct{}, 1)}
}

// client returns a client with config.
func (r *riverAlone[TTx]) client(works bool) (*river.Client[TTx], error) {
	return river.NewClient(r.driver, r.config(works))
}

// config returns the settings of River's own benchmark, of a client that works jobs only if works is true.
func (r *riverAlone[TTx]) config(works bool) *river.Config {
	config := &river.Config{Logger: slog.New(slog.DiscardHandler)}
	if works {
		config.Workers = river.NewWorkers()
		river.AddWorker(config.Workers, river.WorkFunc(func(_ context.Context, job *river.Job[noop]) error {
			if job.Args.Due != 0 {
				took := milliseconds(time.Since(time.Unix(0, job.Args.Due)))
				r.mu.Lock()
				r.took = append(r.took, took)
				r.mu.Unlock()
			}
			if r.worked.Add(1) == r.target.Load() {
				r.reached <- struct{}{}
			}
			return nil
		}))
		config.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2000}}
		config.FetchCooldown, config.FetchPollInterval = 2*time.Millisecond, 20*time.Millisecond
	}
	return config
}

// insert measures jobs inserted a second: one in each transaction, and in bulk.
func (r *riverAlone[TTx]) insert(ctx context.Context, b *bench, name string, record record) error {
	client, err := r.client(false)
	if err != nil {
		return err
	}
	m, err := b.ofBench()
	if err != nil {
		return err
	}
	var inserted atomic.Int64
	rate, err := closedLoop(ctx, riverCallers, b.span, func(int) error {
		inserted.Add(1)
		_, err := client.Insert(ctx, padded, nil)
		return err
	})
	if err != nil {
		return err
	}
	record(name+"-insert", rate)
	if err := m.record(name+"-insert-cpu", int(inserted.Load()), record); err != nil {
		return err
	}

	bulk := slices.Repeat([]river.InsertManyParams{{Args: padded}}, riverBulk)
	rate, err = closedLoop(ctx, 1, b.span, func(int) error {
		_, err := client.InsertManyFast(ctx, bulk)
		return err
	})
	record(name+"-bulk", rate*riverBulk)
	return err
}

// work measures how fast a backlog of n no-op jobs is worked, and then the time from
// the insert of a job to its work, one job at a time.
func (r *riverAlone[TTx]) work(ctx context.Context, b *bench, n int, name string, record record) error {
	look, err := openForLook(r.database)
	if err != nil {
		return err
	}
	defer look.close()
	client, err := r.client(true)
	if err != nil {
		return err
	}
	m, err := b.ofBench()
	if err != nil {
		return err
	}
	if err := fill(ctx, client, n); err != nil {
		return err
	}
	r.target.Store(int64(n))
	start := time.Now()
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	defer stopRiver(client)
	if err := r.await(ctx); err != nil {
		return err
	}
	if err := look.awaitIdle(ctx); err != nil {
		return err
	}
	record(name+"-work", float64(n)/time.Since(start).Seconds())
	if err := m.record(name+"-bulk-work-cpu", n, record); err != nil {
		return err
	}

	var took []float64
	for range b.probes {
		time.Sleep(50 * time.Millisecond) // low load
		r.target.Add(1)
		start := time.Now()
		if _, err := client.Insert(ctx, padded, nil); err != nil {
			return err
		}
		if err := r.await(ctx); err != nil {
			return err
		}
		took = append(took, milliseconds(time.Since(start)))
	}
	record(name+"-latency", median(took))
	return nil
}

// atRate measures jobs that are inserted at a rate, one in each transaction, and worked: the time from
// when a job is due, and the processor time.
func (r *riverAlone[TTx]) atRate(ctx context.Context, b *bench, rate int, name string, record record) error {
	client, err := r.client(true)
	if err != nil {
		return err
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	defer stopRiver(client)
	m, err := b.ofBench()
	if err != nil {
		return err
	}
	total := rate/2 + b.latencies*rate/latencyRate
	r.target.Store(int64(total))
	err = openLoop(rate, total, func(_ int, due time.Time) error {
		_, err := client.Insert(ctx, noop{Padding: padded.Padding, Due: due.UnixNano()}, nil)
		return err
	})
	if err != nil {
		return err
	}
	if err := r.await(ctx); err != nil {
		return err
	}
	if err := m.record(name+"-cpu", total, record); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p50 := median(r.took)
	record(name+"-p50", p50)
	b.riverP50[rate] = p50
	return nil
}

// stopRiver stops a client that works.
func stopRiver[TTx any](client *river.Client[TTx]) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = client.StopAndCancel(ctx)
}

// fill makes a backlog of n jobs.
func fill[TTx any](ctx context.Context, client *river.Client[TTx], n int) error {
	bulk := slices.Repeat([]river.InsertManyParams{{Args: padded}}, riverBulk)
	for range n / riverBulk {
		if _, err := client.InsertManyFast(ctx, bulk); err != nil {
			return err
		}
	}
	return nil
}

// await waits until worked reaches target.
func (r *riverAlone[TTx]) await(ctx context.Context) error {
	select {
	case <-r.reached:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * time.Minute):
		return errors.New("jobs of River were not worked in time")
	}
}
