package torture

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
)

// A thousand callers send the same notification at once, to three replicas.
func TestSamePostAtOnce(t *testing.T) {
	alone(t) // it is a thousand at once already
	s := newStage(t, harness.NewPostgres(t))
	s.open(3)
	rounds := length(1, 10)
	callers := length(200, 1000)
	for round := range rounds {
		body := request(fmt.Sprint(round))
		answers := make([]harness.Answer, callers)
		failures := make([]error, callers)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				for deadline := time.Now().Add(acceptLimit); ; {
					answers[i], failures[i] = s.fleet.any().Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", body)
					// On a busy machine some get 503. At full length none may.
					if long || failures[i] != nil || answers[i].Status != http.StatusServiceUnavailable || time.Now().After(deadline) {
						return
					}
				}
			})
		}
		wg.Wait() // each caller has a limit
		counts := map[int]int{}
		for i, a := range answers {
			require.NoError(t, failures[i])
			require.Equal(t, answers[0].Body["notificationId"], a.Body["notificationId"], a.Raw)
			counts[a.Status]++
		}
		require.LessOrEqual(t, counts[http.StatusAccepted], 1)
		require.Equal(t, callers, counts[http.StatusAccepted]+counts[http.StatusOK], counts)
		if long { // else the one that was accepted may have got 503
			require.Equal(t, 1, counts[http.StatusAccepted])
		}
		s.ledger.accept(answers[0].Body["notificationId"].(string), fanOut)
	}
	b := s.close()
	results.add(7, fmt.Sprintf("%d times %d requests", rounds, callers), b, "one id each time, no 5xx")
	require.Equal(t, rounds, s.count(`SELECT count(*) FROM notifications`))
	require.Equal(t, rounds*fanOut, s.Vendors.Inbox.Total())
	requireNoDup(t, b, all...)
}
