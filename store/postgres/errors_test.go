package postgres

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
)

func TestMarked(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&pgconn.PgError{Code: "08006"}, &pgconn.PgError{Code: "53100"}, &pgconn.PgError{Code: "53300"},
		&pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "57P03"}, &pgconn.PgError{Code: "25006"},
		&pgconn.PgError{Code: "40P01"}, io.ErrUnexpectedEOF, &net.OpError{Op: "read", Err: io.EOF},
	} {
		require.ErrorIs(t, marked(fmt.Errorf("wrapped: %w", err)), store.ErrUnavailable, "%#v", err)
	}
	for _, err := range []error{
		&pgconn.PgError{Code: "23505"}, &pgconn.PgError{Code: "22021"}, &pgconn.PgError{}, errors.New("other"),
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
