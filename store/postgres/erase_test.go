package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

// An unmatched address is looked up, however many notifications have others.
func TestUnmatchedAddressesAreFoundByAnIndex(t *testing.T) {
	t.Parallel()
	s := opened(t)
	_, err := s.pool.Exec(t.Context(), `
		INSERT INTO notifications (id, app_id, idempotency_key, request_hash, unmatched, total, created_at, updated_at, priority, test)
		SELECT gen_random_uuid(), 'app', i::text, '', jsonb_build_array(jsonb_build_object('type', 'phone', 'value', (i % 100)::text)),
			1, now(), now(), 'normal', false FROM generate_series(1, 5000) i`)
	require.NoError(t, err)
	rows, err := s.pool.Query(t.Context(), "EXPLAIN "+lockUnmatchedOf, pgx.QueryExecModeExec, store.ErasedText, "phone", "7", 10)
	require.NoError(t, err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, strings.Join(plan, "\n"), "using unmatched_recipients_pkey")
	require.NotContains(t, strings.Join(plan, "\n"), "Seq Scan")

	n, err := s.EraseUnmatched(t.Context(), store.Erasure{Recipient: store.Recipient{Type: "phone", Value: "7"}, Limit: 100})
	require.NoError(t, err)
	require.Equal(t, 50, n)
}

// The messages that mention a recipient are looked up, however many mention others.
func TestMentionsAreFoundByAnIndex(t *testing.T) {
	t.Parallel()
	s := opened(t)
	_, err := s.pool.Exec(t.Context(), `
		INSERT INTO messages (id, notification_id, channel, template_name, template_version, msg_type, subject, body, template_code, mention)
		SELECT gen_random_uuid(), gen_random_uuid(), 'feishu_webhook', '', 0, 'text', '', 'text', '',
			jsonb_build_array(jsonb_build_object('type', 'feishu_user_id', 'value', (i % 100)::text)) FROM generate_series(1, 5000) i`)
	require.NoError(t, err)
	rows, err := s.pool.Query(t.Context(), "EXPLAIN "+eraseMentions, pgx.QueryExecModeExec, store.ErasedText, "feishu_user_id", "7", 10)
	require.NoError(t, err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, index := range []string{"mentioned_recipients_pkey", "messages_pkey"} {
		require.Contains(t, strings.Join(plan, "\n"), index)
	}
	require.NotContains(t, strings.Join(plan, "\n"), "Seq Scan")

	n, err := s.EraseMentions(t.Context(), store.Erasure{Recipient: store.Recipient{Type: "feishu_user_id", Value: "7"}, Limit: 30})
	require.NoError(t, err)
	require.Equal(t, 30, n)
}
