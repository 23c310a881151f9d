// Package freeport finds ports for programs of tests that cannot choose one themselves.
package freeport

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// The ports are below 32768, where Linux begins to give ports to outgoing connections (see
// net.ipv4.ip_local_port_range). A port from there can be gone when the program starts, and
// somebody who waits for the program there can connect to himself.
const (
	first = 10_000
	end   = 32_768
)

var (
	mu    sync.Mutex
	taken = map[int]bool{}
)

// Take returns a port of 127.0.0.1 that is free, and never the same twice in a process.
func Take(ctx context.Context) (int, error) {
	mu.Lock()
	defer mu.Unlock()
	for range end - first {
		port := first + rand.IntN(end-first)
		if taken[port] {
			continue
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", Address(port))
		if err != nil {
			continue // somebody else's
		}
		taken[port] = true
		return port, l.Close()
	}
	return 0, errors.New("no port between 10000 and 32767 is free")
}

// Address returns the address of a port of 127.0.0.1.
func Address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
