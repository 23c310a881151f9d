package torture

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors/world"
)

// linkDatabase puts a link between the service and its database.
func (s *stage) linkDatabase() *link {
	s.t.Helper()
	l := newLink(s.t, net.JoinHostPort(s.DB.Host, strconv.Itoa(s.DB.Port)))
	through := s.DB
	host, port, err := net.SplitHostPort(l.address())
	require.NoError(s.t, err)
	through.Host = host
	through.Port, err = strconv.Atoi(port)
	require.NoError(s.t, err)
	s.Configure(map[string]string{"database": harness.Database(through)})
	return l
}

// linkVendors puts a link between the service and each vendor.
func (s *stage) linkVendors() []*link {
	s.t.Helper()
	var links []*link
	through := func(upstream string) string {
		links = append(links, newLink(s.t, upstream))
		return links[len(links)-1].address()
	}
	at := world.Addresses{}
	for channel, address := range s.Vendors.Addresses {
		at[channel] = through(address)
	}
	s.UseAllChannels(at)
	return links
}

// The commit of a notification succeeds, but the service does not get the reply. The
// caller sends the notification again with the same key.
func TestCommitReplyCut(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	s.open(1)
	s.fleet.take() // it delivers over a good connection; no caller uses it
	database := s.linkDatabase()
	s.fleet.add(s.StartWith([]string{"DISPATCHER_ENABLED=false"}))
	toxics.Register("cut_commit", &cutCommit{})
	database.spoil("cut_commit", nil)

	cuts := length(20, 500)
	load := s.load(4, time.Millisecond)
	for s.ledger.refusals() < cuts {
		s.untilRefused()
	}
	load.stop()
	database.heal()
	b := s.close()
	results.add(4, fmt.Sprintf("%d replies cut", s.ledger.refused), b, "one notification for each key")
	notifications := s.count(`SELECT count(*) FROM notifications`)
	require.Len(t, s.ledger.told(), notifications, "one notification for each key")
	require.Equal(t, notifications*fanOut, s.Vendors.Inbox.Total())
	requireNoDup(t, b, all...)
}

// The network between the service and its database, and between the service and
// its vendors, is bad in every way, under load.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	links := map[string][]*link{"database": {s.linkDatabase()}, "vendors": s.linkVendors()}
	const replicas = 2
	s.open(replicas)
	load := s.load(2, 100*time.Millisecond)
	connections := 0
	rounds := length(1, 10)
	for range rounds {
		for _, to := range []string{"database", "vendors"} {
			for _, bad := range []struct {
				toxic      string
				attributes map[string]int
			}{
				{"latency", map[string]int{"latency": 200, "jitter": 150}},
				{"reset_peer", map[string]int{"timeout": 100}},
				{"timeout", map[string]int{"timeout": 0}}, // a black hole
				{"down", nil},
			} {
				for _, l := range links[to] {
					if bad.toxic == "down" {
						l.cut()
					} else {
						l.spoil(bad.toxic, bad.attributes)
					}
				}
				s.run(length(time.Second, 5*time.Second))
				connections = max(connections, s.count(ourConnections))
				for _, l := range links[to] {
					if bad.toxic == "down" {
						l.mend()
					} else {
						l.heal()
					}
				}
				s.untilAccepted() // it has recovered
			}
		}
	}
	load.stop()
	b := s.close()
	requireNoDup(t, b, once...)
	requireNoDup(t, b, held...)

	goroutines := 0
	for range replicas {
		n := countGoroutines(s.fleet.take())
		require.Positive(t, n, "goroutines of the dump")
		goroutines = max(goroutines, n)
	}
	results.add(5, fmt.Sprintf("%d faults", 8*rounds), b,
		"e-mail, Feishu's and WeCom's bots: %d, %d and %d twice; SMS and voice: %d held, all settled; at most %d connections to the database; %d goroutines at the end",
		b.dup["email"], b.dup["feishu_webhook"], b.dup["wecom_group"], s.held, connections, goroutines)
	// Those of the pool and of LISTEN, and replacements of broken ones that the server
	// still counts.
	require.LessOrEqual(t, connections, replicas*2*(maxOpenConns+1))
	require.Less(t, goroutines, 1000)
}

// maxOpenConns is the setting in every world.
const maxOpenConns = 10

const ourConnections = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'sealos-notify'`

// countGoroutines ends the replica with SIGQUIT and counts the goroutines of its dump.
func countGoroutines(r *harness.Replica) int {
	r.Signal(syscall.SIGQUIT)
	r.Wait()
	return strings.Count(r.Log.String(), "\ngoroutine ")
}
