package torture

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
)

// lostSends counts the sends that were in flight when their worker was killed: attempts
// of rescued jobs without a record. $1 are the channels.
const lostSends = `
	SELECT count(*) FROM river_job j CROSS JOIN unnest(j.errors) e JOIN deliveries d ON d.job_id = j.id
	WHERE d.channel = ANY ($1) AND e->>'error' = 'Stuck job rescued by JobRescuer'
		AND NOT EXISTS (SELECT FROM attempts a WHERE a.delivery_id = d.id AND a.attempt = (e->>'attempt')::int)`

// One of three workers is killed under load, many times, while every vendor is slow.
func TestKill(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	s.open(3)
	defer s.fail(vendors.Fault{After: true, Delay: 200 * time.Millisecond})()
	load := s.load(length(2, 4), 100*time.Millisecond)
	kills := length(3, 100)
	for range kills {
		s.run(length(time.Second, 3*time.Second))
		s.fleet.take().Kill()
		s.fleet.add(s.Start())
	}
	load.stop()
	s.rescue()
	b := s.close()
	inFlight, twice := s.count(lostSends, resent), b.twice(resent...)
	results.add(1, fmt.Sprintf("%d kills", kills), b, "e-mail, Feishu's and WeCom's bots: %d twice, of %d in flight; SMS and voice: %d held, all settled",
		twice, inFlight, s.held)
	requireNoDup(t, b, once...)
	requireNoDup(t, b, held...)
	require.LessOrEqual(t, twice, inFlight)
	require.Positive(t, s.count(lostSends, all), "no kill met a send")
}

// Replicas get SIGTERM under load, one after the other.
func TestTerminate(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	s.unhurried()
	s.open(2)
	defer s.fail(vendors.Fault{After: true, Delay: 50 * time.Millisecond})()
	load := s.load(2, 100*time.Millisecond)
	stops := length(4, 200)
	for range stops {
		r := s.fleet.take()
		require.Zero(t, r.Terminate(), "the exit code")
		require.NotContains(t, r.Log.String(), "abandoned")
		s.fleet.add(s.Start())
	}
	load.stop()
	b := s.close()
	results.add(11, fmt.Sprintf("%d stops", stops), b, "every exit code 0")
	requireNoDup(t, b, all...)
	for _, channel := range all {
		require.Len(t, b.ended[channel], 1, "%s: nothing but success: %+v", channel, b)
	}
}

// A worker is frozen during a send for longer than its lease. Another takes its jobs.
// The late results of the first one are ignored.
func TestFrozenWorker(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	s.open(1)
	lift := s.fail(vendors.Fault{Times: 1, Hang: true, After: true})
	s.send("frozen")
	limit.Count(t, s.Vendors.Inbox, fanOut, "messages")
	frozen := s.fleet.take()
	frozen.Freeze()
	lift() // the answers wait for it

	s.awaitLeases()
	s.rescue()
	b := s.close()
	before := s.count(`SELECT sum(hashtext(d::text)) FROM deliveries d`)
	require.Zero(t, s.count(`SELECT count(*) FROM attempts WHERE attempt = 1`))
	frozen.Signal(syscall.SIGCONT)
	require.Zero(t, frozen.Terminate(), "it finishes its sends")

	require.Equal(t, fanOut+len(held), s.count(`SELECT count(*) FROM attempts`), "of the held ones, one that found it at the vendor")
	require.Zero(t, s.count(`SELECT count(*) FROM attempts WHERE attempt = 1`), "a late result was recorded")
	require.Equal(t, before, s.count(`SELECT sum(hashtext(d::text)) FROM deliveries d`), "a late result changed a delivery")
	results.add(8, "once", b, "%d late results fenced", fanOut)
	requireNoDup(t, b, once...)
	requireNoDup(t, b, held...)
	for _, channel := range held {
		require.Equal(t, map[string]int{"success": 1}, b.ended[channel], channel)
	}
	for _, channel := range resent {
		require.Equal(t, 1, b.dup[channel], "sent once more: the vendor has no mark")
	}
	require.Equal(t, http.StatusOK, s.fleet.any().Call(harness.AppID, harness.AppSecret, http.MethodGet, "/readyz", nil).Status)
}
