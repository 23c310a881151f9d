package telemetry_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/internal/telemetry"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// The port of metrics has few connections, so that it cannot take the files of the process.
func TestConnectionsForMetricsAreBounded(t *testing.T) {
	t.Parallel()
	s, err := telemetry.ServeMetrics(t.Context(), "127.0.0.1:0", telemetry.NewRegistry(), zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(s.Close)
	dial := func() net.Conn {
		conn, err := net.DialTimeout("tcp", s.Address().String(), limit.Wait)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(limit.Wait)))
		_, err = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
		require.NoError(t, err)
		return conn
	}
	var busy []net.Conn
	for range 64 {
		conn := dial()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		busy = append(busy, conn)
	}
	waiting := dial()
	require.NoError(t, waiting.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err = waiting.Read(make([]byte, 1))
	require.ErrorContains(t, err, "timeout")
	require.NoError(t, busy[0].Close())
	require.NoError(t, waiting.SetReadDeadline(time.Now().Add(limit.Wait)))
	_, err = waiting.Read(make([]byte, 1))
	require.NoError(t, err)
	for _, conn := range busy[1:] {
		require.NoError(t, conn.Close())
	}
	require.NoError(t, waiting.Close())
}
