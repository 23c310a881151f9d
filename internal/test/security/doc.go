// Package security tests the real program against attacks: secrets and addresses in
// places where they do not belong, forged mail headers and log lines, a writable
// folder.
package security
