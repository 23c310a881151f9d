package torture

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/labring/sealos-notify/internal/test/harness"
)

// load is callers at work.
type load struct {
	cancel  context.CancelFunc
	callers sync.WaitGroup
}

// load lets callers send a notification each, again and again, with a pause
// between two, twice as long in the short form: all tortures run at once there. A
// caller whose notification was not taken sends it again with the same key, as the
// documentation asks, maybe to another replica.
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

// stop waits until each caller has the answer it is waiting for.
func (l *load) stop() {
	l.cancel()
	l.callers.Wait()
}

// send sends one notification until it is accepted.
func (s *stage) send(key string) {
	for !s.try(key) {
		select {
		case <-time.After(pause):
		case <-s.t.Context().Done():
			return
		}
	}
}

// try sends one notification once and says whether it was accepted.
func (s *stage) try(key string) bool {
	started := time.Now()
	a, err := s.fleet.any().Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", request(key))
	switch {
	case err != nil: // the replica has gone
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
