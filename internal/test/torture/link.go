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

// link is a network link between the service and its database or a vendor. Tests make
// it faulty.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// newLink returns a link to the address (host:port). It ends with the test.
func newLink(t *testing.T, upstream string) *link {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{t: t, proxy: toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", upstream)}
	require.NoError(t, l.proxy.Start())
	t.Cleanup(l.proxy.Stop)
	return l
}

// address returns the service's end of the link as host:port.
func (l *link) address() string { return l.proxy.Listen }

// spoil applies a toxic to the answers that come over the link.
func (l *link) spoil(toxic string, attributes map[string]int) {
	l.t.Helper()
	request, err := json.Marshal(map[string]any{"name": toxic, "type": toxic, "attributes": attributes})
	require.NoError(l.t, err)
	_, err = l.proxy.Toxics.AddToxicJson(bytes.NewReader(request))
	require.NoError(l.t, err)
}

// heal removes all toxics.
func (l *link) heal() { l.proxy.Toxics.ResetToxics(l.t.Context()) }

// cut breaks all connections and refuses new ones.
func (l *link) cut() { l.proxy.Stop() }

// mend accepts connections again, at the same address.
func (l *link) mend() { require.NoError(l.t, l.proxy.Start()) }

// cutCommit is a toxic for a link to PostgreSQL. It breaks the connection instead of
// passing on the answer to a COMMIT, every other time.
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
