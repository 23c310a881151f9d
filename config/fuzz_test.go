package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/config"
)

func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/conf.*.yml")
	require.NoError(f, err)
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(src)
	}
	path := filepath.Join(f.TempDir(), "config.yaml")
	f.Fuzz(func(t *testing.T, src []byte) {
		require.NoError(t, os.WriteFile(path, src, 0o600))
		start := time.Now()
		cfg, err := config.Loader{Path: path, Types: types, Env: fileEnv}.Load()
		require.Less(t, time.Since(start), 5*time.Second)
		if err == nil {
			require.NotEmpty(t, cfg.Redacted())
		}
	})
}
