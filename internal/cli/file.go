package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// readFile returns the content of a file of the user, without the byte order mark that
// some editors write.
func readFile(path string) ([]byte, error) {
	content, err := os.ReadFile(path) //nolint:gosec // the user names it
	return bytes.TrimPrefix(content, []byte("\xef\xbb\xbf")), err
}

// yamlFiles returns the YAML files of a folder by name.
func yamlFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		if ext := filepath.Ext(entry.Name()); ext == ".yaml" || ext == ".yml" {
			files = append(files, filepath.Join(dir, entry.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no YAML files", dir)
	}
	return files, nil
}
