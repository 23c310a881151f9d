//go:build unix

package api

import "syscall"

// maxFiles returns how many files the process may open.
func maxFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return otherFiles + maxConnections
	}
	return int(min(uint64(limit.Cur), otherFiles+maxConnections)) //nolint:unconvert // signed on FreeBSD
}
