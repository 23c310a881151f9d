package smoke

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// The connection to the database is cut when a job was given out, before the replica hears of
// it. The replica gives the job back by itself, long before the lease of five minutes ends, and
// no attempt is spent.
func TestJobThatDidNotArriveIsGivenBack(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	cut := &cutter{t: t, to: net.JoinHostPort(w.DB.Host, strconv.Itoa(w.DB.Port))}
	port := cut.listen()
	w.Configure(map[string]string{
		"database":   fmt.Sprintf(`{host: 127.0.0.1, port: %d, user: %q, password: %q, dbname: %q}`, port, w.DB.User, w.DB.Password, w.DB.DBName),
		"dispatcher": `{}`,
	})
	r := w.Start()
	r.Template()
	r.Until(r.Send("before", 1), "success")
	cut.armed.Store(true)
	begin := time.Now()
	id := r.Send("k", 1)
	r.Await("jobs that were given out and did not arrive are given back")
	require.False(t, cut.armed.Load())
	tasks := r.Until(id, "success")
	require.Less(t, time.Since(begin), 30*time.Second)
	harness.RequireOnceEach(t, w, harness.IDs(tasks))
	var attempts int
	require.NoError(t, w.Pool().QueryRow(limit.Context(t), `SELECT attempts FROM deliveries WHERE id = $1`, tasks[0].ID).Scan(&attempts))
	require.Equal(t, 1, attempts)
}

// cutter is a proxy in front of a database. When it is armed, it cuts the next connection whose
// answer is a job that was given out, instead of passing the answer on.
type cutter struct {
	t     *testing.T
	to    string
	armed atomic.Bool
}

// listen starts the proxy and returns its port.
func (c *cutter) listen() int {
	c.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.DialTimeout("tcp", c.to, limit.Wait)
			if err != nil {
				_ = client.Close()
				continue
			}
			go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
			go func() { _, _ = io.Copy(answers{client, c}, server); _ = client.Close(); _ = server.Close() }()
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// answers passes the database's answers on to a client.
type answers struct {
	io.Writer
	cut *cutter
}

// Write implements io.Writer.
func (a answers) Write(b []byte) (int, error) {
	isGivenOut := bytes.Contains(b, []byte(`"deliveryId"`)) && bytes.Contains(b, []byte("running"))
	if isGivenOut && a.cut.armed.CompareAndSwap(true, false) {
		return 0, net.ErrClosed
	}
	return a.Writer.Write(b)
}
