package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

var queueCases = map[string]func(*testing.T, bundle){
	"QueueDepths/by queue and state": queueDepths,
	"QueueDepths/no jobs":            queueDepthsEmpty,
	"CountRunning/by start time":     countRunning,
	"AnnounceDue/due jobs":           announceDue,
	"AnnounceDue/at once":            announceDueAtOnce,
	"AnnounceDue/by lines":           announceDueByLines,
	"AnnounceDue/expired":            announceDueExpired,
	"BusyLines":                      busyLines,
	"BusyLines/of a requeue":         busyLinesOfARequeue,
	"QueueDepths/by lines":           queueDepthsByLines,
	"GiveBack/not begun":             giveBack,
}

func queueDepths(t *testing.T, b bundle) {
	later := store.Now().Truncate(time.Second).Add(time.Hour) // SQLite keeps whole seconds
	a := Acceptance("app", "key", 10)
	a.Jobs[0].Queue = "sms"
	a.Jobs[1].Due = later.Add(time.Hour)
	a.Jobs[2].Due = later
	before := time.Now()
	b.accept(t, a)
	deliveries, err := b.DeliveriesOf(t.Context(), a.Notification.ID, uuid.Nil, 100)
	require.NoError(t, err)
	for i, state := range []store.JobState{
		store.JobCancelled, store.JobCompleted, store.JobDiscarded, store.JobRunning,
	} {
		b.setJobState(t, deliveries[3+i].JobID, state)
	}

	depths, err := b.QueueDepths(t.Context())
	require.NoError(t, err)
	got := map[[2]string]store.QueueDepth{}
	for _, d := range depths {
		got[[2]string{d.Queue, string(d.State)}] = d
	}
	require.Len(t, got, 4)
	require.Equal(t, 1, got[[2]string{"sms", "available"}].Jobs)
	require.Equal(t, 3, got[[2]string{"email", "available"}].Jobs)
	require.Equal(t, 1, got[[2]string{"email", "running"}].Jobs)
	require.Equal(t, store.QueueDepth{Queue: "email", State: "scheduled", Jobs: 2, Due: later}, got[[2]string{"email", "scheduled"}])
	require.WithinDuration(t, before, got[[2]string{"email", "available"}].Due, time.Minute)
}

func queueDepthsEmpty(t *testing.T, b bundle) {
	depths, err := b.QueueDepths(t.Context())
	require.NoError(t, err)
	require.Empty(t, depths)
}

func countRunning(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 3)
	now := store.Now()
	for i, started := range []time.Time{now.Add(-time.Hour), now.Add(-time.Minute)} {
		b.setJobState(t, deliveries[i].JobID, store.JobRunning)
		_, err := b.db.ExecContext(t.Context(), `UPDATE river_job SET attempted_at = $1 WHERE id = $2`,
			started.Format("2006-01-02 15:04:05.000-07:00"), deliveries[i].JobID)
		require.NoError(t, err)
	}
	for before, want := range map[time.Time]int{now.Add(-2 * time.Hour): 0, now.Add(-30 * time.Minute): 1, now: 2} {
		n, err := b.CountRunning(t.Context(), before)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
}

func announceDue(t *testing.T, b bundle) {
	queues := []string{"email", "sms", "voice", "inapp", "feishu_app"}
	a := Acceptance("app", "key", 6)
	later := store.Now().Add(time.Hour)
	for i, queue := range []string{"email", "sms", "voice", "inapp", "feishu_app", "other"} {
		a.Jobs[i].Queue, a.Jobs[i].Priority = queue, 1+i%4
		a.Jobs[i].Due = later
	}
	b.accept(t, a)
	due, err := b.AnnounceDue(t.Context(), queues)
	require.NoError(t, err)
	require.Empty(t, due)

	deliveries, err := b.DeliveriesOf(t.Context(), a.Notification.ID, uuid.Nil, 6)
	require.NoError(t, err)
	states := []store.JobState{
		store.JobScheduled, store.JobRetryable, store.JobAvailable, store.JobRunning, store.JobScheduled, store.JobAvailable,
	}
	for i, state := range states {
		b.setJobState(t, deliveries[i].JobID, state)
		if i != 4 { // the fifth is due later
			b.setJobDue(t, deliveries[i].JobID, store.Now().Add(-time.Second))
		}
	}
	due, err = b.AnnounceDue(t.Context(), queues)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"email", "sms", "voice"}, due, "inapp runs, feishu_app is due later, other is nobody's")
	states[0], states[1] = store.JobAvailable, store.JobAvailable
	for i, state := range states {
		require.Equal(t, state, b.jobState(t, deliveries[i].JobID), i)
	}
}

