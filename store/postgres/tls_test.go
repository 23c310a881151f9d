package postgres_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
	"github.com/labring/sealos-notify/store/postgres"
)

func newTLSCluster(t *testing.T) *testdb.TLSCluster {
	t.Helper()
	cluster, err := testdb.NewTLSCluster(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Remove(context.Background())) })
	return cluster
}

// A server with a private CA: the modes check of its certificate what libpq's check.
func TestPrivateCA(t *testing.T) {
	t.Parallel()
	cluster := newTLSCluster(t)
	const byAnother, forAnother, noTLS = "certificate signed by unknown authority", "certificate is not valid for any names", "no pg_hba.conf entry"
	for name, c := range map[string]struct{ mode, host, ca, want string }{
		"verify-full":                    {"verify-full", "127.0.0.1", cluster.CA, ""},
		"verify-full of another name":    {"verify-full", "localhost", cluster.CA, forAnother},
		"verify-full by another CA":      {"verify-full", "127.0.0.1", cluster.Other, byAnother},
		"verify-full by the system's CA": {"verify-full", "127.0.0.1", "", byAnother},
		"verify-ca of another name":      {"verify-ca", "localhost", cluster.CA, ""},
		"verify-ca by another CA":        {"verify-ca", "127.0.0.1", cluster.Other, byAnother},
		"require":                        {"require", "127.0.0.1", "", ""},
		"require by another CA":          {"require", "127.0.0.1", cluster.Other, byAnother},
		"several CAs":                    {"verify-full", "127.0.0.1", cluster.Other + cluster.CA, ""},
		"no TLS":                         {"disable", "127.0.0.1", "", noTLS},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := cluster.Config()
			config.Host, config.SSLMode = c.host, c.mode
			if c.ca != "" {
				config.PEM.RootCert = []byte(c.ca)
			}
			s, err := postgres.Open(t.Context(), config)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			s.Close()
		})
	}
}

// A certificate logs in instead of a password. Both can be replaced while the service runs.
func TestCredentialsOfTheDatabaseAreReplaced(t *testing.T) {
	t.Parallel()
	cluster := newTLSCluster(t)
	ctx := limit.Context(t)
	admin := cluster.Config()
	admin.SSLMode, admin.PEM.RootCert = "verify-full", []byte(cluster.CA)
	s, err := postgres.Open(ctx, admin)
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Pool().Exec(ctx, "CREATE ROLE "+testdb.Certified+" LOGIN")
	require.NoError(t, err)

	certified := admin
	certified.User, certified.Password = testdb.Certified, ""
	_, err = postgres.Open(ctx, certified)
	require.ErrorContains(t, err, "connection requires a valid client certificate")
	certified.PEM = cluster.Ours
	other, err := postgres.Open(ctx, certified)
	require.NoError(t, err)
	defer other.Close()

	connects := func(s *postgres.Store) error {
		s.Pool().Reset() // closes what is idle
		return s.Pool().Ping(ctx)
	}
	_, err = s.Pool().Exec(ctx, "ALTER ROLE postgres PASSWORD 'the next one'")
	require.NoError(t, err)
	require.ErrorContains(t, connects(s), "password authentication failed")
	admin.Password = "the next one"
	require.NoError(t, s.SetCredentials(admin))
	require.NoError(t, connects(s))

	certified.PEM.RootCert = []byte(cluster.Other)
	require.NoError(t, other.SetCredentials(certified))
	require.ErrorContains(t, connects(other), "certificate signed by unknown authority")
	certified.PEM.RootCert = append(certified.PEM.RootCert, cluster.CA...)
	require.NoError(t, other.SetCredentials(certified))
	require.NoError(t, connects(other))

	broken := certified
	broken.PEM = store.PEM{RootCert: []byte("none")}
	require.ErrorContains(t, other.SetCredentials(broken), "database.sslRootCert has no certificate (PEM)")
	require.NoError(t, connects(other), "what was refused changes nothing")
}
