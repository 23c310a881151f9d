package siege

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/hostile"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/world"
)

// long reports whether the siege runs at full length.
var long = os.Getenv("SIEGE") == "long"

// length returns the value for the form that runs.
func length[T any](short, full T) T {
	if long {
		return full
	}
	return short
}

// rate is how many ordinary notifications are sent a second.
const rate = 100

// Everything hostile happens at once, beside ordinary sends.
func TestSiege(t *testing.T) { // not parallel: it measures
	duration := length(8*time.Second, 10*time.Minute)
	if text := os.Getenv("SIEGE_TIME"); long && text != "" {
		var err error
		duration, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	w := harness.NewPostgres(t)
	w.UseAllChannels(besieged(t, w))
	db := w.Pool()
	c := encage(t, w)
	c.Template()
	a := newAttacker(t, c)

	quiet := ordinary(t, c, "quiet", length(3*time.Second, 30*time.Second))
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var attacks sync.WaitGroup
	a.attack(ctx, &attacks)
	var probes []time.Duration
	probing := make(chan struct{})
	go func() { defer close(probing); probes = a.probe(ctx) }()
	siege := ordinary(t, c, "siege", duration)
	limit.Receive(t, probing, "the probes")
	limit.Group(t, &attacks, "the attacks")

	require.Eventually(t, func() bool { return undelivered(t, db) == 0 }, length(limit.Wait, 5*time.Minute), 100*time.Millisecond,
		"ordinary deliveries are still open")
	most := c.most()
	t.Logf("\n%s of siege: %d ordinary sends accepted and delivered, %d of them at the second try or later; p99 %s, quiet %s\n"+
		"%d probes of /livez: p99 %s\nmemory at most %s of %s\nanswers to the attacks: %v",
		duration, len(siege.took), siege.again, p99(siege.took), p99(quiet.took), len(probes), p99(probes), size(most), size(c.limit), a.statuses)
	require.Less(t, most, c.limit)
	require.Zero(t, a.statuses[http.StatusInternalServerError], "attacks that were answered with 500")
	require.Equal(t, http.StatusOK, a.livez(), "the program still runs")
	if long {
		require.Less(t, p99(probes), 100*time.Millisecond, "/livez")
		require.Less(t, p99(siege.took), 5*p99(quiet.took), "ordinary sends")
	}
}

// besieged returns the addresses of the vendors: all misbehave but those of the ordinary sends
// and of the desktop.
func besieged(t *testing.T, w *harness.World) (at world.Addresses) {
	t.Helper()
	at = maps.Clone(w.Vendors.Addresses)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	for channel := range at {
		if channel != "feishu_app" && channel != "inapp" {
			at[channel] = l.Addr().String()
		}
	}
	ctx := t.Context()
	go func() {
		for i := 0; ; i++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				defer func() { _ = conn.Close() }()
				hostile.Misbehaviours[i%len(hostile.Misbehaviours)].Speak(conn)
			}()
		}
	}()
	return at
}

// sent is how long sends took until they were accepted.
type sent struct {
	took  []time.Duration
	again int // sends that were refused with 503 at first
}

// ordinary sends notifications at the rate, to one user each. All are accepted.
func ordinary(t *testing.T, c *cage, name string, d time.Duration) *sent {
	t.Helper()
	s, start := &sent{}, time.Now()
	var mu sync.Mutex
	var senders sync.WaitGroup
	for i := range int(d.Seconds() * rate) {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / rate)))
		senders.Go(func() {
			began, tries := time.Now(), 0
			key := fmt.Sprintf("%s-%d", name, i)
			for status := 0; status != http.StatusAccepted && status != http.StatusOK; tries++ {
				answer, err := c.Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", harness.Notification(key, 1))
				if status = answer.Status; err != nil || status >= 400 && status != http.StatusServiceUnavailable || time.Since(began) > limit.Wait {
					t.Errorf("%s: %d %v %s", key, status, err, answer.Raw)
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			s.took = append(s.took, time.Since(began))
			if tries > 1 {
				s.again++
			}
		})
	}
	limit.Group(t, &senders, "ordinary sends")
	return s
}

// attack attacks until ctx ends.
func (a *attacker) attack(ctx context.Context, group *sync.WaitGroup) {
	often := func(n int, pause time.Duration, do func(i int)) {
		for range n {
			group.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					do(i)
					select {
					case <-ctx.Done():
					case <-time.After(pause):
					}
				}
			})
		}
	}
	bodies := [][]byte{densest("siege"), longest("siege"), tooMany, small("siege"), widest("first"), []byte(strings.Repeat("[", maxBody))}
	often(4, 300*time.Millisecond, func(i int) { a.post(bodies[i%len(bodies)]) })
	often(2, 100*time.Millisecond, func(i int) { a.save(slowestSources[i%len(slowestSources)]) })
	often(20, 100*time.Millisecond, func(int) { a.preview("slowest") })
	often(4, 100*time.Millisecond, func(int) { a.guess(bodies[1][:20_000]) })
	often(1, time.Second, func(int) { a.hold(200, "", time.Second) })
	often(1, time.Second, func(int) { a.hold(500, slowForm, 3*time.Second) })
	often(4, 100*time.Millisecond, func(int) { a.visit("/readyz") })
	often(4, 100*time.Millisecond, func(int) { a.visit("/console/notifications") })
	often(1, time.Second, func(int) {
		a.hold(50, "POST /api/v1/notifications HTTP/1.1\r\nHost: x\r\nX-App-Id: "+harness.OtherID+"\r\nX-App-Secret: "+harness.OtherSecret+
			"\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{", 5*time.Second)
	})
	often(1, time.Second, func(int) {
		a.hold(20, "GET /api/v1/notifications/"+a.wide+" HTTP/1.1\r\nHost: x\r\nX-App-Id: "+harness.OtherID+"\r\nX-App-Secret: "+harness.OtherSecret+"\r\n\r\n", 5*time.Second)
	})
	often(1, time.Second, func(int) { a.hold(20, "\x16\x03\x01 GET / HTTP/9.9\r\n\r\n", 0) })
	often(1, 250*time.Millisecond, func(i int) { a.post(misled(fmt.Sprintf("misled-%d-%d", time.Now().UnixNano(), i))) })
}

// probe probes /livez until ctx ends, as a kubelet does, and returns how long it took.
func (a *attacker) probe(ctx context.Context) (took []time.Duration) {
	for ctx.Err() == nil {
		began := time.Now()
		if status := a.livez(); status != http.StatusOK {
			a.t.Errorf("/livez: %d after %s", status, time.Since(began))
		}
		took = append(took, time.Since(began))
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	return took
}

// undelivered returns how many ordinary deliveries have not arrived.
func undelivered(t *testing.T, db *pgxpool.Pool) (n int) {
	t.Helper()
	require.NoError(t, db.QueryRow(limit.Context(t), `SELECT count(*) FROM deliveries d JOIN notifications n ON n.id = d.notification_id
		WHERE n.app_id = $1 AND d.status <> 'success'`, harness.AppID).Scan(&n))
	return n
}

// p99 returns the 99th percentile.
func p99(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(times))
	return sorted[(len(sorted)-1)*99/100].Round(100 * time.Microsecond)
}
