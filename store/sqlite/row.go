package sqlite

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/labring/sealos-notify/store"
)

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// row implements sqlread.Row: it converts what SQLite has no type for. Times are stored
// as microseconds since 1970 in UTC, lists as JSON.
type row struct{ scanner }

// Scan implements sqlread.Row.
func (r row) Scan(dest ...any) error {
	for i, d := range dest {
		switch d := d.(type) {
		case *time.Time:
			dest[i] = instant{d}
		case **time.Time:
			dest[i] = optionalInstant{d}
		case *[]store.Recipient, *[]string:
			dest[i] = list{d}
		}
	}
	return r.scanner.Scan(dest...)
}

// instant scans microseconds.
type instant struct{ t *time.Time }

// Scan implements sql.Scanner.
func (i instant) Scan(value any) error {
	micros, ok := value.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", value)
	}
	*i.t = time.UnixMicro(micros).UTC()
	return nil
}

// optionalInstant scans microseconds or NULL.
type optionalInstant struct{ t **time.Time }

// Scan implements sql.Scanner.
func (o optionalInstant) Scan(value any) error {
	if value == nil {
		*o.t = nil
		return nil
	}
	*o.t = new(time.Time)
	return instant{*o.t}.Scan(value)
}

// list scans a JSON array or NULL into a pointer to a slice.
type list struct{ all any }

// Scan implements sql.Scanner.
func (l list) Scan(value any) error {
	if value == nil {
		value = "null"
	}
	text, ok := value.(string)
	if !ok {
		return fmt.Errorf("a list is stored as %T", value)
	}
	return json.Unmarshal([]byte(text), l.all)
}

// bound converts arguments for SQLite: times to microseconds.
func bound(args []any) []any {
	for i, arg := range args {
		switch arg := arg.(type) {
		case time.Time:
			args[i] = arg.UnixMicro()
		case *time.Time:
			args[i] = micros(arg)
		}
	}
	return args
}

// micros returns a time as it is stored; NULL for nil.
func micros(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: true}
}

// text returns bytes as TEXT; NULL for nil.
func text(b []byte) sql.NullString {
	return sql.NullString{String: string(b), Valid: b != nil}
}
