package smoke

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds every wait. It is long, because machines are busy; nothing
// waits for it unless something is wrong.
const patience = 60 * time.Second

// binary builds the program, once for all tests.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sealos-notify-smoke-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sealos-notify")
	build := exec.Command("go", "build", "-o", path, "github.com/labring/sealos-notify")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

// program returns a command that runs the program in the world's folder.
func (w *world) program(args ...string) *exec.Cmd {
	w.t.Helper()
	path, err := binary()
	require.NoError(w.t, err)
	cmd := exec.Command(path, args...)
	cmd.Dir = w.dir
	return cmd
}

// replica is one running process of the program.
type replica struct {
	t    *testing.T
	cmd  *exec.Cmd
	base string // http://host:port
	log  *logbook

	exited chan struct{}
	err    error // of the process, once exited
}

// start runs the program on the world's configuration until it serves.
func (w *world) start(flags ...string) *replica {
	w.t.Helper()
	return w.startWith(nil, flags...)
}

// startWith is start with variables added to the environment.
func (w *world) startWith(env []string, flags ...string) *replica {
	w.t.Helper()
	r := &replica{t: w.t, cmd: w.program(append([]string{"-c", "config.yaml"}, flags...)...), log: newLogbook(), exited: make(chan struct{})}
	r.cmd.Env = append(r.cmd.Environ(), env...)
	stderr, err := r.cmd.StderrPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, r.cmd.Start())
	go func() {
		defer close(r.exited)
		r.log.read(stderr)
		r.err = r.cmd.Wait()
	}()
	w.t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.exited
		if w.t.Failed() {
			w.t.Logf("log of the replica at %s:\n%s", r.base, r.log)
		}
	})
	r.base = "http://" + r.log.await(w.t, "serving", r.exited)["address"].(string)
	return r
}

// kill is kill -9.
func (r *replica) kill() {
	r.t.Helper()
	require.NoError(r.t, r.cmd.Process.Kill())
	<-r.exited
}

// terminate asks the replica to stop and returns its exit code.
func (r *replica) terminate() int {
	r.t.Helper()
	require.NoError(r.t, r.cmd.Process.Signal(syscall.SIGTERM))
	return r.wait()
}

func (r *replica) wait() int {
	r.t.Helper()
	select {
	case <-r.exited:
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		require.FailNow(r.t, "the replica did not stop")
		return -1
	}
}

// logbook keeps a log and lets tests wait for its lines.
type logbook struct {
	mu      sync.Mutex
	lines   []string
	awaited map[string]int // by message: how many lines were looked at
	changed chan struct{}
}

func newLogbook() *logbook {
	return &logbook{awaited: map[string]int{}, changed: make(chan struct{})}
}

func (l *logbook) read(r io.Reader) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		l.mu.Lock()
		l.lines = append(l.lines, scanner.Text())
		close(l.changed)
		l.changed = make(chan struct{})
		l.mu.Unlock()
	}
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

// await returns the first line with the message that it has not returned before.
func (l *logbook) await(t *testing.T, message string, exited <-chan struct{}) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
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
				return entry
			}
		}
		l.mu.Unlock()
		select {
		case <-changed:
		case <-exited:
			require.FailNow(t, "the program stopped", "waiting for the log line %q:\n%s", message, l)
		case <-ctx.Done():
			require.FailNow(t, "no such log line", "%q in:\n%s", message, l)
		}
	}
}
