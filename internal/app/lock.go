package app

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Lock locks what belongs to one process, by the file path.lock beside it, until unlock
// is called or the process ends, however it ends. Its error says which process has the
// lock. The file stays, because deleting it would race with another process.
func Lock(path string) (unlock func(), err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // it may have several names
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !locked {
		holder, _ := os.ReadFile(lock.Path())
		if len(holder) == 0 {
			holder = []byte("another process")
		}
		return nil, fmt.Errorf("%s is in use by %s", path, holder)
	}
	host, _ := os.Hostname()
	holder := fmt.Sprintf("process %d on %s since %s", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	if err := os.WriteFile(lock.Path(), []byte(holder), 0o600); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = lock.Close() }, nil
}
