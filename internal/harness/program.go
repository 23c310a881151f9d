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

// The program is built once for all tests of a package, in each way it is asked for.
var (
	plainBinary = sync.OnceValues(func() (string, error) { return build() })
	raceBinary  = sync.OnceValues(func() (string, error) { return build("-race") })
)

const module = "github.com/labring/sealos-notify"

func build(flags ...string) (string, error) {
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
	build := exec.Command("go", append([]string{"build", "-o", path}, flags...)...)
	build.Dir = strings.TrimSpace(string(root))
	if out, err := build.CombinedOutput(); err != nil {
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
