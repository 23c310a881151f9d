package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
)

// nobody is the id of a user that owns nothing.
const nobody = 65534

// Root is a root folder like the image's: it holds the static binary and the files
// that Write adds.
type Root struct {
	t   *testing.T
	dir string
}

// NewRoot makes a root folder with the program in it.
func NewRoot(t *testing.T) *Root {
	t.Helper()
	r := &Root{t: t, dir: filepath.Join(t.TempDir(), "root")}
	require.NoError(t, os.Mkdir(r.dir, 0o755))
	binary, err := plainBinary()
	require.NoError(t, err)
	require.NoError(t, os.Link(binary, filepath.Join(r.dir, "sealos-notify")))
	return r
}

// Write puts a file at an absolute path inside.
func (r *Root) Write(path, content string) {
	r.t.Helper()
	path = filepath.Join(r.dir, path)
	require.NoError(r.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(r.t, os.WriteFile(path, []byte(content), 0o444))
}

// Program returns a command that runs the program inside for limit.Run at most, with
// an empty environment, as a user that can write nowhere. A test that does not run as
// root changes the root folder in a user namespace.
func (r *Root) Program(args ...string) *exec.Cmd {
	r.t.Helper()
	r.seal(0o555)
	r.t.Cleanup(func() { r.seal(0o755) }) // so that it can be removed
	cmd := limit.Command(r.t, limit.Run, "/sealos-notify", args...)
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: r.dir}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	} else {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getegid(), Size: 1}}
	}
	return cmd
}

// seal sets the mode of every folder inside.
func (r *Root) seal(mode os.FileMode) {
	require.NoError(r.t, filepath.WalkDir(r.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return os.Chmod(path, mode)
	}))
}
