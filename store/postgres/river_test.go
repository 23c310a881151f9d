package postgres

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

// A look for due jobs reads the index alone, however many jobs wait.
func TestDueQueuesReadsOneEntryOfTheIndex(t *testing.T) {
	t.Parallel()
	s := opened(t,
		`INSERT INTO river_job (state, queue, priority, scheduled_at, kind, args, max_attempts)
			SELECT 'available', 'sms|aliyun|' || i % 20, 2, now() - i * interval '1 ms', 'deliver', '{}', 4 FROM generate_series(1, 20000) i`,
		`INSERT INTO river_job (state, queue, priority, scheduled_at, kind, args, max_attempts)
			SELECT 'scheduled', 'email|smtp|' || i % 20, 2, now() + interval '1 day', 'deliver', '{}', 4 FROM generate_series(1, 20000) i`,
		`ANALYZE river_job`,
	)
	for _, statement := range []string{dueQueues, busyLines} {
		rows, err := s.pool.Query(t.Context(), "EXPLAIN (ANALYZE, FORMAT TEXT) "+statement, pgx.QueryExecModeExec, []string{"email", "sms", "voice"})
		require.NoError(t, err)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.Contains(t, strings.Join(plan, "\n"), "Index Only Scan using river_job_prioritized_fetching_index")
		require.NotContains(t, strings.Join(plan, "\n"), "Seq Scan")
		require.NotRegexp(t, `actual time=\S+ rows=\d{4}`, strings.Join(plan, "\n"))
	}

	due, err := s.AnnounceDue(t.Context(), []string{"email", "sms", "voice"})
	require.NoError(t, err)
	require.Len(t, due, 20, "the lines of sms")
}

// A fetch of River's reads the jobs that it takes, however many wait: with a plan for a number of jobs that is not known
// it would read all of them.
func TestFetchReadsWhatItTakes(t *testing.T) {
	t.Parallel()
	s := opened(t,
		`INSERT INTO river_job (state, queue, priority, scheduled_at, kind, args, max_attempts)
			SELECT 'available', 'email|app', 2, now(), 'deliver', '{}', 4 FROM generate_series(1, 50000)`,
		`ANALYZE river_job`,
	)
	require.NoError(t, pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
		const fetches, each = 8, 50 // PostgreSQL looks whether one plan does for all after five
		fetch := riverpgxv5.New(s.pool).UnwrapExecutor(tx)
		for range fetches {
			got, err := fetch.JobGetAvailable(t.Context(), &riverdriver.JobGetAvailableParams{
				ClientID: "replica", MaxAttemptedBy: 100, MaxToLock: each, Queue: "email|app",
			})
			require.NoError(t, err)
			require.Len(t, got.Jobs, each)
		}
		var read int
		require.NoError(t, tx.QueryRow(t.Context(), `SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables
			WHERE relname = 'river_job'`).Scan(&read))
		require.Less(t, read, 50*fetches*each)
		return nil
	}))
}

// The jobs that a statement inserts for events are those that River's own call inserts.
func TestEventJobsAreAsRiverInserts(t *testing.T) {
	t.Parallel()
	s := opened(t)
	e := store.Endpoint{ID: uuid.Must(uuid.NewV7()), AppID: "app", Secret: []byte("s"), CreatedAt: store.Now(), UpdatedAt: store.Now()}
	require.NoError(t, s.CreateEndpoint(t.Context(), e, store.AuditEntry{Action: store.AuditEndpointCreate}))
	var args store.EventArgs
	require.NoError(t, pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
		var queries pgx.Batch
		writeEvents(&queries, []store.Event{{AppID: "app", Type: store.EventDeliveryDead, At: store.Now(), NotificationID: e.ID}})
		if err := tx.SendBatch(t.Context(), &queries).Close(); err != nil {
			return err
		}
		args.EndpointID = e.ID
		if err := tx.QueryRow(t.Context(), `SELECT id FROM events`).Scan(&args.EventID); err != nil {
			return err
		}
		_, err := s.river.InsertTx(t.Context(), tx, args, &river.InsertOpts{Queue: e.Line(), MaxAttempts: store.EventAttempts})
		return err
	}))
	rows, err := s.pool.Query(t.Context(), `SELECT (to_jsonb(j) - 'id' - 'created_at' - 'scheduled_at')::text FROM river_job j`)
	require.NoError(t, err)
	jobs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Len(t, jobs, 2)
	require.JSONEq(t, jobs[1], jobs[0])
}
