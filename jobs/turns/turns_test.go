package turns

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/store"
)

const high, normal, low = 1, 2, 3

// line is a line with as many jobs as the test gives it turns, all of one priority.
func line(queue string, priority int) store.BusyLine {
	return store.BusyLine{Queue: queue, Priority: priority, Due: time.Unix(0, 0)}
}

// serve gives n turns to the busy lines and returns how many each got.
func serve(t *Turns, n int, weights map[string]int, busy ...store.BusyLine) map[string]int {
	served := map[string]int{}
	for range n {
		next := busy[t.Next(busy)]
		served[next.Queue]++
		t.Charge(next.Queue, Cost(next.Priority, weights[next.Queue]))
	}
	return served
}

func TestTurnsAreEqual(t *testing.T) {
	t.Parallel()
	var turns Turns
	require.Equal(t, map[string]int{"a": 100, "b": 100, "c": 100},
		serve(&turns, 300, nil, line("a", normal), line("b", normal), line("c", normal)))
}

func TestTurnsByWeight(t *testing.T) {
	t.Parallel()
	var turns Turns
	require.Equal(t, map[string]int{"a": 300, "b": 100}, serve(&turns, 400, map[string]int{"a": 3}, line("a", normal), line("b", normal)))
}

// An app that was idle is next, and then has as many turns as the others: it has saved nothing
// up while they were busy.
func TestTurnsOfAnAppThatWasIdle(t *testing.T) {
	t.Parallel()
	var turns Turns
	serve(&turns, 10_000, nil, line("a", normal))
	require.Equal(t, map[string]int{"b": 1}, serve(&turns, 1, nil, line("a", normal), line("b", normal)))
	served := serve(&turns, 1000, nil, line("a", normal), line("b", normal))
	require.InDelta(t, 500, served["b"], 2)
	// The one that was alone for long does not pay for it either.
	require.InDelta(t, 500, served["a"], 2)
}

// A message now and then is always next, however many others are busy.
func TestTurnsOfASingleMessage(t *testing.T) {
	t.Parallel()
	var turns Turns
	var busy []store.BusyLine
	for i := range 20 {
		busy = append(busy, line(fmt.Sprint(i), normal))
	}
	for range 50 {
		serve(&turns, 100, nil, busy...)
		require.Equal(t, map[string]int{"b": 1}, serve(&turns, 1, nil, append(busy, line("b", normal))...))
	}
}

// A crowd of urgent jobs gets most and does not stop the others; a crowd of those that can wait
// gets little and is not stopped.
func TestTurnsByPriority(t *testing.T) {
	t.Parallel()
	var turns Turns
	require.Equal(t, map[string]int{"a": 160, "b": 40, "c": 10}, serve(&turns, 210, nil, line("a", high), line("b", normal), line("c", low)))
}

// Of lines that are level the more urgent is first, then the one that has waited longer.
func TestTurnsOfLinesThatAreLevel(t *testing.T) {
	t.Parallel()
	var turns Turns
	older := line("old", normal)
	older.Due = older.Due.Add(-time.Hour)
	busy := []store.BusyLine{line("new", normal), older, line("urgent", high)}
	var order []string
	for range 3 {
		next := turns.Next(busy)
		order = append(order, busy[next].Queue)
		turns.Charge(busy[next].Queue, Cost(busy[next].Priority, 1))
		busy = append(busy[:next:next], busy[next+1:]...)
	}
	require.Equal(t, []string{"urgent", "old", "new"}, order)
}

func TestTurnsForgetLinesThatEnded(t *testing.T) {
	t.Parallel()
	var turns Turns
	for i := range 1000 {
		serve(&turns, 1, nil, line(fmt.Sprint("app", i), normal), line("a", normal))
		serve(&turns, 2, nil, line("a", normal))
		turns.Forget([]store.BusyLine{line("a", normal)})
	}
	require.Less(t, len(turns.line), 10)
}
