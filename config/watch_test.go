package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"github.com/labring/sealos-notify/config"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/skip"
)

// watched is a configuration that is loaded again after each change.
type watched struct {
	t        *testing.T
	dir      string
	results  chan result
	requests chan os.Signal
}

type result struct {
	cfg *config.Config
	err error
}

// watch begins to watch the config.yaml in dir.
func watch(t *testing.T, dir string, prepared ...func(*config.Watcher)) *watched {
	t.Helper()
	loader := config.Loader{Path: filepath.Join(dir, "config.yaml"), Types: types, Env: map[string]string{}}
	w := &watched{t: t, dir: dir, results: make(chan result), requests: make(chan os.Signal)}
	watcher := loader.Watch(zaptest.NewLogger(t), func() {})
	for _, prepare := range prepared {
		prepare(watcher)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		watcher.Run(ctx, w.requests, func() {
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
	watcher := config.Loader{Path: filepath.Join(dir, "config.yaml"), Env: map[string]string{}}.Watch(zaptest.NewLogger(t), func() {})
	defer watcher.Close()
	put(t, withHost("two"), dir, "config.yaml")
	ctx, cancel := context.WithTimeout(t.Context(), limit.Wait)
	watcher.Run(ctx, nil, cancel)
	require.ErrorIs(t, ctx.Err(), context.Canceled, "the change was seen")
}

// A folder that is removed and made again is followed, however that is done.
func TestWatchFollowsAFolderThatIsReplaced(t *testing.T) {
	t.Parallel()
	move := func(t *testing.T, from, to string) { require.NoError(t, os.Rename(from, to)) }
	for name, replace := range map[string]func(t *testing.T, folder, host string){
		"removed and made again": func(t *testing.T, folder, host string) {
			require.NoError(t, os.RemoveAll(folder))
			put(t, withHost(host), folder, "config.yaml")
		},
		"renamed over": func(t *testing.T, folder, host string) {
			put(t, withHost(host), folder+".new", "config.yaml")
			move(t, folder, folder+".old."+host)
			move(t, folder+".new", folder)
		},
		"its parent is removed, too": func(t *testing.T, folder, host string) {
			require.NoError(t, os.RemoveAll(filepath.Dir(folder)))
			put(t, withHost(host), folder, "config.yaml")
		},
		"a symlink to another folder": func(t *testing.T, folder, host string) {
			put(t, withHost(host), folder+"."+host, "config.yaml")
			require.NoError(t, os.Symlink(folder+"."+host, folder+".link"))
			if info, err := os.Lstat(folder); err == nil && info.IsDir() {
				move(t, folder, folder+".old") // a folder at first
			}
			move(t, folder+".link", folder)
		},
		"slowly, with a moment without the folder": func(t *testing.T, folder, host string) {
			require.NoError(t, os.RemoveAll(folder))
			time.Sleep(300 * time.Millisecond) // longer than the watcher waits
			require.NoError(t, os.Mkdir(folder, 0o700))
			time.Sleep(300 * time.Millisecond)
			put(t, withHost(host), folder, "config.yaml")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(t.TempDir(), "parent", "folder")
			put(t, withHost("one"), folder, "config.yaml")
			w := watch(t, folder)
			for _, host := range []string{"two", "three"} {
				replace(t, folder, host)
				w.until(func(r result) bool {
					require.NoError(t, r.err, "no moment without the file is reported")
					return r.cfg.Database.Host == host
				})
				put(t, withHost(host+"-edited"), folder, "config.yaml")
				w.untilHost(host + "-edited")
			}
		})
	}
}

// Something that the kernel tells nothing of, such as a mount, is seen by the slow look.
func TestWatchSeesAMountThatAppears(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		skip.Lacking(t, "root, who alone mounts")
	}
	dir := t.TempDir()
	elsewhere := t.TempDir()
	put(t, withHost("below"), dir, "config.yaml")
	put(t, withHost("mounted"), elsewhere, "config.yaml")
	w := watch(t, dir, func(w *config.Watcher) { w.LookEvery(50 * time.Millisecond) })
	if err := syscall.Mount(elsewhere, dir, "", syscall.MS_BIND, ""); err != nil {
		skip.Lacking(t, "mounts: "+err.Error())
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	w.untilHost("mounted")
	put(t, withHost("edited"), dir, "config.yaml")
	w.untilHost("edited")
	require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH))
	w.untilHost("below")
}

// A revoked secret must not stay because its file is gone: the removal is reported by
// the slow look, once.
func TestWatchReportsAFileThatStaysAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, withHost("one"), dir, "config.yaml")
	w := watch(t, dir, func(w *config.Watcher) { w.LookEvery(50 * time.Millisecond) })
	require.NoError(t, os.Remove(filepath.Join(dir, "config.yaml")))
	w.until(func(r result) bool { return errors.Is(r.err, os.ErrNotExist) })
	select {
	case <-w.results:
		require.Fail(t, "reported again")
	case <-time.After(300 * time.Millisecond):
	}
	put(t, withHost("one"), dir, "config.yaml")
	w.untilHost("one")
}

// Without a watch of the kernel the slow look and a request remain.
func TestWatchWithoutTheKernel(t *testing.T) {
	t.Parallel()
	t.Run("slow look", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		put(t, withHost("one"), dir, "config.yaml")
		w := watch(t, dir, (*config.Watcher).Deafen, func(w *config.Watcher) { w.LookEvery(50 * time.Millisecond) })
		put(t, withHost("two"), dir, "config.yaml")
		w.untilHost("two")
	})
	t.Run("request", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		put(t, withHost("one"), dir, "config.yaml")
		w := watch(t, dir, (*config.Watcher).Deafen, func(w *config.Watcher) { w.LookEvery(time.Hour) })
		put(t, withHost("two"), dir, "config.yaml")
		select {
		case w.requests <- syscall.SIGHUP:
		case <-time.After(limit.Wait):
			require.FailNow(t, "nobody takes the request")
		}
		w.untilHost("two")
	})
}

// What was read before is no change: a touched file reloads nothing.
func TestWatchReportsChangedContentOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, withHost("one"), dir, "config.yaml")
	w := watch(t, dir, func(w *config.Watcher) { w.LookEvery(20 * time.Millisecond) })
	put(t, withHost("one"), dir, "config.yaml")
	select {
	case r := <-w.results:
		require.Fail(t, "reported", "%+v", r.err)
	case <-time.After(500 * time.Millisecond):
	}
	put(t, withHost("two"), dir, "config.yaml")
	w.untilHost("two")
}
