package torture

import (
	"bytes"
	"encoding/json"
	"sync/atomic"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// link is a network connection between the service and something else, which can
// be made a bad one.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// newLink makes a link to the address (host:port). It ends with the test.
func newLink(t *testing.T, upstream string) *link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{t: t, proxy: toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", upstream)}
	require.NoError(t, l.proxy.Start())
	t.Cleanup(l.proxy.Stop)
	return l
}

// address is the service's end of the link, as host:port.
func (l *link) address() string { return l.proxy.Listen }

// spoil gives the answers that come over the link a toxic.
func (l *link) spoil(toxic string, attributes map[string]int) {
	l.t.Helper()
	request, err := json.Marshal(map[string]any{"name": toxic, "type": toxic, "attributes": attributes})
	require.NoError(l.t, err)
	_, err = l.proxy.Toxics.AddToxicJson(bytes.NewReader(request))
	require.NoError(l.t, err)
}

// heal takes all toxics away.
func (l *link) heal() { l.proxy.Toxics.ResetToxics(l.t.Context()) }

// cut takes the link down: connections break and new ones are refused.
func (l *link) cut() { l.proxy.Stop() }

// mend brings it back, at the same address.
func (l *link) mend() { require.NoError(l.t, l.proxy.Start()) }

// cutCommit is a toxic for a link to PostgreSQL. It breaks the connection at the
// moment that the server says that a transaction is committed, every other time.
type cutCommit struct{ commits atomic.Int64 }

// committed is the server's answer to a COMMIT.
var committed = []byte("C\x00\x00\x00\x0bCOMMIT\x00")

// Pipe implements toxics.Toxic.
func (c *cutCommit) Pipe(stub *toxics.ToxicStub) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil || bytes.Contains(chunk.Data, committed) && c.commits.Add(1)%2 == 1 {
				stub.Close()
				return
			}
			stub.Output <- chunk
		}
	}
}
