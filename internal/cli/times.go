package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
)

// past is a time: RFC 3339, or how long ago, such as 2h or 7d.
type past struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *past) UnmarshalText(text []byte) (err error) {
	p.Time, err = parseTime(string(text), -1, "how long ago")
	return err
}

// future is a time: RFC 3339, or how long from now, such as 2h or 7d.
type future struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *future) UnmarshalText(text []byte) (err error) {
	f.Time, err = parseTime(string(text), 1, "how long from now")
	return err
}

// orNil returns the time, or nil when it was not given.
func (f future) orNil() *time.Time {
	if f.IsZero() {
		return nil
	}
	return &f.Time
}

// parseTime parses a time, or a duration that lies in the direction from now.
func parseTime(text string, direction time.Duration, means string) (time.Time, error) {
	if d, err := parseDuration(text); err == nil {
		if d < 0 {
			return time.Time{}, fmt.Errorf("%q must not be negative: it is %s", text, means)
		}
		return time.Now().Add(direction * d), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-01-31T08:00:00Z nor %s, such as 2h or 7d", text, means)
	}
	return at, nil
}

// span is a duration such as 90s, 2h30m or 7d.
type span struct{ time.Duration }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *span) UnmarshalText(text []byte) (err error) {
	s.Duration, err = parseDuration(string(text))
	if err != nil || s.Duration <= 0 {
		return fmt.Errorf("%q is not a duration such as 90s, 2h30m or 7d", text)
	}
	return nil
}

// parseDuration parses a duration of Go, such as 2h30m, or one with days and weeks, such as
// 7d or 1w2d, whose day has 24 hours.
func parseDuration(text string) (time.Duration, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return d, nil
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, errors.New("not a duration")
	}
	return time.Duration(d), nil
}
