package smoke

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// A version that is rolled back works on a schema with newer migrations.
func TestOlderVersionOnANewerSchema(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	r := w.Start()
	r.Template()
	r.Until(r.Send("before", 1), "success")
	require.Zero(t, r.Terminate())
	pool := w.Pool()
	for _, newer := range []string{
		`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`,
		`INSERT INTO river_migration (line, version) SELECT 'main', max(version) + 1 FROM river_migration`,
		`ALTER TABLE notifications ADD COLUMN added_later text`,
		`ALTER TABLE deliveries ADD COLUMN added_later text NOT NULL DEFAULT 'x'`,
	} {
		_, err := pool.Exec(limit.Context(t), newer)
		require.NoError(t, err)
	}

	r = w.Start()
	r.Until(r.Send("after", 1), "success")
	status, err := w.Program("migrate", "status").CombinedOutput()
	require.NoError(t, err, "%s", status)
	require.NotContains(t, string(status), "not applied")
}

// A dump that was taken while the service ran is complete when it is restored as the
// page says. Nothing is sent from it until the operator starts the dispatcher.
func TestBackup(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	r := w.Start()
	r.Template()
	arrived := r.Send("arrived", 3)
	r.Until(arrived, "success")
	require.Zero(t, r.Terminate())
	r = w.StartWith([]string{"DISPATCHER_ENABLED=false"})
	waiting := r.Send("waiting", 2)

	blocks := shellBlocksOf(t, "docs/upgrading.md", "## Backups")
	require.Len(t, blocks, 2)
	restored := ownName(w)
	postgres(t, w, strings.ReplaceAll(blocks[0], " sealos_notify\n", " "+w.DB.DBName+"\n"))
	postgres(t, w, strings.NewReplacer("--owner sealos_notify", "--owner "+w.DB.User, "--role=sealos_notify", "--role="+w.DB.User,
		"sealos_notify", restored).Replace(blocks[1]))
	t.Cleanup(func() { postgres(t, w, "dropdb --force "+restored) })
	require.Zero(t, r.Terminate())

	onRestored := []string{"DATABASE_DBNAME=" + restored}
	idle := w.StartWith(append(onRestored, "DISPATCHER_ENABLED=false"))
	status, tasks := idle.Show(arrived)
	require.Equal(t, "success", status)
	require.Len(t, tasks, 3)
	jobs := idle.Jobs("available")
	require.Len(t, jobs, 2)
	a := idle.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications", harness.Notification("arrived", 3))
	require.Equal(t, arrived, a.Body["notificationId"], "keys are remembered")
	require.Equal(t, 3, w.Vendors.Feishu.Inbox().Total())

	idle.RiverUI("/riverui/api/jobs/cancel", jobs[0])
	w.StartWith(onRestored).Until(waiting, "cancelled")
	require.Equal(t, 4, w.Vendors.Feishu.Inbox().Total(), "the other one was sent")
}
