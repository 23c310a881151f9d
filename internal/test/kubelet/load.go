package kubelet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// Load is a group of callers of the Service. A request that is refused fails the test.
type Load struct {
	t       *testing.T
	stop    chan struct{}
	callers sync.WaitGroup

	mu  sync.Mutex
	ids []string
}

// StartLoad starts callers that send notifications (see harness.Notification) until Stop. url
// returns the address of a pod to which the Service sends the next request.
func StartLoad(t *testing.T, url func() string) *Load {
	t.Helper()
	l := &Load{t: t, stop: make(chan struct{})}
	clients := []*http.Client{
		{Timeout: limit.Wait, Transport: &http.Transport{DisableKeepAlives: true}},
		{Timeout: limit.Wait, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	for caller := range 8 {
		l.callers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-l.stop:
					return
				case <-time.After(40 * time.Millisecond):
				}
				id, err := accept(clients[caller%2], url(), fmt.Sprintf("%d-%d", caller, i))
				if err != nil {
					t.Errorf("a request was refused: %v", err)
					return
				}
				l.mu.Lock()
				l.ids = append(l.ids, id)
				l.mu.Unlock()
			}
		})
	}
	t.Cleanup(func() { l.Stop() })
	return l
}

// Stop stops the callers and returns the ids of what was accepted.
func (l *Load) Stop() []string {
	l.t.Helper()
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	limit.Group(l.t, &l.callers, "the callers")
	return l.ids
}

// accept sends a notification once and returns its id.
func accept(client *http.Client, url, key string) (string, error) {
	body, err := json.Marshal(harness.Notification(key, 1))
	if err != nil {
		return "", err
	}
	req, err := http.NewRequest(http.MethodPost, url+"/api/v1/notifications", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-App-Id", harness.AppID)
	req.Header.Set("X-App-Secret", harness.AppSecret)
	// It lets Go's client send again what it wrote to a connection that the server had just closed
	// because it was idle: HTTP leaves that race to clients.
	req.Header.Set("Idempotency-Key", key)
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct{ NotificationID string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusAccepted && resp.StatusCode != http.StatusOK { // 200: it was sent again
		return "", fmt.Errorf("%s: %s", key, resp.Status)
	}
	return answer.NotificationID, nil
}
