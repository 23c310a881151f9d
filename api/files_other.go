//go:build !unix

package api

// maxFiles returns how many files the process may open.
func maxFiles() int { return otherFiles + maxConnections }
