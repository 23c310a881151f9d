package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
)

func TestMarked(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&pgconn.PgError{Code: "08006"}, &pgconn.PgError{Code: "53100"}, &pgconn.PgError{Code: "53300"},
		&pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "57P03"}, &pgconn.PgError{Code: "25006"},
		&pgconn.PgError{Code: "40P01"}, &pgconn.PgError{Severity: "FATAL", Code: "28P01"}, pgconn.ErrConnClosed, io.ErrUnexpectedEOF, &net.OpError{Op: "read", Err: io.EOF},
	} {
		require.ErrorIs(t, marked(fmt.Errorf("wrapped: %w", err)), store.ErrUnavailable, "%#v", err)
	}
	for _, err := range []error{
		&pgconn.PgError{Severity: "ERROR", Code: "23505"}, &pgconn.PgError{Code: "22021"}, &pgconn.PgError{}, errors.New("other"),
	} {
		require.NotErrorIs(t, marked(err), store.ErrUnavailable, "%#v", err)
	}
	for _, code := range []string{"26000", "42P05"} {
		err := marked(fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code}))
		require.ErrorContains(t, marked(err), "set database.pooling to transaction", code)
	}
	require.NoError(t, marked(nil))
}

// Every role returns ErrUnavailable when the server is gone.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), testdb.New(t))
	require.NoError(t, err)
	config := s.pool.Config()
	s.Close()
	config.ConnConfig.Port, config.MinConns = 1, 0 // nothing listens there
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	s, err = newStore(pool)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	_, err = s.Accept(t.Context(), func() []store.Acceptance { return nil })
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.Record(t.Context(), nil)
	require.ErrorIs(t, err, store.ErrUnavailable)
	_, err = s.Template(t.Context(), "x")
	require.ErrorIs(t, err, store.ErrUnavailable)
	require.ErrorIs(t, s.DeleteTemplate(t.Context(), "x", "app", store.AuditEntry{}), store.ErrUnavailable)
	require.ErrorIs(t, s.Ping(t.Context()), store.ErrUnavailable)
}

// Whatever the server refuses while connecting is for now, and ends when it ends.
func TestRefusedConnectionsAreUnavailable(t *testing.T) {
	t.Parallel()
	cluster, err := testdb.NewCluster(t.Context(), "fsync=off") // it checks passwords; the shared server may not
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Remove(context.Background())) })
	admin, err := Open(t.Context(), cluster.Config())
	require.NoError(t, err)
	t.Cleanup(admin.Close)
	run := func(statement string) {
		t.Helper()
		_, err := admin.pool.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	run(`CREATE ROLE notify LOGIN PASSWORD 'right'`)
	run(`CREATE DATABASE notify`)
	config := cluster.Config()
	config.User, config.Password, config.DBName, config.MaxIdleConns = "notify", "right", "notify", 0
	s, err := Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(s.Close)

	for _, c := range []struct{ code, refuse, allow string }{
		{"28P01", `ALTER ROLE notify PASSWORD 'other'`, `ALTER ROLE notify PASSWORD 'right'`},
		{"28000", `ALTER ROLE notify NOLOGIN`, `ALTER ROLE notify LOGIN`},
		{"42501", `REVOKE CONNECT ON DATABASE notify FROM PUBLIC`, `GRANT CONNECT ON DATABASE notify TO PUBLIC`},
		{"53300", `ALTER ROLE notify CONNECTION LIMIT 0`, `ALTER ROLE notify CONNECTION LIMIT -1`},
		{"55000", `ALTER DATABASE notify ALLOW_CONNECTIONS false`, `ALTER DATABASE notify ALLOW_CONNECTIONS true`},
		{"3D000", `DROP DATABASE notify WITH (FORCE)`, `CREATE DATABASE notify`},
	} {
		run(c.refuse)
		s.pool.Reset()
		err := s.Ping(t.Context())
		require.ErrorIs(t, err, store.ErrUnavailable)
		require.ErrorContains(t, err, c.code)
		_, err = s.Accept(t.Context(), func() []store.Acceptance { return nil })
		require.ErrorIs(t, err, store.ErrUnavailable, c.code)
		run(c.allow)
		require.NoError(t, s.pool.Ping(t.Context()), c.code)
	}
}

// What PostgreSQL and PgBouncer say when they take no more connections, or none yet.
func TestServersThatTakeNoConnectionsAreUnavailable(t *testing.T) {
	t.Parallel()
	for _, refusal := range []pgproto3.ErrorResponse{
		{Severity: "FATAL", Code: "57P03", Message: "the database system is starting up"},
		{Severity: "FATAL", Code: "53300", Message: "sorry, too many clients already"},
		{Severity: "FATAL", Code: "08P01", Message: "no more connections allowed (max_client_conn)"},
		{Severity: "FATAL", Code: "08P01", Message: "server login has been failing, cached error: password authentication failed (server_login_retry)"},
		{Severity: "FATAL", Code: "XX000", Message: "something else"},
	} {
		t.Run(refusal.Message, func(t *testing.T) {
			t.Parallel()
			address := refusing(t, refusal)
			_, err := Open(t.Context(), store.Config{
				Host: "127.0.0.1", Port: address.Port, User: "notify", DBName: "notify", SSLMode: "disable", MaxOpenConns: 1, ConnMaxLifetime: time.Minute,
			})
			require.ErrorIs(t, err, store.ErrUnavailable)
			require.ErrorContains(t, err, refusal.Message)
		})
	}
}

// refusing listens as a server that refuses every connection.
func refusing(t *testing.T, refusal pgproto3.ErrorResponse) *net.TCPAddr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	answer, err := refusal.Encode(nil)
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = pgproto3.NewBackend(conn, conn).ReceiveStartupMessage()
			_, _ = conn.Write(answer)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		limit.Receive(t, ended, "the listener to end")
	})
	return listener.Addr().(*net.TCPAddr)
}
