package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
)

// The history is ten days of notifications, most to few people and some to a crowd. Of every
// twentieth one delivery is dead. River's table has the jobs of the last day, as in real use.
const (
	fewPeople = 5
	crowd     = 10_000
)

// pastStatements insert $2 notifications to $3 people each, numbered from $1 and evenly
// spread over the last ten days. Ids are UUIDv7 and sort by time, like the service's.
var pastStatements = []string{
	`INSERT INTO notifications (id, app_id, idempotency_key, request_hash, priority, test, total, success, dead, created_at, updated_at)
	SELECT pg_temp.id('001', at, n), '` + appID + `', 'past-' || n, '\x00', 'normal', false, $3, $3 - (n % 20 = 0)::int, (n % 20 = 0)::int, at, at
	FROM pg_temp.past($1, $2)`,

	`INSERT INTO messages (id, notification_id, channel, template_name, template_version, msg_type, subject, body, template_code)
	SELECT pg_temp.id('002', at, n), pg_temp.id('001', at, n), 'feishu_app', 'alert', 1, 'text', '',
		'[alert] the primary database is down (severity P0)', ''
	FROM pg_temp.past($1, $2) WHERE $3 > 0`,

	`INSERT INTO deliveries (id, notification_id, message_id, job_id, channel, provider, template_name, template_version,
		recipient_type, recipient_value, status, last_code, last_error, attempts, max_retry, details, created_at, updated_at)
	SELECT pg_temp.id('003', at, n * 100000 + i), pg_temp.id('001', at, n), pg_temp.id('002', at, n), 0,
		'feishu_app', 'feishu', 'alert', 1, 'feishu_user_id', 'ou_past_' || n || '_' || i, CASE WHEN n % 20 = 0 AND i = 1 THEN 'dead' ELSE 'success' END,
		CASE WHEN n % 20 = 0 AND i = 1 THEN 'feishu_23000' || n / 20 % 10 ELSE '' END, CASE WHEN n % 20 = 0 AND i = 1 THEN 'refused' ELSE '' END, 1, 3,
		'{"message_id":"om_abcdefghijklmnopqrstuvwxyz"}', at, at
	FROM pg_temp.past($1, $2), generate_series(1, $3) i`,

	`INSERT INTO attempts (id, delivery_id, job_id, attempt, provider, class, code, error, details, started_at, finished_at)
	SELECT pg_temp.id('004', at, n * 100000 + i), pg_temp.id('003', at, n * 100000 + i), 0, 1, 'feishu', '', '', '',
		'{"message_id":"om_abcdefghijklmnopqrstuvwxyz"}', at, at
	FROM pg_temp.past($1, $2), generate_series(1, $3) i`,

	`INSERT INTO river_job (state, attempt, max_attempts, args, kind, queue, created_at, scheduled_at, attempted_at, finalized_at)
	SELECT 'completed', 1, 4, jsonb_build_object('deliveryId', pg_temp.id('003', at, n * 100000 + i)), 'deliver', 'feishu_app', at, at, at, at
	FROM pg_temp.past($1, $2), generate_series(1, $3) i WHERE at > now() - interval '1 day'`,
}

// pastCounts are the hourly counts of a service with 20 templates, of ten days.
const pastCounts = `
	INSERT INTO hourly_counts (hour, channel, app_id, template, provider, outcome, code, took, writer, amount)
	SELECT date_trunc('hour', now()) - h * interval '1 hour', '` + channel + `', '` + appID + `', 'template-' || t, provider, outcome, code, took, 0, 400
	FROM generate_series(0, 240) h, generate_series(1, 20) t, (
		SELECT '' AS provider, 'accepted' AS outcome, '' AS code, 0 AS took
		UNION ALL SELECT 'feishu', 'success', '', took FROM generate_series(2, 9) took
		UNION ALL SELECT 'feishu', outcome, 'feishu_23000' || i, 0 FROM generate_series(0, 9) i, (VALUES ('failed'), ('dead')) o (outcome)
	) kinds`

const pastFunctions = `
	CREATE FUNCTION pg_temp.id(kind text, at timestamptz, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
		SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || kind || '8' || lpad(to_hex(n), 15, '0'))::uuid
	$$;
	CREATE FUNCTION pg_temp.past(start bigint, amount bigint, OUT n bigint, OUT at timestamptz) RETURNS SETOF record LANGUAGE sql STABLE AS $$
		SELECT start + i, now() - interval '10 days' * (1 - i::float8 / amount) FROM generate_series(0, amount - 1) i
	$$`

// history returns the settings of a database with finished deliveries and no open
// ones. It is made once for all rounds.
func (b *bench) history(ctx context.Context) (store.Config, error) {
	if b.past == nil {
		config, err := b.createDatabase(ctx, emptyDatabase)
		if err != nil {
			return config, err
		}
		if err := b.fill(ctx, config); err != nil {
			return config, fmt.Errorf("make the history: %w", err)
		}
		b.past = &config
	}
	// The measure before may have left open deliveries.
	return *b.past, execute(ctx, *b.past,
		`DELETE FROM river_job WHERE state <> 'completed'`,
		`DELETE FROM deliveries WHERE status IN ('pending', 'failed')`,
		`VACUUM (ANALYZE)`, `CHECKPOINT`)
}

