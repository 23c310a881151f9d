package cli

import (
	"bytes"
	"os"
)

// readFile returns the content of a file of the user, without the byte order mark that
// some editors write.
func readFile(path string) ([]byte, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the user names it
	return bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")), err
}
