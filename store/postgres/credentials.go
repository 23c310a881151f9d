package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/labring/sealos-notify/store"
)

// credentials are the password and the certificates of new connections.
type credentials struct {
	latest atomic.Pointer[pgx.ConnConfig]
}

// followCredentials makes the pool's new connections use what the credentials are then.
func followCredentials(config *pgxpool.Config) *credentials {
	c := &credentials{}
	c.latest.Store(config.ConnConfig)
	config.BeforeConnect = func(_ context.Context, conn *pgx.ConnConfig) error {
		latest := c.latest.Load()
		conn.Password, conn.TLSConfig, conn.Fallbacks = latest.Password, latest.TLSConfig, latest.Fallbacks
		return nil
	}
	return c
}

// SetCredentials sets the password and the certificates of new connections. Open ones stay.
func (s *Store) SetCredentials(c store.Config) error {
	config, err := poolConfig(c)
	if err != nil {
		return err
	}
	s.credentials.latest.Store(config.ConnConfig)
	return nil
}

// setCertificates adds the certificates to the TLS settings that pgx has made.
func setCertificates(conn *pgconn.Config, pem store.PEM) error {
	var roots *x509.CertPool // nil: the system's
	if pem.RootCert != nil {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem.RootCert) {
			return errors.New("database.sslRootCert has no certificate (PEM)")
		}
	}
	var ours []tls.Certificate
	if pem.Cert != nil {
		one, err := tls.X509KeyPair(pem.Cert, pem.Key)
		if err != nil {
			return fmt.Errorf("database.sslCert and sslKey: %w", err)
		}
		ours = []tls.Certificate{one}
	}
	settings := []*tls.Config{conn.TLSConfig}
	for _, fallback := range conn.Fallbacks {
		settings = append(settings, fallback.TLSConfig)
	}
	for _, s := range settings {
		if s != nil { // nil connects without TLS
			s.RootCAs, s.Certificates = roots, ours
		}
	}
	return nil
}

// sslMode returns the mode for pgx. As in libpq, require with a root certificate is verify-ca.
func sslMode(c store.Config) string {
	if c.SSLMode == "require" && c.PEM.RootCert != nil {
		return "verify-ca"
	}
	return c.SSLMode
}
