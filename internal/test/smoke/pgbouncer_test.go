package smoke

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/store"
)

// behind points the world's program at its database through the pooler. more are keys of the
// section.
func behind(w *harness.World, b *testdb.Bouncer, more string) {
	db := b.Config()
	w.Configure(map[string]string{
		"database":   fmt.Sprintf(`{host: %q, port: %d, user: %q, dbname: %q%s}`, db.Host, db.Port, db.User, db.DBName, more),
		"dispatcher": `{leaseTimeout: 20s}`, // with the default interval
	})
}

// Everything works behind PgBouncer, in session mode as by default and in transaction mode with
// one setting: migrations, sends, what is due later, a replica that is killed, and a pooler
// that is.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	for mode, more := range map[string]string{"session": `, maxOpenConns: 15`, "transaction": `, pooling: transaction`} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t, testdb.Empty(t))
			bouncer := testdb.NewBouncer(t, w.DB, mode)
			behind(w, bouncer, more)
			killed := w.Start()
			killed.Template()
			begin := time.Now()
			killed.Until(killed.Send("soon", 1), "success")
			require.Less(t, time.Since(begin), 8*time.Second, "a send does not wait for the fallback poll of ten")
			due := time.Now().Add(3 * time.Second)
			sendAt(killed, "later", due)
			time.Sleep(time.Until(due.Add(latest)))
			require.Len(t, w.Vendors.Feishu.Inbox().Arrivals(), 2, "what is due later starts in time")

			hang := w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, Hang: true, After: true})
			id := killed.Send("crowd", 50)
			limit.Count(t, hang, 1, "hanging sends")
			killed.Kill()
			hang.Lift()
			w.EndLeases()
			requireNoLock(t, w.Pool())
			r := w.Start()
			bouncer.Kill()
			bouncer.Start()
			require.Eventually(t, func() bool {
				return r.Call(harness.AppID, harness.AppSecret, http.MethodGet, "/readyz", nil).Status == http.StatusOK
			}, limit.Wait, harness.Tick)
			harness.RequireOnceEach(t, w, harness.IDs(r.Until(id, "success")))
			require.Zero(t, r.Terminate())
			requireNoLock(t, w.Pool())
		})
	}
}

// requireNoLock fails when the lock of the migrations was left on a connection.
func requireNoLock(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	require.Eventually(t, func() bool {
		var locks int
		err := pool.QueryRow(context.Background(), `SELECT count(*) FROM pg_locks
			WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&locks)
		return err == nil && locks == 0
	}, limit.Wait, harness.Tick, "a lock stays on a connection")
}

// A pooler in transaction mode that nobody told of is refused with the name of the setting,
// before anything is written.
func TestTransactionPoolerNeedsTheSetting(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t, testdb.Empty(t))
	behind(w, testdb.NewBouncer(t, w.DB, "transaction"), "")
	out, err := w.Program("-c", "config.yaml").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "set database.pooling to transaction")
	require.NotContains(t, string(out), "prepared statement")
	requireNoLock(t, w.Pool())
}

// A replica of the default size beside PgBouncer's default pool of 20 says at its start that
// places are missing. So does one whose role or database has too few.
func TestStartSaysThatConnectionsAreMissing(t *testing.T) {
	t.Parallel()
	const message = "there are fewer connections than this replica may need: requests that find none wait and get 503; " +
		"lower database.maxOpenConns, or raise the limit of the server or the pooler"
	t.Run("pooler", func(t *testing.T) {
		t.Parallel()
		w := harness.NewWorld(t, testdb.New(t))
		behind(w, testdb.NewBouncer(t, w.DB, store.PoolingSession), "")
		r := w.Start()
		line := r.Await(message)
		require.EqualValues(t, 26, line["wanted"])
		require.EqualValues(t, 20, line["found"])
		r.Template()
		r.Until(r.Send("k", 30), "success")
	})
	t.Run("database", func(t *testing.T) {
		t.Parallel()
		w := harness.NewPostgres(t)
		_, err := w.Pool().Exec(limit.Context(t), fmt.Sprintf("ALTER DATABASE %q CONNECTION LIMIT 10", w.DB.DBName))
		require.NoError(t, err)
		line := w.Start().Await(message)
		require.EqualValues(t, 11, line["wanted"])
		require.LessOrEqual(t, line["found"], 9.0, "the test has a connection, too")
	})
	t.Run("enough", func(t *testing.T) {
		t.Parallel()
		w := harness.NewWorld(t, testdb.New(t))
		behind(w, testdb.NewBouncer(t, w.DB, store.PoolingSession, "default_pool_size = 30"), "") // a start uses four more for a moment
		r := w.Start()
		r.Template()
		require.NotContains(t, r.Log.String(), message)
	})
}
