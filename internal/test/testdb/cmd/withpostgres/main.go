// Command withpostgres runs a command beside a PostgreSQL server for tests:
//
//	go run ./internal/test/testdb/cmd/withpostgres -- go test ./...
//
// It uses the server that TEST_DATABASE_URL names. Without that variable it starts a
// private server, sets the variable for the command, and removes the server at the
// end. It exits with the command's code. The command decides how long it runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/labring/sealos-notify/internal/test/testdb"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: withpostgres -- command [argument …]")
		os.Exit(2)
	}
	code, err := run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpostgres:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(args []string) (code int, err error) {
	// A signal goes to the command. This process ends after it has cleaned up.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)

	if os.Getenv(testdb.EnvURL) == "" {
		// Test data need not survive a power cut.
		cluster, err := testdb.NewCluster(context.Background(),
			"fsync=off", "synchronous_commit=off", "full_page_writes=off")
		if err != nil {
			return 1, fmt.Errorf("start PostgreSQL: %w", err)
		}
		defer func() { err = errors.Join(err, cluster.Remove(context.Background())) }()
		if err := os.Setenv(testdb.EnvURL, cluster.URL()); err != nil {
			return 1, err
		}
	}

	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s) // the command may have ended
		case err := <-done:
			return exitCode(err)
		}
	}
}

// exitCode returns the command's exit code as a shell reports it.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return 1, err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}
