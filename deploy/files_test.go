package deploy

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// decode reads the documents of a YAML file.
func decode[T any](t *testing.T, path ...string) []T {
	t.Helper()
	f, err := os.Open(filepath.Join(path...))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	var list []T
	for decoder := yaml.NewDecoder(f); ; {
		var document T
		err := decoder.Decode(&document)
		if len(list) > 0 && errors.Is(err, io.EOF) {
			return list
		}
		require.NoError(t, err)
		list = append(list, document)
	}
}

// one reads the only document of a YAML file.
func one[T any](t *testing.T, path ...string) T {
	t.Helper()
	list := decode[T](t, path...)
	require.Len(t, list, 1)
	return list[0]
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// numericUser matches a numeric user and group that are not root.
var numericUser = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`)
