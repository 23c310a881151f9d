package storetest

import (
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
