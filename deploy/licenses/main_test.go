package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string // in order
		wrong string   // the error, in part
	}{
		{"no file", nil, nil, "there is no licence"},
		{"only a notice", map[string]string{"NOTICE": "Copyright"}, nil, "there is no licence"},
		{"an unknown text", map[string]string{"LICENSE": "All rights reserved."}, nil, "is not known"},
		{"one of them unknown", map[string]string{"LICENSE": "Apache License\n  Version 2.0", "COPYING": "?"}, nil, "is not known"},
		{"not allowed", map[string]string{"LICENSE": "GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3"}, nil, "is not allowed"},
		{"GPL as the second", map[string]string{"LICENSE": "Apache License Version 2.0", "COPYING": "GNU General Public License"}, nil, "is not allowed"},
		{"a comment", map[string]string{"LICENSE.txt": "// Permission is hereby granted, free of charge,\n// to any person obtaining a copy"}, []string{"MIT"}, ""},
		{
			"two and a notice",
			map[string]string{"LICENSE": "Mozilla Public License Version 2.0 … the GNU General Public License", "LICENSE-MIT": "Permission is hereby granted, free of charge, to any person obtaining a copy", "NOTICE": "x"},
			[]string{"MIT", "MPL-2.0"}, "",
		},
	} {
		dir := t.TempDir()
		for name, text := range c.files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
		found, err := above(dir, dir)
		require.NoError(t, err)
		require.Len(t, found, len(c.files), c.name)
		names, err := classify(found)
		if c.wrong != "" {
			require.ErrorContains(t, err, c.wrong, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, names, c.name)
	}
}

// A package's own licence counts beside its module's.
func TestAbove(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "a", "b")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for _, file := range []string{filepath.Join(top, "LICENSE"), filepath.Join(dir, "license.md"), filepath.Join(dir, "licence_test.go"), filepath.Join(top, "go.sum.license")} {
		require.NoError(t, os.WriteFile(file, nil, 0o600))
	}
	found, err := above(top, dir)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "license.md"), filepath.Join(top, "LICENSE")}, found)
}
