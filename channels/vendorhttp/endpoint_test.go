package vendorhttp_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels/vendorhttp"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ address, scheme, host string }{
		{"api.example.com", "https", "api.example.com"},
		{"api.example.com:8443", "https", "api.example.com:8443"},
		{"https://api.example.com/", "https", "api.example.com"},
		{"http://127.0.0.1:8080", "http", "127.0.0.1:8080"},
		{"http://[::1]:8080", "http", "[::1]:8080"},
	} {
		scheme, host, err := vendorhttp.Endpoint(tc.address)
		require.NoError(t, err, tc.address)
		require.Equal(t, [2]string{tc.scheme, tc.host}, [2]string{scheme, host})
	}
	for _, address := range []string{
		"", "/", ":443", "https://", "ftp://canary", "http://user:canary@host", "http://host:canary",
		"host/canary", "https://host/?canary=1", "https://host/#canary", "host canary",
	} {
		_, _, err := vendorhttp.Endpoint(address)
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "canary")
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.3.2.1": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "10.0.0.1": false, "::2": false, "localhost.example.com": false, "127.0.0.1.example.com": false,
	} {
		require.Equal(t, want, vendorhttp.Loopback(host), host)
	}
}
