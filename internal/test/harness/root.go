package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// nobody is a user that owns nothing.
const nobody = 65534

// Root is a root folder as the image has it: the static binary and what is written
// there, and nothing else.
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

// Program returns a command that runs the program inside, with an empty
// environment, as a user without rights that can write nowhere. Who is not root
// already becomes so for the change, in a namespace of its own.
func (r *Root) Program(args ...string) *exec.Cmd {
	r.t.Helper()
	r.seal(0o555)
	r.t.Cleanup(func() { r.seal(0o755) }) // or it cannot be removed
	cmd := exec.CommandContext(r.t.Context(), "/sealos-notify", args...)
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

// seal gives every folder inside the mode.
func (r *Root) seal(mode os.FileMode) {
	require.NoError(r.t, filepath.WalkDir(r.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return os.Chmod(path, mode)
	}))
}