// Replicas look for due jobs at the same time.
func announceDueAtOnce(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 100)
	for _, d := range deliveries {
		b.setJobState(t, d.JobID, store.JobScheduled)
	}
	errs := make([]error, 4)
	concurrently(t, len(errs), func(i int) { _, errs[i] = b.AnnounceDue(t.Context(), []string{"email"}) })
	for _, err := range errs {
		require.NoError(t, err)
	}
	for _, d := range deliveries {
		require.Equal(t, store.JobAvailable, b.jobState(t, d.JobID))
	}
}

// setJobDue changes the time at which a job is due.
func (b bundle) setJobDue(t *testing.T, job int64, due time.Time) {
	t.Helper()
	_, err := b.db.ExecContext(t.Context(), `UPDATE river_job SET scheduled_at = $1 WHERE id = $2`,
		due.UTC().Format("2006-01-02 15:04:05.000-07:00"), job)
	require.NoError(t, err)
}

// jobState returns the state of a job.
func (b bundle) jobState(t *testing.T, job int64) (state store.JobState) {
	t.Helper()
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT state FROM river_job WHERE id = $1`, job).Scan(&state))
	return state
}

// A job that was given out and not begun is given back: its attempt is not spent. One in another
// attempt, of another client, or that was to be cancelled is not run again.
func giveBack(t *testing.T, b bundle) {
	_, deliveries := b.acceptOne(t, 4)
	for i, by := range []string{"me", "me", "me", "other"} {
		b.setJobState(t, deliveries[i].JobID, store.JobRunning)
		taken := fmt.Sprintf(`["earlier", %q]`, by)
		if strings.HasPrefix(fmt.Sprintf("%T", b.Store), "*postgres.") {
			taken = fmt.Sprintf(`{earlier,%s}`, by)
		}
		_, err := b.db.ExecContext(t.Context(), `UPDATE river_job SET attempted_by = $1 WHERE id = $2`, taken, deliveries[i].JobID)
		require.NoError(t, err)
	}
	_, err := b.Cancel(t.Context(), store.Cancellation{NotificationID: deliveries[0].NotificationID, Limit: 1, At: store.Now()})
	require.NoError(t, err)

	jobs, err := b.RunningJobs(t.Context(), "me")
	require.NoError(t, err)
	want := []store.RunningJob{{ID: deliveries[0].JobID, Attempt: 2}, {ID: deliveries[1].JobID, Attempt: 2}, {ID: deliveries[2].JobID, Attempt: 2}}
	require.ElementsMatch(t, want, jobs)

	want[2].Attempt = 1
	require.NoError(t, b.GiveBack(t.Context(), "me", append(want, store.RunningJob{ID: deliveries[3].JobID, Attempt: 2})))
	for i, state := range []store.JobState{store.JobCancelled, store.JobAvailable, store.JobRunning, store.JobRunning} {
		require.Equal(t, state, b.jobState(t, deliveries[i].JobID), i)
	}
	var attempt int
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT attempt FROM river_job WHERE id = $1`, deliveries[1].JobID).Scan(&attempt))
	require.Equal(t, 1, attempt)
	require.NoError(t, b.GiveBack(t.Context(), "me", want), "again")
	require.Equal(t, store.JobAvailable, b.jobState(t, deliveries[1].JobID))
}

// lined returns an acceptance of an app whose jobs wait in its line for the provider.
func lined(app, key, provider string, recipients int) store.Acceptance {
	a := Acceptance(app, key, recipients)
	for i := range a.Jobs {
		a.Jobs[i].Provider, a.Jobs[i].AppID = provider, app
	}
	return a
}

// jobQueue returns the queue of a job.
func (b bundle) jobQueue(t *testing.T, job int64) (queue string) {
	t.Helper()
	require.NoError(t, b.db.QueryRowContext(t.Context(), `SELECT queue FROM river_job WHERE id = $1`, job).Scan(&queue))
	return queue
}

