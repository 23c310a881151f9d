package torture

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/labring/sealos-notify/internal/test/harness"
)

// load is a group of callers that send notifications until stop.
type load struct {
	cancel  context.CancelFunc
	callers sync.WaitGroup
}

// load starts callers that send one notification after the other. The pause between
// two is twice as long in the short form, where all tortures run at once. A caller
// whose notification was not accepted sends it again with the same key, as the
// documentation asks, possibly to another replica.
func (s *stage) load(callers int, every time.Duration) *load {
	ctx, cancel := context.WithCancel(s.t.Context())
	l := &load{cancel: cancel}
	for caller := range callers {
		l.callers.Go(func() {
			ticker := time.NewTicker(length(2*every, every))
			defer ticker.Stop()
			for i := 0; ; i++ {
				select {
				case <-ticker.C:
				case <-ctx.Done():
					return
				}
				s.send(fmt.Sprintf("%d-%d", caller, i))
			}
		})
	}
	return l
}

// stop stops the callers when their current notification was accepted. send bounds
// that.
func (l *load) stop() {
	l.cancel()
	l.callers.Wait()
}

// send sends one notification until it is accepted, for acceptLimit at most.
func (s *stage) send(key string) {
	for deadline := time.Now().Add(acceptLimit); !s.try(key); {
		if time.Now().After(deadline) {
			s.t.Errorf("notification %s was not accepted within %s", key, acceptLimit)
			return
		}
		select {
		case <-time.After(pause):
		case <-s.t.Context().Done():
			return
		}
	}
}

// acceptLimit bounds the tries to send one notification. It is longer than any outage.
const acceptLimit = 3 * harness.Patience

// try sends one notification once and reports whether it needs no other try.
func (s *stage) try(key string) bool {
	started := time.Now()
	a, err := s.fleet.any().Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", s.request(key))
	switch {
	case err != nil: // the replica is gone
		return false
	case a.Status == http.StatusAccepted, a.Status == http.StatusOK:
		s.ledger.accept(a.Body["notificationId"].(string), int(a.Body["deliveries"].(float64)))
		return true
	case a.Status == http.StatusServiceUnavailable:
		s.ledger.refuse(time.Since(started))
		return false
	default:
		s.t.Errorf("neither accepted nor to be tried again: %d %s", a.Status, a.Raw)
		return true
	}
}
