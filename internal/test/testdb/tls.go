package testdb

import (
	"context"
	"os"
	"path/filepath"

	"github.com/labring/sealos-notify/internal/test/privateca"
	"github.com/labring/sealos-notify/store"
)

// TLSCluster is a Cluster that takes TLS only. Its certificate is for 127.0.0.1, not for
// localhost, by a private CA. The user Certified logs in by a certificate of that CA.
type TLSCluster struct {
	*Cluster
	CA    string    // PEM
	Other string    // PEM of another CA
	Ours  store.PEM // of Certified, with the CA
}

// Certified is the user of a TLSCluster that has no password.
const Certified = "certified"

// NewTLSCluster starts a private server that takes TLS only. The caller calls Remove at
// the end.
func NewTLSCluster(ctx context.Context) (*TLSCluster, error) {
	authority, err := privateca.New()
	if err != nil {
		return nil, err
	}
	other, err := privateca.New()
	if err != nil {
		return nil, err
	}
	cert, key, err := authority.Issue(Certified)
	if err != nil {
		return nil, err
	}
	cluster, err := newCluster(ctx, func(c *Cluster) error { return install(c, authority) }, "fsync=off", "ssl=on", "ssl_cert_file=server.crt", "ssl_key_file=server.key", "ssl_ca_file=ca.crt")
	if err != nil {
		return nil, err
	}
	return &TLSCluster{
		Cluster: cluster, CA: string(authority.PEM), Other: string(other.PEM),
		Ours: store.PEM{RootCert: authority.PEM, Cert: cert, Key: key},
	}, nil
}

// install puts the server's files into its data folder.
func install(c *Cluster, authority *privateca.Authority) error {
	cert, key, err := authority.Issue("127.0.0.1")
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"server.crt": cert, "server.key": key, "ca.crt": authority.PEM,
		"pg_hba.conf": []byte("hostssl all " + Certified + " all cert\nhostssl all all all scram-sha-256\n"),
	} {
		path := filepath.Join(c.data(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
		if c.account != nil {
			if err := os.Chown(path, int(c.account.Uid), int(c.account.Gid)); err != nil {
				return err
			}
		}
	}
	return nil
}
