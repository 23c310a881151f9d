// Package mailservers runs real mail servers for tests: Mailpit, a mail catcher with an
// API, which is built from its module, and the mail transfer agents Exim and Postfix,
// which `make deps` installs and unpacks.
package mailservers

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/freeport"
)

// Host is the address of all servers and of their certificates.
const Host = "127.0.0.1"

// The account of each server.
const (
	Username = "notify@example.com"
	Password = "canary-password-81c4"
)

func freePort(t testing.TB) int {
	t.Helper()
	port, err := freeport.Take(t.Context())
	require.NoError(t, err)
	return port
}

// start runs a server until the test ends, and returns when it listens at the ports.
// The server runs as the account; as this process's when it is nil.
func start(t testing.TB, account *syscall.Credential, program string, args []string, ports ...int) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	output, err := os.Create(log)
	require.NoError(t, err)
	defer func() { require.NoError(t, output.Close()) }()

	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), libraryPath(program)...)
	cmd.Stdout, cmd.Stderr = output, output
	// Its own process group, because a server has children.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account, Setpgid: true}
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // it is killed
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		if t.Failed() {
			said, _ := os.ReadFile(log)
			t.Logf("%s:\n%s", filepath.Base(program), said)
		}
	})

	for _, port := range ports {
		require.NoError(t, listens(port, ended), "%s does not listen", program)
	}
}

// listens returns when something listens at the port, or an error when the server has
// ended.
func listens(port int, ended chan struct{}) error {
	for {
		conn, err := net.Dial("tcp", freeport.Address(port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ended:
			return errors.New("it has ended")
		case <-time.After(10 * time.Millisecond): // nothing announces that the port opens
		}
	}
}
