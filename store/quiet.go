package store

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // an image without files knows zones, too
)

// QuietHours are hours of each day, in a zone, in which a delivery waits. They may go over midnight.
// A beginning or an end that a day does not have, because the clocks go forward, is when they do;
// of one that it has twice, a beginning is the first and an end the second.
type QuietHours struct {
	from, to int // minutes after midnight
	zone     *time.Location
}

// leastAwake is how many minutes of a day quiet hours leave. No zone changes its clocks by more than
// two hours, which must not take all of them.
const leastAwake = 3 * 60

// NewQuietHours returns quiet hours. It returns an error unless they leave a part of each day.
func NewQuietHours(from, to, zone string) (h QuietHours, err error) {
	if h.from, err = ParseClock(from); err != nil {
		return h, err
	}
	if h.to, err = ParseClock(to); err != nil {
		return h, err
	}
	if h.zone, err = LoadZone(zone); err != nil {
		return h, err
	}
	const day = 24 * 60
	if awake := (h.from - h.to + day) % day; awake < leastAwake {
		return h, fmt.Errorf("must leave at least %d hours of a day", leastAwake/60)
	}
	return h, nil
}

// ParseQuietHours is the reverse of String.
func ParseQuietHours(text string) (QuietHours, error) {
	hours, zone, _ := strings.Cut(text, " ")
	from, to, _ := strings.Cut(hours, "-")
	return NewQuietHours(from, to, zone)
}

// String returns the hours as a delivery has them, such as 22:00-08:00 Asia/Shanghai.
func (h QuietHours) String() string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d %s", h.from/60, h.from%60, h.to/60, h.to%60, h.zone)
}

// Until returns the first time, from t on, that is not in the quiet hours.
func (h QuietHours) Until(t time.Time) time.Time {
	local, length := t.In(h.zone), 0 // in days
	if h.to < h.from {
		length = 1
	}
	for day := -1; day <= 1; day++ { // that on which they begin
		begin, _ := h.at(local, day, h.from)
		_, end := h.at(local, day+length, h.to)
		if !t.Before(begin) && t.Before(end) {
			return end.In(t.Location())
		}
	}
	return t
}

// at returns the first and the last time at which clocks show that minute of a day, so many days
// after another. They differ when the clocks go back over it. Both are when the clocks go forward
// if they go over it.
func (h QuietHours) at(of time.Time, days, minute int) (first, last time.Time) {
	year, month, day := of.Date()
	shown := time.Date(year, month, day+days, 0, minute, 0, 0, time.UTC)
	var before time.Duration // by which the clocks are ahead of UTC until they change
	for i, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, seconds := shown.Add(near).In(h.zone).Zone()
		ahead := time.Duration(seconds) * time.Second
		if i == 0 {
			before = ahead
		}
		at := shown.Add(-ahead).In(h.zone)
		if _, then := at.Zone(); then != seconds {
			continue
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if last.IsZero() || at.After(last) {
			last = at
		}
	}
	if first.IsZero() {
		changed, _ := shown.Add(-before).In(h.zone).ZoneBounds()
		return changed, changed
	}
	return first, last
}

var clock = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

// ParseClock returns the minutes after midnight of a text such as 22:00.
func ParseClock(text string) (int, error) {
	if !clock.MatchString(text) {
		return 0, errors.New("must be a time from 00:00 to 23:59, such as 22:00")
	}
	return (int(text[0]-'0')*10+int(text[1]-'0'))*60 + int(text[3]-'0')*10 + int(text[4]-'0'), nil
}

// zones are those that were loaded, by name: time.LoadLocation reads a file.
var zones sync.Map

// LoadZone returns the zone of an IANA name. Names that mean another zone on another machine are
// unknown.
func LoadZone(name string) (*time.Location, error) {
	if zone, loaded := zones.Load(name); loaded {
		return zone.(*time.Location), nil
	}
	unknown := errors.New("must be the IANA name of a time zone, such as Asia/Shanghai")
	if name == "" || name == "Local" || name[0] < 'A' || name[0] > 'Z' {
		return nil, unknown
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, unknown
	}
	zones.Store(name, zone)
	return zone, nil
}
