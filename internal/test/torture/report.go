package torture

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// long reports whether the tortures run at full length.
var long = os.Getenv("TORTURE") == "long"

// length returns the value for the form that runs.
func length[T any](short, full T) T {
	if long {
		return full
	}
	return short
}

// tortures are what each torture does and what it must show. Their numbers begin at 1.
// docs/reliability.md has the same table; a test compares them.
var tortures = []struct{ done, shows string }{
	{"`kill -9` of one of three workers every few seconds, under load", "LOST 0; DUP 0 where there is a mark or a hold, and no hold is left to a person; e-mail and group bot: at most the sends in flight at the kills"},
	{"`kill -9` at each seam: before the send, in it, before the record, after the record", "LOST 0; doubles only over e-mail and group bot, and only between send and record"},
	{"the database server crashes (`pg_ctl stop -m immediate`) under load", "every 202 is there; 503 within 2 s; accepts again within 15 s of the server's return"},
	{"the reply of the commit is cut, the caller repeats", "one notification each"},
	{"latency, resets, black holes and refused connections, to the database and to every vendor", "LOST 0; connections and goroutines bounded; goes on when it is over"},
	{"one vendor takes requests and never answers", "p99 of the other channels ≤ 1.2 × what it was before"},
	{"1,000 identical requests at once, to three replicas", "one row, one id, one 202, no 5xx"},
	{"a worker is frozen (SIGSTOP) beyond its lease in the middle of sends, then goes on", "its late results are fenced"},
	{"a vendor's error text with NUL, invalid UTF-8 and a megabyte, among a hundred siblings", "the siblings are completed within a second"},
	{"a reload every second, half of them invalid, under load", "LOST 0, DUP 0; the race detector finds nothing"},
	{"SIGTERM under load", "LOST 0, DUP 0 over all channels, exit code 0"},
	{"jobs cancelled, retried, deleted and ended in River UI and by SQL", "each delivery follows within a minute"},
	{"the database turns read-only (25006) and back, under load", "LOST 0, DUP 0, nothing held; accepts again within a minute, without a restart"},
	{"old and new replica side by side, again and again, while the schema is migrated by several at once", "LOST 0, DUP 0"},
	{"the disk is full under the database's tables; the log cannot be written", "no 202 without a row; goes on when there is room again"},
	{"alerts that flap with the same start, posted and repeated by both halves of an Alertmanager pair, with `kill -9` of one of three replicas", "each change is told once; LOST 0, DUP 0"},
	{"mail server with three places for connections", "each mail arrives once; no attempt is spent; the server turns few connections away"},
	{"slow mail server: seconds at the end of each mail", "each mail arrives once; no attempt is spent; never more connections than `maxConnections` over all replicas"},
	{"every provider is away for minutes, and has no second one", "its breaker opens; LOST 0, DUP 0, nothing dead or held; all goes on when it is back"},
	{"another app's crowd waits at a fast vendor, at a slow one, behind a rate limit and for a few connections", "a single message arrives within 2 s on the fast one, within two turns and 5 s at the next two, and within a minute where replicas share few connections; LOST 0, DUP 0"},
	{"the first provider of every channel that can have two is away for minutes, with the second one beside it", "LOST 0, DUP 0, nothing dead or held; p99 of what is accepted meanwhile ≤ 5 s"},
	{"`kill -9` while breakers open and close and deliveries move to the second provider", "LOST 0; DUP 0 where there is a mark or a hold; e-mail and group bot: at most the sends in flight at the kills"},
	{"`kill -9` in the middle of a batch while a group too large for one request is expanded", "LOST 0, DUP 0; each member has one delivery"},
	{"`kill -9` of all workers while digests close and are sent, under load", "LOST 0; DUP 0; each item in exactly one digest"},
	{"`kill -9` of one of three workers every few seconds, while vendors are asked what became of deliveries", "no receipt lost; LOST 0, DUP 0"},
	{"`kill -9` of the worker that tells an endpoint of events: before the request, in it, before its success is noted", "no event lost; told twice only after a request, with the same `webhook-id`"},
	{"`kill -9` of all workers while messages of threads are sent and edited, under load", "LOST 0; DUP 0: each person has one message of a thread; it shows the last notification; no edit overtakes another"},
	{"`kill -9` at each seam of a step of an escalation and of its acknowledgement, and of one of three replicas every few seconds while incidents escalate and are acknowledged, under load", "LOST 0: no step is lost, and all come again as often as `repeat` says; DUP 0 where there is a mark or a hold; after the answer of an acknowledgement no step begins"},
}

// report collects the figures of all tortures, by number.
type report struct {
	mu      sync.Mutex
	figures map[int][]string
}

var results = report{figures: map[int][]string{}}

// add records the figures of a torture: what was done how often, the books, and what
// else was seen.
func (r *report) add(torture int, done string, b books, seen string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	figures := fmt.Sprintf("%s: %d deliveries, LOST %d, DUP %d", done, b.accepted, b.lost, b.dups())
	if seen != "" {
		figures += "; " + fmt.Sprintf(seen, args...)
	}
	r.figures[torture] = append(r.figures[torture], figures)
}

// print writes the table in the form of docs/reliability.md.
func (r *report) print(out io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = fmt.Fprint(out, "\n| # | torture | must show | measured |\n|---|---|---|---|\n")
	for i := range tortures {
		_, _ = fmt.Fprintf(out, "%s %s |\n", row(i), strings.Join(r.figures[i+1], "<br>"))
	}
}

// row returns the first three columns of a torture's row.
func row(i int) string {
	return fmt.Sprintf("| %d | %s | %s |", i+1, tortures[i].done, tortures[i].shows)
}
