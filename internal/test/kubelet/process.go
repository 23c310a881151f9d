package kubelet

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
)

// Process is a pod that serves.
type Process struct {
	t       *testing.T
	spec    Pod
	cmd     *exec.Cmd
	exited  chan struct{}
	ready   func(bool)
	probing sync.WaitGroup

	stopProbes context.CancelFunc

	mu      sync.Mutex
	address string // of the port http, once the program serves
	log     []string
}

// Start starts the pod and probes it. It calls ready from another goroutine when the pod
// becomes ready, and when it no longer is. All pods have one network here, so that each
// listens on ports of its own: that is all that differs from the manifest.
func Start(t *testing.T, spec Pod, have Mountable, ready func(bool)) *Process {
	t.Helper()
	p := &Process{t: t, spec: spec, cmd: spec.Command(t, have), exited: make(chan struct{}), ready: ready}
	p.cmd.Env = append(p.cmd.Env, "SERVER_ADDRESS=127.0.0.1:0", "METRICS_ADDRESS=127.0.0.1:0")
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	ctx, cancel := context.WithCancel(context.Background())
	p.stopProbes = cancel
	go func() {
		defer close(p.exited)
		p.read(stderr)
		_ = p.cmd.Wait() // ProcessState has it
		if ctx.Err() == nil {
			t.Errorf("a pod ended by itself: %s", p.cmd.ProcessState)
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = p.cmd.Process.Kill()
		limit.Receive(t, p.exited, "the end of a pod")
		p.probing.Wait()
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			t.Logf("the end of the log of the pod at %s:\n%s", p.address, strings.Join(p.log[max(0, len(p.log)-50):], "\n"))
		}
	})
	p.probing.Go(func() { p.probe(ctx) })
	return p
}

// read keeps the log, and the address in it.
func (p *Process) read(log io.Reader) {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry struct{ Msg, Address string }
		_ = json.Unmarshal(lines.Bytes(), &entry) // or the error of a program that does not start
		p.mu.Lock()
		p.log = append(p.log, lines.Text())
		if entry.Msg == "serving" {
			p.address = entry.Address
		}
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, log)
}

// URL returns the address of the API, of a pod that was ready.
func (p *Process) URL() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return "http://" + p.address
}

// probe probes until ctx ends: first the start, then liveness and readiness.
func (p *Process) probe(ctx context.Context) {
	c, started := p.spec.Containers[0], false
	p.watch(ctx, c.StartupProbe, func(ok bool) bool {
		if started = ok; !ok {
			p.t.Errorf("a pod fails its startup probe: it would be restarted")
		}
		return false
	})
	if !started {
		return
	}
	p.probing.Go(func() {
		p.watch(ctx, c.LivenessProbe, func(ok bool) bool {
			if !ok {
				p.t.Errorf("a pod fails its liveness probe: it would be restarted")
			}
			return ok
		})
	})
	ready := false
	p.watch(ctx, c.ReadinessProbe, func(ok bool) bool {
		if ok != ready {
			ready = ok
			p.ready(ok)
		}
		return true
	})
}

// watch asks a probe until ctx ends or told returns false. It tells each success, and each
// failure from the failureThreshold on.
func (p *Process) watch(ctx context.Context, probe Probe, told func(ok bool) (more bool)) {
	for failures := 0; ; {
		if p.ask(ctx, probe) {
			failures = 0
		} else {
			failures++
		}
		if ctx.Err() != nil {
			return
		}
		if ok := failures == 0; (ok || failures >= cmp.Or(probe.FailureThreshold, 3)) && !told(ok) {
			return
		}
		select {
		case <-time.After(seconds(cmp.Or(probe.PeriodSeconds, 10))):
		case <-ctx.Done():
			return
		}
	}
}

// ask asks once.
func (p *Process) ask(ctx context.Context, probe Probe) bool {
	ctx, cancel := context.WithTimeout(ctx, seconds(cmp.Or(probe.TimeoutSeconds, 1)))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+probe.HTTPGet.Path, nil)
	if err != nil {
		return false // it has no address yet
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

// Stop stops the pod: it sleeps as preStop says, sends SIGTERM, and requires that the pod ends
// well within its grace period. It may run in a goroutine.
func (p *Process) Stop() {
	p.stopProbes()
	killed := time.After(seconds(p.spec.Grace))
	time.Sleep(seconds(p.spec.Containers[0].Lifecycle.PreStop.Sleep.Seconds))
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error: it has ended, which is reported
	select {
	case <-p.exited:
		if !p.cmd.ProcessState.Success() {
			p.t.Errorf("a pod stopped with %s", p.cmd.ProcessState)
		}
	case <-killed:
		p.t.Errorf("a pod did not stop within its grace period")
	}
}
