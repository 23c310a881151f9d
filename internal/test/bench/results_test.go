package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func taken(metrics map[string][]float64) results {
	r := results{Taken: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), Rounds: 3, Metrics: metrics}
	r.makeRows()
	return r
}

// A ratio uses the two figures of one round, so that a slow round slows both.
func TestRatiosAreTakenWithinARound(t *testing.T) {
	t.Parallel()
	r := taken(map[string][]float64{"river-insert": {1000, 100, 2000}, "accept": {3000, 300, 6000}})
	require.Len(t, r.Rows, 2)
	row := r.Rows[1]
	require.Equal(t, "accept", row.Metric)
	require.InDelta(t, 3000, row.Measured, 0)
	require.InDelta(t, 3, row.Ratio, 1e-9)
	require.True(t, row.OK)
	require.Equal(t, "yes", row.verdict())

	r = taken(map[string][]float64{"river-insert": {1000}, "accept": {2400}})
	require.False(t, r.Rows[1].OK)
	require.Equal(t, "NO", r.Rows[1].verdict())
}

func TestNothingIsAskedWithoutTheBase(t *testing.T) {
	t.Parallel()
	r := taken(map[string][]float64{"accept": {1}})
	require.Len(t, r.Rows, 1)
	require.True(t, r.Rows[0].OK)
	require.Empty(t, r.Rows[0].verdict())
}

func TestLessIsBetter(t *testing.T) {
	t.Parallel()
	r := taken(map[string][]float64{"start": {0.4, 0.6, 0.5}, "idle-memory": {46}})
	require.Equal(t, "yes, reached", r.Rows[0].verdict())
	require.Equal(t, "NO", r.Rows[1].verdict())
}

func TestCompare(t *testing.T) {
	t.Parallel()
	before := taken(map[string][]float64{"river-insert": {1000}, "accept": {4000}, "start": {0.4}, "vendor": {9}})
	path := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, before.write(path))
	before, err := readResults(path)
	require.NoError(t, err)

	var out bytes.Buffer
	slower := taken(map[string][]float64{"river-insert": {100}, "accept": {390}, "start": {0.9}, "vendor": {1}})
	require.NoError(t, slower.compare(&out, before), "another machine is no regression")

	out.Reset()
	worse := taken(map[string][]float64{"river-insert": {1000}, "accept": {2600}, "start": {1.1}})
	require.ErrorContains(t, worse.compare(&out, before), "2 figures are worse")
	require.Contains(t, out.String(), "the ratio is 2.6, was 4")
	require.Contains(t, out.String(), "start to ready, schema current: does not hold any more: 1.1, was 0.4")
}

func TestEveryBaseIsMeasured(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"": true}
	for _, g := range goals {
		require.False(t, known[g.metric], g.metric)
		known[g.metric] = true
	}
	for _, g := range goals {
		require.True(t, known[g.base], g.base)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printTable(&out, [][]string{{"what", "must"}, {"… é", "1"}})
	require.Equal(t, "| what | must |\n|------|------|\n| … é  | 1    |\n", out.String())
	require.Equal(t, []string{"0.123", "12.3", "999", "1,000", "1,234,568"},
		[]string{number(0.1234), number(12.34), number(999), number(1000), number(1234567.8)})
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	values := []float64{5, 1, 4, 2, 3}
	require.InDelta(t, 3, median(values), 0)
	require.InDelta(t, 1, percentile(values, 0), 0)
	require.InDelta(t, 5, percentile(values, 100), 0)
	require.Zero(t, median(nil))
}

// Requests start when they are due, though those before have no answer.
func TestOpenLoopDoesNotWaitForAnswers(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	err := openLoop(10_000, 100, func(i int, _ time.Time) error {
		if i == 99 {
			close(release)
		}
		select {
		case <-release:
			return nil
		case <-time.After(time.Minute):
			return errors.New("the last request was not made")
		}
	})
	require.NoError(t, err)
}

func TestClosedLoopReportsAnError(t *testing.T) {
	t.Parallel()
	_, err := closedLoop(t.Context(), 4, time.Minute, func(i int) error {
		if i >= 10 {
			return context.DeadlineExceeded
		}
		return nil
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
