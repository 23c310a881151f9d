package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/testdb"
)

// A look for due jobs reads the index alone, however many jobs wait.
func TestDueQueuesReadsOneEntryOfTheIndex(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), testdb.New(t))
	require.NoError(t, err)
	t.Cleanup(s.Close)
	for _, statement := range []string{
		`INSERT INTO river_job (state, queue, priority, scheduled_at, kind, args, max_attempts)
			SELECT 'available', 'sms|aliyun|' || i % 20, 2, now() - i * interval '1 ms', 'deliver', '{}', 4 FROM generate_series(1, 20000) i`,
		`INSERT INTO river_job (state, queue, priority, scheduled_at, kind, args, max_attempts)
			SELECT 'scheduled', 'email|smtp|' || i % 20, 2, now() + interval '1 day', 'deliver', '{}', 4 FROM generate_series(1, 20000) i`,
		`ANALYZE river_job`,
	} {
		_, err := s.pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
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
