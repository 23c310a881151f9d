package postgres

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Whether a delivery is superseded is looked up, however many deliveries there are.
func TestSupersededIsLookedUp(t *testing.T) {
	t.Parallel()
	s := opened(t)
	_, err := s.pool.Exec(t.Context(), `
		INSERT INTO deliveries (id, notification_id, message_id, job_id, channel, provider, template_name, template_version, recipient_type,
			recipient_value, max_retry, created_at, updated_at, thread_id, thread_seq)
		SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), i, 'sms', '', '', 0, 'phone', (i % 100)::text, 3, now(), now(),
			CASE WHEN i % 2 = 0 THEN gen_random_uuid() END, i FROM generate_series(1, 10000) i`)
	require.NoError(t, err)
	rows, err := s.pool.Query(t.Context(), "EXPLAIN SELECT d.id FROM deliveries d WHERE d.id = ANY ($1::uuid[]) AND "+s.Superseded(),
		pgx.QueryExecModeExec, []string{uuid.NewString(), uuid.NewString()})
	require.NoError(t, err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, index := range []string{"deliveries_pkey", "deliveries_thread", "thread_messages_pkey"} {
		require.Contains(t, strings.Join(plan, "\n"), index)
	}
}
