package siege

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
)

// manifest returns the memory limit and the GOMEMLIMIT of deploy/kubernetes.
func manifest(t *testing.T) (limit int64, gomemlimit string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Project(), "deploy/kubernetes/deployment.yaml"))
	require.NoError(t, err)
	most := regexp.MustCompile(`limits:\s[^}]*?memory: (\d+)Mi`).FindSubmatch(text)
	env := regexp.MustCompile(`name: GOMEMLIMIT.*\s+value: (\w+)`).FindSubmatch(text)
	require.NotNil(t, most)
	require.NotNil(t, env)
	mebibytes, err := strconv.ParseInt(string(most[1]), 10, 64)
	require.NoError(t, err)
	return mebibytes << 20, string(env[1])
}

// cage is the program in as much memory as the manifest gives it.
type cage struct {
	*harness.Replica
	t      *testing.T
	limit  int64
	before int64  // resident when it came into its cgroup; the cgroup does not count that
	dir    string // of the cgroup; empty without one
	peak   string // the cgroup's file
}

// encage starts the program of a world in a cage.
func encage(t *testing.T, w *harness.World) *cage {
	t.Helper()
	limit, gomemlimit := manifest(t)
	c := &cage{Replica: w.StartWith([]string{"GOMEMLIMIT=" + gomemlimit}), t: t, limit: limit}
	c.before = c.resident("VmRSS")
	for _, version := range []struct{ root, limit, peak string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"},
		{"/sys/fs/cgroup", "memory.max", "memory.peak"},
	} {
		dir, err := c.cgroup(version.root, version.limit, version.peak)
		if err == nil {
			c.dir, c.peak = dir, filepath.Join(dir, version.peak)
			t.Logf("the program is in a cgroup with %s (%s)", size(limit), version.limit)
			return c
		}
		t.Logf("no cgroup in %s: %v", version.root, err)
	}
	t.Logf("the program has GOMEMLIMIT=%s and no cgroup: its resident memory must stay below %s", gomemlimit, size(limit))
	return c
}

// cgroup makes a cgroup and puts the program into it.
func (c *cage) cgroup(root, limit, peak string) (string, error) {
	dir := filepath.Join(root, fmt.Sprintf("siege-%d", c.Cmd.Process.Pid))
	if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	c.t.Cleanup(func() {
		_ = c.Cmd.Process.Kill()
		require.Eventually(c.t, func() bool { return os.Remove(dir) == nil }, harness.Patience, 10*time.Millisecond)
	})
	for _, file := range []struct{ name, content string }{
		{limit, strconv.FormatInt(c.limit-c.before, 10)},
		{"cgroup.procs", strconv.Itoa(c.Cmd.Process.Pid)},
	} {
		if err := os.WriteFile(filepath.Join(dir, file.name), []byte(file.content), 0o600); err != nil {
			return "", err
		}
	}
	_, err := os.Stat(filepath.Join(dir, peak))
	return dir, err
}

// most returns the most memory that the program has taken, in bytes.
func (c *cage) most() int64 {
	c.t.Helper()
	resident := c.resident("VmHWM")
	if c.dir == "" {
		return resident
	}
	text, err := os.ReadFile(c.peak)
	require.NoError(c.t, err)
	counted, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	require.NoError(c.t, err)
	return max(resident, c.before+counted)
}

// resident returns a field of the program's status, in bytes.
func (c *cage) resident(field string) int64 {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Cmd.Process.Pid))
	require.NoError(c.t, err, "the program has ended")
	_, value, found := strings.Cut(string(text), field+":")
	require.True(c.t, found, "the program has ended")
	kibibytes, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
	require.NoError(c.t, err)
	return kibibytes << 10
}

// processor returns the processor time that the program has taken.
func (c *cage) processor() time.Duration {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.Cmd.Process.Pid))
	require.NoError(c.t, err, "the program has ended")
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')'):]))
	const user, system, hertz = 12, 13, 100
	ticks := 0
	for _, field := range fields[user : system+1] {
		n, err := strconv.Atoi(field)
		require.NoError(c.t, err)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / hertz
}

func size(bytes int64) string { return fmt.Sprintf("%d MiB", bytes>>20) }
