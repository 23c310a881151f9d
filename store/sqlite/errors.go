package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/labring/sealos-notify/store"
)

// marked wraps an error in store.ErrUnavailable when the database cannot do it now and may
// later.
func marked(err error) error {
	var refused *sqlite.Error
	if !errors.As(err, &refused) || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	const primary = 0xff // the lowest byte of an extended code is its primary code
	unavailable := []int{
		sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
	}
	// The schema is not the one that the statement is for: somebody migrates at the moment.
	otherSchema := strings.Contains(refused.Error(), "no such table") || strings.Contains(refused.Error(), "no such column")
	if !otherSchema && !slices.Contains(unavailable, refused.Code()&primary) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
}
