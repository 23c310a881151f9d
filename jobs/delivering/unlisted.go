package delivering

import (
	"errors"
	"regexp"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
)

const (
	// maxUnlisted bounds the codes that are counted by name, over all channels. A vendor
	// chooses its codes, and each one is a series.
	maxUnlisted = 100
	// otherCode counts the codes beyond maxUnlisted and those that are no name.
	otherCode = "other"
)

var codeName = regexp.MustCompile(`^[A-Za-z0-9_.]{1,80}$`)

// unlisted counts the codes that the channels' tables lack, and logs each of them once.
type unlisted struct {
	counts *prometheus.CounterVec // by channel, code
	log    *zap.Logger

	mu   sync.Mutex
	seen map[[2]string]bool // channel and code
}

// newUnlisted registers the metric. With nil nothing is shown.
func newUnlisted(registry prometheus.Registerer, log *zap.Logger) *unlisted {
	return &unlisted{
		counts: promauto.With(registry).NewCounterVec(prometheus.CounterOpts{
			Name: "sealos_notify_unlisted_codes_total",
			Help: "Failed calls with a vendor's code that the channel's table lacks.",
		}, []string{"channel", "code"}),
		log: log, seen: map[[2]string]bool{},
	}
}

// expect shows a zero for a channel.
func (u *unlisted) expect(channel string) { u.counts.WithLabelValues(channel, otherCode) }

// note counts an error that is marked as unlisted. Any other error, and nil, is ignored.
func (u *unlisted) note(channel string, err error) {
	var e *channels.Error
	if !errors.As(err, &e) || !e.Unlisted {
		return
	}
	code, first := u.name(channel, e.Code)
	u.counts.WithLabelValues(channel, code).Inc()
	if first {
		u.log.Warn("the channel's table of codes lacks a code of the vendor",
			zap.String("channel", channel), zap.String("code", code), zap.String("class", string(e.Class)))
	}
}

// countAs returns the name under which an outcome with the code is counted by the hour: a row for
// each code of a vendor that makes them up would be no count. It is empty for the code itself.
func (u *unlisted) countAs(channel string, err error, code string) string {
	var e *channels.Error
	if !errors.As(err, &e) || !e.Unlisted || channels.CleanText(e.Code) != code {
		return ""
	}
	name, _ := u.name(channel, e.Code)
	return name
}

// name returns the name under which a code is counted, and whether it is the first of it.
func (u *unlisted) name(channel, code string) (name string, first bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	known := u.seen[[2]string{channel, code}]
	if !known && (len(u.seen) >= maxUnlisted || !codeName.MatchString(code)) {
		code = otherCode
		known = u.seen[[2]string{channel, code}]
	}
	u.seen[[2]string{channel, code}] = true
	return code, !known
}
