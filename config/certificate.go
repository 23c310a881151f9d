package config

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
)

// validateCertificates reads the certificates for the connection to PostgreSQL.
func (r *reader) validateCertificates() {
	d := &r.cfg.Database
	if d.SSLRootCert != "" && !slices.Contains([]string{"require", "verify-ca", "verify-full"}, d.SSLMode) {
		r.problem("database.sslRootCert", "needs sslMode verify-full, verify-ca or require: otherwise the server's certificate is not checked")
	}
	if d.SSLCert != "" && d.SSLMode == "disable" {
		r.problem("database.sslCert", "needs another sslMode than disable")
	}
	if (d.SSLCert == "") != (d.SSLKey == "") {
		r.problem("database.sslKey", "sslCert and sslKey need each other")
	}
	d.PEM.RootCert = r.pem("database.sslRootCert", d.SSLRootCert)
	d.PEM.Cert = r.pem("database.sslCert", d.SSLCert)
	d.PEM.Key = r.pem("database.sslKey", d.SSLKey)
	if root := d.PEM.RootCert; root != nil && !x509.NewCertPool().AppendCertsFromPEM(root) {
		r.problem("database.sslRootCert", "has no certificate (PEM)")
	}
	if d.PEM.Cert != nil && d.PEM.Key != nil {
		if _, err := tls.X509KeyPair(d.PEM.Cert, d.PEM.Key); err != nil {
			r.problem("database.sslCert", "is not usable with sslKey: %w", err)
		}
	}
}

// pem returns the content of a file; nil when there is none.
func (r *reader) pem(key, path string) []byte {
	if path == "" {
		return nil
	}
	content, err := r.file(path)
	if err != nil {
		r.problem(key, "%w", err)
	}
	return content
}
