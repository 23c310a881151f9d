package main

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/testdb"
)

func TestExitsAsTheCommandDoes(t *testing.T) {
	t.Setenv(testdb.EnvURL, "postgres://a.server.that.is.there")
	for script, want := range map[string]int{
		"exit 0": 0,
		"exit 7": 7,
		`test "$TEST_DATABASE_URL" = postgres://a.server.that.is.there`: 0,
		"kill -KILL $$": 137,
		// A signal to withpostgres is passed on.
		"kill -TERM $PPID; exec sleep 60": 143,
	} {
		code, err := run([]string{"sh", "-c", script})
		require.NoError(t, err, script)
		require.Equal(t, want, code, script)
	}
	_, err := run([]string{"/no/such/command"})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestStartsAndRemovesAServer(t *testing.T) {
	t.Setenv(testdb.EnvURL, "")
	out := filepath.Join(t.TempDir(), "url")
	code, err := run([]string{"sh", "-c", `printf %s "$TEST_DATABASE_URL" > ` + out + `; exit 3`})
	require.NoError(t, err)
	require.Equal(t, 3, code)

	text, err := os.ReadFile(out)
	require.NoError(t, err)
	u, err := url.Parse(string(text))
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", u.Hostname())
	_, err = net.DialTimeout("tcp", u.Host, time.Second)
	require.Error(t, err, "the server is gone")
}