// A line is busy when one of its jobs can be taken. Its priority is that of the most urgent of
// them, and the lines of other channels are not looked at.
func busyLines(t *testing.T, b bundle) {
	busy := func() map[string]int {
		lines, err := b.BusyLines(t.Context(), "email")
		require.NoError(t, err)
		found := map[string]int{}
		for _, l := range lines {
			require.WithinDuration(t, time.Now(), l.Due, time.Minute)
			found[l.Queue] = l.Priority
		}
		require.Len(t, found, len(lines))
		return found
	}
	require.Empty(t, busy())

	first, later, other := lined("a", "1", "smtp", 3), lined("later", "1", "smtp", 1), lined("b", "1", "smtp", 2)
	first.Jobs[0].Priority, first.Jobs[1].Priority, first.Jobs[2].Priority = 3, 1, 2
	first.Jobs[1].Due = store.Now().Add(time.Hour)
	later.Jobs[0].Due = store.Now().Add(time.Hour)
	other.Jobs[1].Queue = "sms"
	plain := Acceptance("c", "1", 1)
	plain.Jobs[0].Priority = 4
	b.accept(t, first, later, other, lined("b", "2", "relay", 1), lined("Team.A", "1", "smtp", 1), plain)
	want := map[string]int{
		"email|smtp|a": 2, "email|smtp|b": 1, "email|relay|b": 1, "email|smtp|" + store.LinePart("Team.A"): 1, "email": 4,
	}
	require.Equal(t, want, busy())

	deliveries, err := b.DeliveriesOf(t.Context(), first.Notification.ID, uuid.Nil, 3)
	require.NoError(t, err)
	b.setJobDue(t, deliveries[1].JobID, store.Now().Add(-time.Second))
	b.setJobState(t, deliveries[1].JobID, store.JobAvailable)
	want["email|smtp|a"] = 1
	require.Equal(t, want, busy())
	for _, d := range deliveries {
		b.setJobState(t, d.JobID, store.JobRunning)
	}
	delete(want, "email|smtp|a")
	require.Equal(t, want, busy())
}

// The job of a requeue waits in the line of the app that sent the notification.
func busyLinesOfARequeue(t *testing.T, b bundle) {
	n, deliveries := b.acceptOne(t, 1)
	b.record(t.Context(), t, outcome(deliveries[0], 1, store.DeliveryDead))
	r := requeueOf(deliveries[0])
	r.Job.Provider = "smtp"
	require.Equal(t, []bool{true}, b.requeue(t, r))
	require.Equal(t, "email|smtp|"+n.AppID, b.jobQueue(t, b.delivery(t, deliveries[0].ID).JobID))
}

func queueDepthsByLines(t *testing.T, b bundle) {
	b.accept(t, lined("a", "1", "smtp", 2), lined("b", "1", "smtp", 3), lined("b", "2", "relay", 4), Acceptance("c", "1", 1))
	depths, err := b.QueueDepths(t.Context())
	require.NoError(t, err)
	require.Len(t, depths, 1)
	require.Equal(t, "email", depths[0].Queue)
	require.Equal(t, 10, depths[0].Jobs)
	require.WithinDuration(t, time.Now(), depths[0].Due, time.Minute)
}

func announceDueByLines(t *testing.T, b bundle) {
	waits := lined("b", "1", "smtp", 1)
	waits.Jobs[0].Due = store.Now().Add(time.Hour)
	b.accept(t, waits)
	channels := []string{"email", "sms"}
	due, err := b.AnnounceDue(t.Context(), channels)
	require.NoError(t, err)
	require.Empty(t, due)
	b.accept(t, lined("a", "1", "smtp", 1))
	due, err = b.AnnounceDue(t.Context(), channels)
	require.NoError(t, err)
	require.Equal(t, []string{"email|smtp|a"}, due)
	for i := range 30 {
		b.accept(t, lined(fmt.Sprint("app", i), "1", "smtp", 1))
	}
	due, err = b.AnnounceDue(t.Context(), channels)
	require.NoError(t, err)
	require.Equal(t, []string{"email"}, due, "they are many")
}

// A delivery that has expired does not wait for its turn: it is not sent.
func announceDueExpired(t *testing.T, b bundle) {
	expired, good, taken := lined("a", "1", "smtp", 1), lined("a", "2", "smtp", 1), lined("a", "3", "smtp", 1)
	past, future := store.Now().Add(-time.Second), store.Now().Add(time.Hour)
	expired.Deliveries[0].ExpiresAt, good.Deliveries[0].ExpiresAt, taken.Deliveries[0].ExpiresAt = &past, &future, &past
	b.accept(t, expired, good, taken)
	job := func(a store.Acceptance) int64 {
		return b.delivery(t, a.Deliveries[0].ID).JobID
	}
	b.setJobState(t, job(taken), store.JobRunning)
	for range 2 {
		_, err := b.AnnounceDue(t.Context(), []string{"email"})
		require.NoError(t, err)
		require.Equal(t, "email", b.jobQueue(t, job(expired)))
		require.Equal(t, "email|smtp|a", b.jobQueue(t, job(good)))
		require.Equal(t, "email|smtp|a", b.jobQueue(t, job(taken)))
	}
}
