package store

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Line is what the jobs of one app wait in that go through one provider of a channel. Each
// line is a queue of River, so that a worker can take from any of them.
type Line struct {
	Channel  string
	Provider string // empty: the channel's, whichever that is when the job is worked
	AppID    string // empty: the line of the jobs that wait for no turn
}

// lineSeparator is between the parts of a line's name. River allows it, and no part has it.
const lineSeparator = "|"

// Queue returns the name of the line's queue: channel|app or channel|provider|app. River bounds
// names to 64 characters, and to letters, digits and a few signs between them. A part that does
// not fit is a hash.
func (l Line) Queue() string {
	switch {
	case l.AppID == "":
		return l.Channel
	case l.Provider == "":
		return l.Channel + lineSeparator + LinePart(l.AppID)
	}
	return l.Channel + lineSeparator + LinePart(l.Provider) + lineSeparator + LinePart(l.AppID)
}

// maxLinePart leaves the channel 22 characters.
const maxLinePart = 20

// LinePart returns a provider or an app as it is in the names of queues.
func LinePart(name string) string {
	if fitsLine(name) {
		return name
	}
	digest := sha256.Sum256([]byte(name))
	return "x" + hex.EncodeToString(digest[:8])
}

// fitsLine reports whether River allows the part in a queue's name.
func fitsLine(part string) bool {
	sign := true // neither at the start nor twice in a row
	for i := range len(part) {
		switch c := part[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			sign = false
		case !sign && (c == '-' || c == '_'):
			sign = true
		default:
			return false
		}
	}
	return !sign && len(part) <= maxLinePart
}

// SplitQueue returns the parts of a queue's name. Provider and app are as LinePart has them,
// and empty when the queue is not a line.
func SplitQueue(queue string) (channel, provider, app string) {
	channel, rest, _ := strings.Cut(queue, lineSeparator)
	provider, app, named := strings.Cut(rest, lineSeparator)
	if !named {
		provider, app = "", provider
	}
	return channel, provider, app
}

// mostAnnounced bounds the lines of a channel that are announced one by one.
const mostAnnounced = 20

// Announced returns what is announced for queues: they themselves, or their channel where they
// are many. Workers who hear of a line take from it, and who hear of a channel look for its busy
// lines.
func Announced(queues []string) []string {
	byChannel := map[string][]string{}
	for _, queue := range queues {
		channel, _, _ := SplitQueue(queue)
		byChannel[channel] = append(byChannel[channel], queue)
	}
	var announced []string
	for channel, lines := range byChannel {
		if len(lines) > mostAnnounced {
			lines = []string{channel}
		}
		announced = append(announced, lines...)
	}
	return announced
}

// BusyLine is a line with a job that a worker can take.
type BusyLine struct {
	Queue    string
	Priority int       // the most urgent of its jobs
	Due      time.Time // when the first of its jobs was due
}

// Pace is the rate limit of a provider.
type Pace struct {
	Provider string
	Interval time.Duration // from one slot to the next
	Horizon  time.Duration // slots that are later are not taken
}
