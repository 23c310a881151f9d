package config

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

// settle is how long the watcher waits after an event, because one edit is several
// events.
const settle = 100 * time.Millisecond

// Watcher reports changes of the files that the configuration is made of: the file
// itself, the credentials file, and every file that a …File key names.
//
// It watches the folders, not the files: editors replace a file, and Kubernetes
// swaps the symlink ..data beside it.
type Watcher struct {
	loader Loader
	log    *zap.Logger
	fs     *fsnotify.Watcher
	paths  map[string]bool // whose events count
}

// Watch begins to watch. Run reports what changes from now on. Call Close in the end.
func (l Loader) Watch(log *zap.Logger) (*Watcher, error) {
	fs, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &Watcher{loader: l, log: log, fs: fs}
	w.follow()
	return w, nil
}

// Close ends the watch.
func (w *Watcher) Close() { _ = w.fs.Close() }

// Run calls onChange after each change, one at a time, until ctx ends.
func (w *Watcher) Run(ctx context.Context, onChange func()) {
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.fs.Events:
			// A file that is removed is about to be replaced: only its return counts.
			if settled == nil && w.paths[e.Name] && (e.Has(fsnotify.Create) || e.Has(fsnotify.Write)) {
				settled = time.After(settle)
			}
		case err := <-w.fs.Errors:
			w.log.Error("watching the configuration", zap.Error(err))
			if errors.Is(err, fsnotify.ErrEventOverflow) && settled == nil {
				settled = time.After(settle)
			}
		case <-settled:
			settled = nil
			w.follow() // first, so that a change while onChange reads is seen
			onChange()
		}
	}
}

// follow watches the folders of the files that the configuration names now. It does
// so for an invalid configuration, too: the missing file may come.
func (w *Watcher) follow() {
	w.paths = map[string]bool{}
	folders := map[string]bool{}
	for _, file := range w.loader.read().files {
		path, err := filepath.Abs(file)
		if err != nil {
			w.log.Error("watching the configuration", zap.Error(err))
			continue
		}
		w.paths[path] = true
		folders[filepath.Dir(path)] = true
		w.paths[filepath.Join(filepath.Dir(path), "..data")] = true
		if target, err := filepath.EvalSymlinks(path); err == nil {
			w.paths[target] = true
			folders[filepath.Dir(target)] = true
		}
	}
	for _, old := range w.fs.WatchList() {
		if !folders[old] {
			_ = w.fs.Remove(old) // the folder may be gone, and its watch with it
		}
	}
	for folder := range folders {
		if err := w.fs.Add(folder); err != nil {
			w.log.Error("watching the configuration", zap.String("folder", folder), zap.Error(err))
		}
	}
}
