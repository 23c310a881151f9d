package sqlite

import (
	"errors"
	"fmt"
	"slices"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/labring/sealos-notify/store"
)

// marked wraps an error in store.ErrUnavailable when it says that the database
// can not do it now.
func marked(err error) error {
	var refused *sqlite.Error
	if !errors.As(err, &refused) || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	const primary = 0xff // an extended code has its primary one in the lowest byte
	away := []int{
		sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
	}
	if !slices.Contains(away, refused.Code()&primary) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
