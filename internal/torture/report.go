//go:build torture

package torture

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
)

// long says whether the tortures run at full length.
var long = os.Getenv("TORTURE") == "long"

// length returns how long a part of a torture is in the form that runs.
func length[T any](short, full T) T {
	if long {
		return full
	}
	return short
}

// line is what came of one torture.
type line struct {
	torture string
	runs    int // kills, cuts, rounds
	books   books
	note    string
}

// report collects the lines of all tortures.
type report struct {
	mu    sync.Mutex
	lines []line
}

var figures report

func (r *report) add(l line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, l)
}

func (r *report) print(out io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortFunc(r.lines, func(a, b line) int { return strings.Compare(a.torture, b.torture) })
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "\nTORTURE\tRUNS\tACCEPTED\tLOST\tDUP\tNOTE")
	for _, l := range r.lines {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\n",
			l.torture, l.runs, l.books.accepted, l.books.lost, l.books.dups(), l.note)
	}
	_ = table.Flush()
}
