// Package smoke holds the promises of the README as tests of the real program.
package smoke
