package mailservers

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/privateca"
)

// certificate is a server's certificate, in files, and the private CA that signed it.
type certificate struct {
	certFile, keyFile string
	ca                string // PEM
}

// newCertificate returns a certificate for Host by a new CA.
func newCertificate(t testing.TB) certificate {
	t.Helper()
	authority, err := privateca.New()
	require.NoError(t, err)
	cert, key, err := authority.Issue(Host)
	require.NoError(t, err)
	return certificate{
		certFile: write(t, "cert.pem", string(cert)), keyFile: write(t, "key.pem", string(key)), ca: string(authority.PEM),
	}
}

// write writes a file into a temporary folder and returns its path.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
