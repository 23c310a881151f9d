package config

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

const (
	// settle is how long the watcher waits after an event, because one edit is several
	// events.
	settle = 100 * time.Millisecond
	// lookInterval is how often the watcher reads the files without an event. There is
	// none when the kernel has no watch left, on NFS, and when something is mounted.
	lookInterval = 10 * time.Second
)

// Watcher reports changes of the files that the configuration is made of: the file
// itself, the credentials file, and every file that a key names.
//
// It watches the folders, not the files: editors replace a file, and Kubernetes
// swaps the symlink ..data beside it. Only a changed content is a change.
type Watcher struct {
	loader Loader
	log    *zap.Logger
	failed func() // is called each time that the kernel gives no watch

	runs    atomic.Bool
	kernel  *fsnotify.Watcher // nil while there is none
	open    func() (*fsnotify.Watcher, error)
	blind   bool              // the kernel gave no watch when it was last asked
	names   map[string]bool   // whose events count
	seen    map[string]digest // the files as they were last reported
	looking time.Duration     // how often
}

// Watch begins to watch. Run reports what changes from now on. While the kernel gives
// no watch, only Run's slow look remains, and failed is called at each of them. Call
// Close when Run may not have been called.
func (l Loader) Watch(log *zap.Logger, failed func()) *Watcher {
	w := &Watcher{loader: l, log: log, failed: failed, open: fsnotify.NewWatcher, looking: lookInterval}
	w.seen = w.follow()
	return w
}

// Close ends a watch that Run has not been called for.
func (w *Watcher) Close() {
	if !w.runs.Load() {
		w.end()
	}
}

func (w *Watcher) end() {
	if w.kernel != nil {
		_ = w.kernel.Close()
	}
}

// Run calls onChange after each change and each request, one at a time, until ctx
// ends, and then ends the watch. A file that is removed is about to be replaced: that is a
// change only when it stays so until the next slow look.
func (w *Watcher) Run(ctx context.Context, requests <-chan os.Signal, onChange func()) {
	w.runs.Store(true)
	defer w.end()
	slowly := time.NewTicker(w.looking)
	defer slowly.Stop()
	var settled <-chan time.Time
	for {
		var events <-chan fsnotify.Event
		var errs <-chan error
		if w.kernel != nil {
			events, errs = w.kernel.Events, w.kernel.Errors
		}
		requested, slow := false, false
		select {
		case <-ctx.Done():
			return
		case e := <-events:
			if settled == nil && w.names[e.Name] {
				settled = time.After(settle)
			}
			continue
		case err := <-errs:
			w.log.Error("watching the configuration", zap.Error(err))
			if settled == nil { // events may be lost
				settled = time.After(settle)
			}
			continue
		case <-settled:
			settled = nil
		case <-requests:
			requested = true
		case <-slowly.C:
			slow = true
		}
		// First, so that a change while onChange reads is seen.
		if now := w.follow(); requested || differ(w.seen, now, slow) {
			w.seen = now
			onChange()
		}
	}
}

// differ reports whether a file's content has changed. A file that cannot be read any
// more counts when removed is set.
func differ(before, now map[string]digest, removed bool) bool {
	for path, digest := range now {
		if digest != before[path] && (removed || digest != unreadable) {
			return true
		}
	}
	return false
}

// follow watches the places of the files that the configuration names now, and returns
// the files. It does so for an invalid configuration, too: the missing file may come.
func (w *Watcher) follow() map[string]digest {
	w.names = map[string]bool{}
	folders := map[string]bool{}
	files := w.loader.files()
	for path := range files {
		places, err := within(leastPatience, "folders of "+path, func() ([]string, error) { return placesOf(path) })
		if err != nil {
			w.log.Warn("watching the configuration", zap.Error(err))
		}
		for _, place := range places {
			w.names[place] = true
			w.names[filepath.Dir(place)] = true // that the folder itself is moved or removed
			folders[filepath.Dir(place)] = true
		}
	}
	w.watch(slices.Collect(maps.Keys(folders)))
	return w.loader.again(files) // they may have changed before they were watched
}

// watch asks the kernel to watch the folders, and tells once when it does not.
func (w *Watcher) watch(folders []string) {
	var err error
	if w.kernel == nil {
		w.kernel, err = w.open()
	}
	if err == nil {
		// A folder may be another one by the same name.
		for _, old := range w.kernel.WatchList() {
			_ = w.kernel.Remove(old) // it may be gone, and its watch with it
		}
		for _, folder := range folders {
			if failure := w.kernel.Add(folder); failure != nil && !os.IsNotExist(failure) {
				err = failure
			}
		}
	}
	switch {
	case err != nil && !w.blind:
		w.log.Error("changed files are not seen at once: the kernel gives no watch (fs.inotify.max_user_instances, max_user_watches)",
			zap.Duration("seenWithin", w.looking), zap.Error(err))
	case err == nil && w.blind:
		w.log.Info("changed files are seen at once again")
	}
	if w.blind = err != nil; w.blind {
		w.failed()
	}
}

// maxSymlinks is how many symlinks the kernel follows in a path.
const maxSymlinks = 40

// placesOf returns the paths whose appearance, change or removal changes what the path
// leads to: the file, and every symlink on the way to it; or the first that is missing.
func placesOf(path string) ([]string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	var places []string
	at, rest := "/", strings.Split(path[1:], "/")
	for links := 0; links < maxSymlinks; {
		next := filepath.Join(at, rest[0])
		info, err := os.Lstat(next)
		switch {
		case err == nil && info.Mode()&os.ModeSymlink != 0:
			places = append(places, next)
			target, err := os.Readlink(next)
			if err != nil {
				return places, nil // it was replaced just now
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(at, target)
			}
			links++
			at, rest = "/", append(strings.Split(filepath.Clean(target)[1:], "/"), rest[1:]...)
		case err != nil || len(rest) == 1:
			return append(places, next), nil
		default:
			at, rest = next, rest[1:]
		}
	}
	return places, nil // symlinks in a circle
}
