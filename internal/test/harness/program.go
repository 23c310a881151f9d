package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
)

// The program is built once for all tests of a package: as it is released, and with
// the race detector, which needs C.
var (
	plainBinary = sync.OnceValues(func() (string, error) { return build("CGO_ENABLED=0") })
	raceBinary  = sync.OnceValues(func() (string, error) { return build("CGO_ENABLED=1", "-race") })
)

const module = "github.com/labring/sealos-notify"

func build(env string, flags ...string) (string, error) {
	dir, err := os.MkdirTemp("", "sealos-notify-program-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sealos-notify")
	ctx, cancel := context.WithTimeout(context.Background(), limit.Run)
	defer cancel()
	// The build runs in the module's folder, because a test may be in another module.
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", module, err)
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-o", path}, flags...)...)
	cmd.Dir = strings.TrimSpace(string(root))
	cmd.Env = append(cmd.Environ(), env)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
}

// Program returns a command that runs the program in the world's folder for
// limit.Run at most.
func (w *World) Program(args ...string) *exec.Cmd {
	w.t.Helper()
	cmd := limit.Command(w.t, limit.Run, w.binary(), args...)
	cmd.Dir = w.Dir
	return cmd
}

// binary returns the path of the program.
func (w *World) binary() string {
	w.t.Helper()
	build := plainBinary
	if w.Race {
		build = raceBinary
	}
	path, err := build()
	require.NoError(w.t, err)
	return path
}
