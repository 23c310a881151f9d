package torture

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
	"github.com/labring/sealos-notify/internal/vendors/volcengine"
)

// p99 selects the 99th percentile of the time from acceptance to the end, in
// milliseconds. It covers the deliveries of the other channels that were accepted
// between $1 and $2.
const p99 = `
	SELECT coalesce(percentile_disc(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM d.updated_at - d.created_at) * 1000), 0)::int
	FROM deliveries d WHERE d.channel <> 'voice' AND d.created_at BETWEEN $1 AND $2`

// A vendor accepts requests and never answers. The other channels stay as fast.
func TestDeadVendor(t *testing.T) {
	alone(t)
	s := newStage(t, harness.NewPostgres(t))
	s.open(1)
	load := s.load(1, 50*time.Millisecond)
	stretch := length(4*time.Second, time.Minute)
	measure := func() int {
		from := time.Now()
		s.run(stretch)
		to := time.Now()
		s.until(harness.Patience, 0, openDeliveries+` AND channel <> 'voice' AND created_at <= $1`, to)
		return s.count(p99, from, to)
	}
	s.run(length(time.Second, 10*time.Second)) // warm
	baseline := measure()
	dead := s.Vendors.Voice.Fail(volcengine.Fault{Where: volcengine.SingleBatchAppend, Hang: true})
	limit.Count(t, dead, 1, "hanging sends")
	beside := measure()
	load.stop()
	require.Positive(t, s.count(openDeliveries+` AND channel = 'voice'`), "the vendor is dead")
	dead.Lift()
	b := s.close()
	results.add(6, stretch.String(), b, "p99 of the others %d ms, %d ms before", beside, baseline)
	requireNoDup(t, b, once...)
	requireNoDup(t, b, held...)
	// A short stretch has few deliveries, so one slow moment decides its p99. A delivery
	// that waits for the dead vendor waits for the timeout of its calls.
	require.LessOrEqual(t, float64(beside), length(float64(timeout.Milliseconds())/2, 1.2*float64(baseline)))
}

// All vendors refuse everything for longer than the retries last. Breakers hold what waits, so
// nothing dies, and all of it arrives when they are back.
func TestProvidersAreAway(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	s.open(2)
	load := s.load(1, 100*time.Millisecond)
	s.run(length(time.Second, 10*time.Second))
	back := s.refuse(true)
	outage := length(20*time.Second, 5*time.Minute)
	s.run(outage)
	require.Equal(t, len(all), s.count(`SELECT count(*) FROM provider_breakers`))
	back()
	over := time.Now()
	s.run(length(time.Second, 10*time.Second))
	load.stop()
	b := s.close()
	results.add(19, outage.String(), b, "all had arrived %s after they were back", time.Since(over).Round(time.Second))
	requireNoDup(t, b, all...)
	require.Zero(t, s.held)
	for _, channel := range all {
		require.Len(t, b.ended[channel], 1, "%s: nothing but success: %+v", channel, b)
	}
	require.Zero(t, s.count(`SELECT count(*) FROM provider_breakers`))
}

// One answer among a hundred has a text that the database refuses: NUL, invalid UTF-8,
// a megabyte. The other deliveries are completed within a second.
func TestPoisonousText(t *testing.T) {
	alone(t)
	s := newStage(t, harness.NewPostgres(t))
	s.open(1)
	rounds := length(1, 20)
	const recipients, siblings = 50, 100
	poison := "5.0.0 \x00 \xff\xfe " + strings.Repeat("x", 900<<10)
	var slowest time.Duration
	for round := range rounds {
		s.Vendors.Mail.Fail(smtp.Fault{Where: smtp.Data, Times: 1, Code: "554", Message: poison})
		s.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, HTTPStatus: http.StatusBadRequest, Code: "230001", Message: poison})
		body := request(fmt.Sprint(round), "email", "feishu_app")
		list := make([]map[string]string, recipients)
		for i := range list {
			list[i] = map[string]string{"type": "email", "value": fmt.Sprintf("user%d@example.com", i)}
		}
		body["recipients"] = list
		r := s.fleet.any()
		a := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
		id := a.Body["notificationId"].(string)
		s.ledger.accept(id, siblings)
		s.drain()
		status, tasks := r.Show(id)
		require.Equal(t, "failed", status)
		poisoned := 0
		for _, task := range tasks {
			if task.Status == "success" {
				continue
			}
			poisoned++
			require.Equal(t, "dead", task.Status, "%+v", task)
			require.True(t, utf8.ValidString(task.LastError) && !strings.ContainsRune(task.LastError, 0))
			require.LessOrEqual(t, len(task.LastError), 2100)
		}
		require.Equal(t, 2, poisoned)
		s.until(harness.Patience, 0, `SELECT count(*) FROM river_job WHERE kind = 'deliver' AND finalized_at IS NULL`)
		slowest = max(slowest, time.Duration(s.count(`
			SELECT (extract(epoch FROM max(j.finalized_at) - min(a.finished_at) FILTER (WHERE d.status = 'dead')) * 1000)::int
			FROM deliveries d JOIN river_job j ON j.id = d.job_id JOIN attempts a ON a.delivery_id = d.id
			WHERE d.notification_id = $1`, id))*time.Millisecond)
	}
	b := s.close()
	results.add(9, fmt.Sprintf("%d times", rounds), b, "all %d siblings completed %s after it", siblings, slowest)
	requireNoDup(t, b, all...)
	require.Less(t, slowest, length(harness.Patience, time.Second))
}
