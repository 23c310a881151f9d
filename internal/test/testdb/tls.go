package testdb

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

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
	authority, err := newAuthority()
	if err != nil {
		return nil, err
	}
	other, err := newAuthority()
	if err != nil {
		return nil, err
	}
	cert, key, err := authority.issue(Certified)
	if err != nil {
		return nil, err
	}
	cluster, err := newCluster(ctx, authority.install, "fsync=off", "ssl=on", "ssl_cert_file=server.crt", "ssl_key_file=server.key", "ssl_ca_file=ca.crt")
	if err != nil {
		return nil, err
	}
	return &TLSCluster{
		Cluster: cluster, CA: string(authority.pem), Other: string(other.pem),
		Ours: store.PEM{RootCert: authority.pem, Cert: cert, Key: key},
	}, nil
}

// install puts the server's files into its data folder.
func (a *authority) install(c *Cluster) error {
	cert, key, err := a.issue("127.0.0.1")
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"server.crt": cert, "server.key": key, "ca.crt": a.pem,
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

// authority is a private CA.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &authority{key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "private CA " + rand.Text()},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, key.Public(), key)
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a, err
}

// issue returns a certificate for an IP address or a user, and its key.
func (a *authority) issue(name string) (cert, key []byte, err error) {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, pair.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(pair)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), err
}
