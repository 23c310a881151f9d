package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
)

// Patience bounds every wait.
const Patience = limit.Wait

// Replica is one running process of the program.
type Replica struct {
	Cmd  *exec.Cmd
	Base string // http://host:port
	// Metrics is the URL of the metrics.
	Metrics string
	Log     *Logbook // all output; nil when the log goes to a file

	t      *testing.T
	exited chan struct{}
}

// Start runs the program on the world's configuration and returns when it serves.
func (w *World) Start(flags ...string) *Replica {
	w.t.Helper()
	return w.StartWith(nil, flags...)
}

// StartWith is Start with variables added to the environment ("NAME=value").
func (w *World) StartWith(env []string, flags ...string) *Replica {
	w.t.Helper()
	r, err := w.TryStart(env, flags...)
	require.NoError(w.t, err)
	return r
}

// TryStart is StartWith for a program that may fail to start.
func (w *World) TryStart(env []string, flags ...string) (*Replica, error) {
	w.t.Helper()
	r := w.newReplica(env, flags...)
	r.Log = newLogbook(r.exited)
	stderr, err := r.Cmd.StderrPipe()
	require.NoError(w.t, err)
	r.Cmd.Stdout = r.Cmd.Stderr
	require.NoError(w.t, r.Cmd.Start())
	go func() {
		defer close(r.exited)
		r.Log.read(stderr)
		_ = r.Cmd.Wait() // ProcessState has it
	}()
	w.t.Cleanup(func() {
		_ = r.Cmd.Process.Kill()
		r.awaitExit()
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

// StartBlind runs the program with its log in a file. The address is given, because
// nothing reads it from the log. The program may not serve yet when StartBlind returns.
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
		r.awaitExit()
	})
	return r
}

// At returns a replica at the URL that the caller runs.
func (w *World) At(base string) *Replica { return &Replica{t: w.t, Base: base} }

func (w *World) newReplica(env []string, flags ...string) *Replica {
	// It runs as long as the test: its cleanup kills it.
	args := append(slices.Clone(w.Before), w.binary(), "-c", "config.yaml")
	args = append(args, flags...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = w.Dir
	cmd.Env = append(cmd.Environ(), env...)
	return &Replica{t: w.t, Cmd: cmd, exited: make(chan struct{})}
}

// Kill kills the process with SIGKILL.
func (r *Replica) Kill() {
	r.t.Helper()
	require.NoError(r.t, r.Cmd.Process.Kill())
	r.awaitExit()
}

func (r *Replica) awaitExit() {
	r.t.Helper()
	limit.Receive(r.t, r.exited, "the end of the replica")
}

// Signal sends the process a signal.
func (r *Replica) Signal(s os.Signal) {
	r.t.Helper()
	require.NoError(r.t, r.Cmd.Process.Signal(s))
}

// Freeze stops the process with SIGSTOP. It returns when the whole process stands
// still, which on a busy machine is a while after the signal.
func (r *Replica) Freeze() {
	r.t.Helper()
	r.Signal(syscall.SIGSTOP)
	stopped := make(chan error, 1)
	go func() { stopped <- waitStopped(r.Cmd.Process.Pid) }()
	require.NoError(r.t, limit.Receive(r.t, stopped, "the replica to stand still"))
}

func waitStopped(pid int) error {
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return err
		case !status.Stopped():
			return errors.New("the process ended")
		default:
			return nil
		}
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
	r.awaitExit()
	return r.Cmd.ProcessState.ExitCode()
}

// Await returns the first line of the log with the message that it has not
// returned before.
func (r *Replica) Await(message string) map[string]any {
	r.t.Helper()
	line, err := r.Log.find(r.t.Context(), message)
	require.NoError(r.t, err)
	return line
}
