package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"
)

// The program is built once for all tests of a package, in each way it is asked for:
// as it is released, and with the race detector, which needs C.
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
	// From its own folder: a test may be in another module.
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", module, err)
	}
	cmd := exec.Command("go", append([]string{"build", "-o", path}, flags...)...)
	cmd.Dir = strings.TrimSpace(string(root))
	cmd.Env = append(cmd.Environ(), env)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
}

// Program returns a command that runs the program in the world's folder.
func (w *World) Program(args ...string) *exec.Cmd {
	w.t.Helper()
	binary := plainBinary
	if w.Race {
		binary = raceBinary
	}
	path, err := binary()
	require.NoError(w.t, err)
	cmd := exec.Command(path, args...)
	cmd.Dir = w.Dir
	return cmd
}