func (b *bench) fill(ctx context.Context, config store.Config) error {
	st, err := postgres.Open(ctx, config)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := migrate.Postgres(st.Pool()).Up(ctx); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, databaseURL(config))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	crowds := max(1, b.finished/(20*crowd))
	few := (b.finished - crowds*crowd) / fewPeople
	// One transaction, because the ids depend on now().
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, pastFunctions); err != nil {
			return err
		}
		for _, statement := range pastStatements {
			if _, err := tx.Exec(ctx, statement, 0, few, fewPeople); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, statement, few, crowds, crowd); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, pastCounts)
		return err
	})
}

// execute runs statements, each in a transaction of its own.
func execute(ctx context.Context, config store.Config, statements ...string) error {
	conn, err := pgx.Connect(ctx, databaseURL(config))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// acceptWithHistory is acceptOnly on the history.
func (b *bench) acceptWithHistory(ctx context.Context, record record) error {
	config, err := b.history(ctx)
	if err != nil {
		return err
	}
	rate, err := b.accept(ctx, setup{database: config}, 1, nil)
	record("history-accept", rate)
	return err
}

// drainWithHistory is drainBacklog on the history.
func (b *bench) drainWithHistory(ctx context.Context, record record) error {
	config, err := b.history(ctx)
	if err != nil {
		return err
	}
	d, err := b.drain(ctx, setup{database: config}, 1, b.backlog)
	record("history-drain", d.rate)
	return err
}

// latencyWithHistory is postToVendor on the history.
func (b *bench) latencyWithHistory(ctx context.Context, record record) error {
	config, err := b.history(ctx)
	if err != nil {
		return err
	}
	return b.timeArrivals(ctx, config, "history-latency", latencyRate, record)
}

// latencyInRetention is latencyWithHistory while the history, which is older than the retention, is deleted.
func (b *bench) latencyInRetention(ctx context.Context, record record) error {
	past, err := b.history(ctx)
	if err != nil {
		return err
	}
	config, err := b.copyOf(ctx, past.DBName)
	if err != nil {
		return err
	}
	r, err := b.startWithVendor(ctx, setup{database: config, days: 1})
	if err != nil {
		return err
	}
	defer r.close()
	whole, err := r.look.old(ctx)
	for before := whole; err == nil && before == whole; before, err = r.look.old(ctx) { // until it has begun
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	started := time.Now()
	if err := b.timeArrivalsAt(ctx, r, "retention-latency", latencyRate, record); err != nil {
		return err
	}
	took := time.Since(started)
	left, err := r.look.old(ctx)
	if err == nil && left == 0 {
		err = errors.New("all was deleted before the end")
	}
	record("retention", float64(whole-left)/took.Seconds())
	return err
}

// readWithHistory measures the time from the moment a read is due to its answer. It
// reads in turn a notification to few people, and a page of 100 deliveries of one to a
// crowd.
func (b *bench) readWithHistory(ctx context.Context, record record) error {
	config, err := b.history(ctx)
	if err != nil {
		return err
	}
	notifications, err := b.paths(ctx, config, `SELECT id, id FROM notifications WHERE total = $1 ORDER BY random() LIMIT $2`,
		fewPeople, "/api/v1/notifications/%[1]s")
	if err != nil {
		return err
	}
	pages, err := b.paths(ctx, config, `SELECT d.notification_id, d.id FROM deliveries d JOIN notifications n ON n.id = d.notification_id
		WHERE n.total = $1 ORDER BY random() LIMIT $2`, crowd, "/api/v1/notifications/%s/deliveries?limit=100&after=%s")
	if err != nil {
		return err
	}
	r, err := b.start(ctx, setup{database: config})
	if err != nil {
		return err
	}
	warm := len(pages) / 4 // connections, caches, plans
	took := [2][]float64{make([]float64, len(notifications)), make([]float64, len(pages))}
	err = openLoop(latencyRate, len(notifications)+len(pages), func(i int, due time.Time) error {
		err := r.call("GET", [2][]string{notifications, pages}[i%2][i/2], nil, 200)
		took[i%2][i/2] = milliseconds(time.Since(due))
		return err
	})
	if err != nil {
		return err
	}
	record("history-read-p99", percentile(took[0][warm:], 99))
	record("history-page-p99", percentile(took[1][warm:], 99))
	return r.stop()
}

// paths returns paths in the format, with the ids of notifications and deliveries that
// the query selects for notifications of the size.
func (b *bench) paths(ctx context.Context, config store.Config, query string, size int, format string) ([]string, error) {
	conn, err := pgx.Connect(ctx, databaseURL(config))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, query, size, b.latencies)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var notification, delivery uuid.UUID
		err := row.Scan(&notification, &delivery)
		return fmt.Sprintf(format, notification, delivery), err
	})
}
