package config_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// watched is a configuration that is loaded again after each change.
type watched struct {
	t       *testing.T
	dir     string
	results chan result
}

type result struct {
	cfg *config.Config
	err error
}

// watch begins to watch the config.yaml in dir.
func watch(t *testing.T, dir string) *watched {
	t.Helper()
	loader := config.Loader{Path: filepath.Join(dir, "config.yaml"), Types: types, Env: map[string]string{}}
	w := &watched{t: t, dir: dir, results: make(chan result)}
	watcher, err := loader.Watch(zaptest.NewLogger(t))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		watcher.Run(ctx, func() {
			cfg, err := loader.Load()
			select {
			case w.results <- result{cfg, err}:
			case <-ctx.Done():
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		limit.Receive(t, done, "the watch to end")
		watcher.Close()
	})
	return w
}

// until waits for a load that fits. One edit can cause several loads.
func (w *watched) until(fits func(result) bool) {
	w.t.Helper()
	end := time.After(limit.Wait)
	for {
		select {
		case r := <-w.results:
			if fits(r) {
				return
			}
		case <-end:
			require.FailNow(w.t, "the change was not seen")
		}
	}
}

func (w *watched) untilHost(host string) {
	w.t.Helper()
	w.until(func(r result) bool { return r.err == nil && r.cfg.Database.Host == host })
}

func put(t *testing.T, text string, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
}

func withHost(host string) string { return "auth: {enabled: false}\ndatabase: {host: " + host + "}\n" }

func TestWatchSeesEdits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, withHost("one"), dir, "config.yaml")
	w := watch(t, dir)
	for _, host := range []string{"two", "three"} {
		put(t, withHost(host), dir, "config.yaml")
		w.untilHost(host)
	}
}

func TestWatchSeesAtomicRenamesAndNoMomentWithoutTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, withHost("one"), dir, "config.yaml")
	w := watch(t, dir)
	for _, host := range []string{"two", "three"} {
		require.NoError(t, os.Remove(filepath.Join(dir, "config.yaml")))
		put(t, withHost(host), dir, "new")
		require.NoError(t, os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "config.yaml")))
		w.until(func(r result) bool {
			require.NoError(t, r.err)
			return r.cfg.Database.Host == host
		})
	}
}

func TestWatchSeesAConfigMapBeingSwapped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, withHost("one"), dir, "..one", "config.yaml")
	require.NoError(t, os.Symlink("..one", filepath.Join(dir, "..data")))
	require.NoError(t, os.Symlink("..data/config.yaml", filepath.Join(dir, "config.yaml")))
	w := watch(t, dir)
	previous := "..one"
	for _, host := range []string{"two", "three"} {
		put(t, withHost(host), dir, ".."+host, "config.yaml")
		require.NoError(t, os.Symlink(".."+host, filepath.Join(dir, "..data_tmp")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
		require.NoError(t, os.RemoveAll(filepath.Join(dir, previous)))
		previous = ".." + host
		w.untilHost(host)
	}
}

func TestWatchSeesTheTargetOfASymlink(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	put(t, withHost("one"), elsewhere, "real.yaml")
	require.NoError(t, os.Symlink(filepath.Join(elsewhere, "real.yaml"), filepath.Join(dir, "config.yaml")))
	w := watch(t, dir)
	put(t, withHost("two"), elsewhere, "real.yaml")
	w.untilHost("two")
}

func TestWatchFollowsTheFilesThatTheConfigurationNames(t *testing.T) {
	t.Parallel()
	dir, secrets := t.TempDir(), t.TempDir()
	apps, password := filepath.Join(secrets, "apps", "apps.yaml"), filepath.Join(secrets, "db", "password")
	put(t, "apps: []\n", apps)
	put(t, "auth: {credentialsFilePath: "+apps+"}\n", dir, "config.yaml")
	w := watch(t, dir)

	put(t, "apps: [] # changed\n", apps)
	w.until(func(r result) bool { return r.err == nil })

	// The password's file comes after the configuration that names it.
	require.NoError(t, os.MkdirAll(filepath.Dir(password), 0o700))
	put(t, "auth: {credentialsFilePath: "+apps+"}\ndatabase: {passwordFile: "+password+"}\n", dir, "config.yaml")
	w.until(func(r result) bool { return r.err != nil })
	for _, secret := range []string{"one", "two"} {
		put(t, secret, password)
		w.until(func(r result) bool { return r.err == nil && r.cfg.Database.Password == secret })
	}
}

func TestWatchSeesAChangeMadeBeforeRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, withHost("one"), dir, "config.yaml")
	watcher, err := config.Loader{Path: filepath.Join(dir, "config.yaml"), Env: map[string]string{}}.Watch(zaptest.NewLogger(t))
	require.NoError(t, err)
	defer watcher.Close()
	put(t, withHost("two"), dir, "config.yaml")
	ctx, cancel := context.WithTimeout(t.Context(), limit.Wait)
	watcher.Run(ctx, cancel)
	require.ErrorIs(t, ctx.Err(), context.Canceled, "the change was seen")
}
