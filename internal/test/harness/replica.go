package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience bounds every wait. It is long, because machines are busy; nothing
// waits for it unless something is wrong.
const Patience = 60 * time.Second

// Replica is one running process of the program.
type Replica struct {
	Cmd  *exec.Cmd
	Base string // http://host:port
	// Metrics is the URL of the metrics.
	Metrics string
	Log     *Logbook // all that it writes; nil when the log goes elsewhere

	t      *testing.T
	exited chan struct{}
}

// Start runs the program on the world's configuration until it serves.
func (w *World) Start(flags ...string) *Replica {
	w.t.Helper()
	return w.StartWith(nil, flags...)
}

// StartWith is Start with variables added to the environment.
func (w *World) StartWith(env []string, flags ...string) *Replica {
	w.t.Helper()
	r, err := w.TryStart(env, flags...)
	require.NoError(w.t, err)
	return r
}

// TryStart is StartWith for a program that may stop before it serves.
func (w *World) TryStart(env []string, flags ...string) (*Replica, error) {
	w.t.Helper()
	r := w.newReplica(env, flags...)
	r.Log = newLogbook(r.exited)
	stderr, err := r.Cmd.StderrPipe()
	require.NoError(w.t, err)
	r.Cmd.Stdout = r.Cmd.Stderr // which nothing should be written to
	require.NoError(w.t, r.Cmd.Start())
	go func() {
		defer close(r.exited)
		r.Log.read(stderr)
		_ = r.Cmd.Wait() // ProcessState has it
	}()
	w.t.Cleanup(func() {
		_ = r.Cmd.Process.Kill()
		<-r.exited
		if w.t.Failed() {
			w.t.Logf("log of the replica at %s:\n%s", r.Base, r.Log.tail())
		}
	})
	serving, err := r.Log.find(w.t.Context(), "serving")
	if err != nil {
		return nil, fmt.Errorf("the program does not serve: %w", err)
	}
	r.Base = "http://" + serving["address"].(string)
	if address, served := serving["metrics"].(string); served {
		r.Metrics = "http://" + address + "/metrics"
	}
	return r, nil
}

// StartBlind runs the program with its log going to a file. Without the log it
// cannot tell where it listens, so the address is given, and it may not serve yet.
func (w *World) StartBlind(log *os.File, address string) *Replica {
	w.t.Helper()
	r := w.newReplica(nil, "--address", address)
	r.Base = "http://" + address
	r.Cmd.Stderr = log
	require.NoError(w.t, r.Cmd.Start())
	go func() {
		defer close(r.exited)
		_ = r.Cmd.Wait() // ProcessState has it
	}()
	w.t.Cleanup(func() {
		_ = r.Cmd.Process.Kill()
		<-r.exited
	})
	return r
}

// At returns a replica at the URL that somebody else runs.
func (w *World) At(base string) *Replica { return &Replica{t: w.t, Base: base} }

func (w *World) newReplica(env []string, flags ...string) *Replica {
	r := &Replica{t: w.t, Cmd: w.Program(append([]string{"-c", "config.yaml"}, flags...)...), exited: make(chan struct{})}
	r.Cmd.Env = append(r.Cmd.Environ(), env...)
	return r
}

// Kill is kill -9.
func (r *Replica) Kill() {
	r.t.Helper()
	require.NoError(r.t, r.Cmd.Process.Kill())
	<-r.exited
}

// Signal sends the process a signal.
func (r *Replica) Signal(s os.Signal) {
	r.t.Helper()
	require.NoError(r.t, r.Cmd.Process.Signal(s))
}

// Freeze is kill -STOP. It returns when the whole process stands still, which on a
// busy machine is a while after the signal was sent.
func (r *Replica) Freeze() {
	r.t.Helper()
	r.Signal(syscall.SIGSTOP)
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(r.Cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		require.NoError(r.t, err)
		require.True(r.t, status.Stopped(), "it ended")
		return
	}
}

// Terminate asks the replica to stop and returns its exit code.
func (r *Replica) Terminate() int {
	r.t.Helper()
	r.Signal(syscall.SIGTERM)
	return r.Wait()
}

// Wait waits for the end of the process and returns its exit code.
func (r *Replica) Wait() int {
	r.t.Helper()
	select {
	case <-r.exited:
		return r.Cmd.ProcessState.ExitCode()
	case <-time.After(Patience):
		require.FailNow(r.t, "the replica did not stop")
		return -1
	}
}

// Await returns the first line of the log with the message that it has not
// returned before.
func (r *Replica) Await(message string) map[string]any {
	r.t.Helper()
	line, err := r.Log.find(r.t.Context(), message)
	require.NoError(r.t, err)
	return line
}
