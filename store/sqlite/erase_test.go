package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/migrate"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/sqlread"
)

// The messages that mention a recipient are looked up, however many mention others.
func TestMentionsAreFoundByAnIndex(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "notify.db"), MaxOpenConns: 1})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	require.NoError(t, migrate.SQLite(s.DB()).Up(t.Context()))
	plan, err := query(t.Context(), s.read, func(row sqlread.Row) (step string, err error) {
		var id, parent, unused int
		err = row.Scan(&id, &parent, &unused, &step)
		return step, err
	}, "EXPLAIN QUERY PLAN "+eraseMentions, store.ErasedText, "feishu_user_id", "ou_alice", 10)
	require.NoError(t, err)
	steps := strings.Join(plan, "\n")
	require.Contains(t, steps, "SEARCH messages USING")
	require.Contains(t, steps, "SEARCH mentioned_recipients USING PRIMARY KEY (value=? AND type=?)")
	require.NotContains(t, steps, "SCAN m")
}
