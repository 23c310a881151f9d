// Package security holds what an attacker must not reach, as tests of the real
// program: secrets and addresses in places where they do not belong, mail headers,
// log lines, a writable folder.
package security
