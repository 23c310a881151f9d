package testdb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/labring/sealos-notify/internal/test/freeport"
	"github.com/labring/sealos-notify/store"
)

// Cluster is a private PostgreSQL server on 127.0.0.1 with a folder of its own.
type Cluster struct {
	binaries string
	folder   string
	port     int
	password string
	account  *syscall.Credential // that runs the server; nil for this process's
	settings []string
}

// NewCluster starts a private server. PostgreSQL refuses to run as root, so root
// runs it as the user postgres. Settings ("fsync=off") override the defaults. The
// caller calls Remove at the end.
func NewCluster(ctx context.Context, settings ...string) (*Cluster, error) {
	return newCluster(ctx, func(*Cluster) error { return nil }, settings...)
}

// newCluster calls prepare before the first start.
func newCluster(ctx context.Context, prepare func(*Cluster) error, settings ...string) (*Cluster, error) {
	binaries, err := FindBinaries()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "sealos-notify-postgres-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{binaries: binaries, folder: folder, password: rand.Text(), settings: settings}
	err = c.init(ctx)
	if err == nil {
		err = prepare(c)
	}
	if err == nil {
		err = c.Start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Remove(context.WithoutCancel(ctx)))
	}
	return c, nil
}

func (c *Cluster) init(ctx context.Context) error {
	secret := filepath.Join(c.folder, "password")
	if err := os.WriteFile(secret, []byte(c.password), 0o600); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		account, err := give("postgres", c.folder, secret)
		if err != nil {
			return err
		}
		c.account = account
	}
	port, err := freeport.Take(ctx)
	if err != nil {
		return err
	}
	c.port = port
	return c.run(ctx, "initdb", "-D", c.data(), "-U", "postgres", "-A", "scram-sha-256",
		"--pwfile", secret, "-E", "UTF8", "--locale", "C", "--no-sync")
}

// give makes the account the owner of the paths and returns it.
func give(account string, paths ...string) (*syscall.Credential, error) {
	u, err := user.Lookup(account)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL and PgBouncer do not run as root: %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if err := os.Chown(path, uid, gid); err != nil {
			return nil, err
		}
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// Start starts the server and waits until it accepts connections. Data and port stay
// the same from one start to the next.
func (c *Cluster) Start(ctx context.Context) error {
	settings := append([]string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(c.port),
		"unix_socket_directories=",
		"max_connections=300",
	}, c.settings...)
	return c.run(ctx, "pg_ctl", "start", "-w", "-D", c.data(), "-l", c.log(), "-o", "-c "+strings.Join(settings, " -c "))
}

// Stop ends all sessions and shuts the server down cleanly.
func (c *Cluster) Stop(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "stop", "-w", "-D", c.data(), "-m", "fast")
}

// Kill stops the server at once, as a crash would: the next Start recovers.
func (c *Cluster) Kill(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "stop", "-w", "-D", c.data(), "-m", "immediate")
}

// Remove stops the server if it runs and deletes its folder.
func (c *Cluster) Remove(ctx context.Context) error {
	var stopped error
	if _, err := os.Stat(filepath.Join(c.data(), "postmaster.pid")); err == nil {
		stopped = c.Kill(ctx)
	}
	return errors.Join(stopped, os.RemoveAll(c.folder))
}

// PID returns the process id of the running server, whose children serve the sessions.
func (c *Cluster) PID() (int, error) {
	content, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(content), "\n")
	return strconv.Atoi(first)
}

// URL returns the URL of the database postgres, as the superuser.
func (c *Cluster) URL() string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword("postgres", c.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)),
		Path:     "postgres",
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Config returns the settings that connect to the database postgres.
func (c *Cluster) Config() store.Config {
	config := store.DefaultConfig()
	config.Host, config.Port, config.User, config.Password, config.DBName = "127.0.0.1", c.port, "postgres", c.password, "postgres"
	return config
}

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }
func (c *Cluster) log() string  { return filepath.Join(c.folder, "log") }

// programLimit bounds each of PostgreSQL's programs. pg_ctl gives up earlier.
const programLimit = 2 * time.Minute

// run runs one of PostgreSQL's programs. Its output goes to a file, not to a pipe:
// the server inherits it, and a pipe would be read until the server ends.
func (c *Cluster) run(ctx context.Context, program string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, programLimit)
	defer cancel()
	output, err := os.CreateTemp(c.folder, program)
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }()
	cmd := exec.CommandContext(ctx, filepath.Join(c.binaries, program), args...)
	cmd.Dir = c.folder
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.account}
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(output.Name())
		log, _ := os.ReadFile(c.log())
		return fmt.Errorf("%s: %w\n%s%s", program, err, said, log)
	}
	return nil
}
