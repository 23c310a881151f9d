package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Logbook keeps the log of a process. Tests wait for its lines.
type Logbook struct {
	mu      sync.Mutex
	lines   []string
	awaited map[string]int // number of lines that were searched, by message
	changed chan struct{}
	ended   <-chan struct{}
}

func newLogbook(ended <-chan struct{}) *Logbook {
	return &Logbook{awaited: map[string]int{}, changed: make(chan struct{}), ended: ended}
}

func (l *Logbook) read(r io.Reader) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		l.mu.Lock()
		l.lines = append(l.lines, scanner.Text())
		close(l.changed)
		l.changed = make(chan struct{})
		l.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, r) // a line too long ends the scan; the process must not block
}

// String returns the log so far.
func (l *Logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// tail returns the last lines of the log.
func (l *Logbook) tail() string {
	const most = 200
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines[max(0, len(l.lines)-most):], "\n")
}

// find returns the first line with the message that it has not returned before. It
// waits for Patience at most.
func (l *Logbook) find(ctx context.Context, message string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	for {
		l.mu.Lock()
		changed := l.changed
		for l.awaited[message] < len(l.lines) {
			line := l.lines[l.awaited[message]]
			l.awaited[message]++
			var entry map[string]any
			if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == message {
				l.mu.Unlock()
				return entry, nil
			}
		}
		l.mu.Unlock()
		select {
		case <-changed:
		case <-l.ended:
			return nil, fmt.Errorf("the program stopped, and its log has no %q:\n%s", message, l.tail())
		case <-ctx.Done():
			return nil, fmt.Errorf("the log has no %q:\n%s", message, l.tail())
		}
	}
}
