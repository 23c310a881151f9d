package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

func TestPoolConfigUsesOnlyItsSettings(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGAPPNAME", "PGTZ"} {
		t.Setenv(name, "leaked")
	}
	for name, value := range map[string]string{
		"PGPORT": "1", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/no/such/file", "PGSSLCERT": "/no/such/file",
		"PGSSLKEY": "/no/such/file", "PGPASSFILE": "/no/such/file", "PGCONNECT_TIMEOUT": "99",
		"PGTARGETSESSIONATTRS": "standby", "PGOPTIONS": "-c search_path=leaked", "PGCHANNELBINDING": "require",
		"PGREQUIREAUTH": "none", "PGSSLNEGOTIATION": "direct", "PGMINPROTOCOLVERSION": "3.2", "PGSSLSNI": "0",
	} {
		t.Setenv(name, value)
	}
	for _, c := range []struct{ host, user, password, dbname string }{
		{"db.example.com", "postgres", "", "sealos_notify"},
		{"127.0.0.1", "a user", `p ' " \ = & ? # % 密`, "a db with spaces"},
		{"::1", `o'brien\`, " ", "password=x dbname=y"},
		{"/var/run/my sockets/it's", "u", "p", "d"},
	} {
		config, err := poolConfig(store.Config{
			Host: c.host, Port: 5433, User: c.user, Password: c.password, DBName: c.dbname, SSLMode: "disable",
			MaxOpenConns: 25, MaxIdleConns: 5, ConnMaxLifetime: 5 * time.Minute,
		})
		require.NoError(t, err)
		conn := config.ConnConfig
		require.Equal(t, c.host, conn.Host)
		require.Equal(t, uint16(5433), conn.Port)
		require.Equal(t, c.user, conn.User)
		require.Equal(t, c.password, conn.Password)
		require.Equal(t, c.dbname, conn.Database)
		require.Equal(t, map[string]string{"application_name": "sealos-notify"}, conn.RuntimeParams)
		require.Equal(t, 5*time.Second, conn.ConnectTimeout)
		require.Equal(t, "prefer", conn.ChannelBinding)
		require.Empty(t, conn.RequireAuth)
		require.Equal(t, "3.0", conn.MinProtocolVersion)
		require.Nil(t, conn.TLSConfig)
		require.Empty(t, conn.Fallbacks)
		require.NotNil(t, conn.ValidateConnect)

		require.Equal(t, int32(26), config.MaxConns)
		require.Equal(t, int32(5), config.MinConns)
		require.Equal(t, 5*time.Minute, config.MaxConnLifetime)
	}
}

func TestPoolConfigSSLModes(t *testing.T) {
	t.Parallel()
	type side struct{ tls, verifiesChain, verifiesName bool }
	for mode, want := range map[string][]side{
		"disable":     {{}},
		"allow":       {{}, {tls: true}},
		"prefer":      {{tls: true}, {}},
		"require":     {{tls: true}},
		"verify-ca":   {{tls: true, verifiesChain: true}},
		"verify-full": {{tls: true, verifiesChain: true, verifiesName: true}},
	} {
		config, err := poolConfig(store.Config{Host: "db.example.com", Port: 5432, SSLMode: mode, MaxOpenConns: 1})
		require.NoError(t, err, mode)
		conn := config.ConnConfig
		var got []side
		for i := range 1 + len(conn.Fallbacks) {
			tls := conn.TLSConfig
			if i > 0 {
				tls = conn.Fallbacks[i-1].TLSConfig
			}
			if tls == nil {
				got = append(got, side{})
				continue
			}
			got = append(got, side{
				tls:           true,
				verifiesChain: !tls.InsecureSkipVerify || tls.VerifyPeerCertificate != nil,
				verifiesName:  !tls.InsecureSkipVerify && tls.ServerName == "db.example.com",
			})
		}
		require.Equal(t, want, got, mode)
	}
	_, err := poolConfig(store.Config{Host: "db", Port: 5432, SSLMode: "on' host='evil", MaxOpenConns: 1})
	require.ErrorContains(t, err, "sslmode is invalid")
}

// No statement is compiled, however long PostgreSQL takes it for.
func TestStatementsAreNotCompiled(t *testing.T) {
	t.Parallel()
	s := opened(t)
	rows, err := s.pool.Query(t.Context(), `EXPLAIN ANALYZE SELECT count(*) FROM generate_series(1, 100) a, generate_series(1, 100) b
		WHERE (a + b) % 7 > 0 AND a > (SELECT count(*) FROM pg_class x, pg_class y, pg_class z LIMIT 0)`)
	require.NoError(t, err)
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Contains(t, strings.Join(plan, "\n"), "cost=")
	require.NotContains(t, strings.Join(plan, "\n"), "JIT")
}
