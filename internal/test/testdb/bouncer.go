package testdb

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/store"
)

// Bouncer is a PgBouncer in front of one database.
type Bouncer struct {
	t      *testing.T
	db     store.Config
	folder string
	cmd    *exec.Cmd
	ended  chan struct{}
}

// NewBouncer runs a PgBouncer in front of the database until the test ends. The mode is
// "session" or "transaction"; everything else is its default, unless a line of its configuration
// says otherwise. It listens on a socket in a folder of its own.
func NewBouncer(t *testing.T, db store.Config, mode string, settings ...string) *Bouncer {
	t.Helper()
	folder, err := os.MkdirTemp("", "pgbouncer-") // the path of a socket has 107 characters at most
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	b := &Bouncer{t: t, db: db, folder: folder}
	config := fmt.Sprintf("[databases]\n* = host=%s port=%d user=%s password='%s'\n[pgbouncer]\npool_mode = %s\n"+
		"listen_addr =\nunix_socket_dir = %s\nauth_type = any\nlogfile = %s\n%s\n",
		db.Host, db.Port, db.User, strings.ReplaceAll(db.Password, "'", "''"), mode, folder, b.log(), strings.Join(settings, "\n"))
	require.NoError(t, os.WriteFile(b.config(), []byte(config), 0o644))
	b.Start()
	t.Cleanup(func() {
		b.Kill()
		if t.Failed() {
			said, _ := os.ReadFile(b.log())
			t.Logf("PgBouncer:\n%s", said)
		}
	})
	return b
}

// Config returns the settings of the database behind the pooler.
func (b *Bouncer) Config() store.Config {
	c := b.db
	c.Host, c.Port = b.folder, 6432
	return c
}

// Start starts the pooler and waits until it listens.
func (b *Bouncer) Start() {
	b.t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // Debian's place, which is not on every PATH
	}
	b.cmd = exec.Command(program, "-q", b.config())
	if os.Geteuid() == 0 { // it does not run as root
		account, err := give("postgres", b.folder, b.config())
		require.NoError(b.t, err)
		b.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	}
	require.NoError(b.t, b.cmd.Start(), "run make deps")
	b.ended = make(chan struct{})
	go func() {
		defer close(b.ended)
		_ = b.cmd.Wait() // it is killed
	}()
	require.Eventually(b.t, func() bool {
		conn, err := net.Dial("unix", filepath.Join(b.folder, ".s.PGSQL.6432"))
		return err == nil && conn.Close() == nil
	}, limit.Wait, 10*time.Millisecond, "PgBouncer does not listen")
}

// Kill kills the pooler, which cuts all connections.
func (b *Bouncer) Kill() {
	b.t.Helper()
	_ = b.cmd.Process.Kill() // it may have ended
	limit.Receive(b.t, b.ended, "the end of PgBouncer")
}

func (b *Bouncer) config() string { return filepath.Join(b.folder, "pgbouncer.ini") }
func (b *Bouncer) log() string    { return filepath.Join(b.folder, "log") }
