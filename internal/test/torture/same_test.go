package torture

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

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
				for {
					answers[i], failures[i] = s.fleet.any().Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", body)
					// A starved machine may ask to come back. At full length nothing does.
					if long || failures[i] != nil || answers[i].Status != http.StatusServiceUnavailable {
						return
					}
				}
			})
		}
		wg.Wait()
		said := map[int]int{}
		for i, a := range answers {
			require.NoError(t, failures[i])
			require.Equal(t, answers[0].Body["notificationId"], a.Body["notificationId"], a.Raw)
			said[a.Status]++
		}
		require.LessOrEqual(t, said[http.StatusAccepted], 1)
		require.Equal(t, callers, said[http.StatusAccepted]+said[http.StatusOK], said)
		if long { // else the one 202 may have been a request whose caller was asked to come back
			require.Equal(t, 1, said[http.StatusAccepted])
		}
		s.ledger.accept(answers[0].Body["notificationId"].(string), fanOut)
	}
	b := s.close()
	results.add(7, fmt.Sprintf("%d times %d requests", rounds, callers), b, "one id each time, no 5xx")
	require.Equal(t, rounds, s.count(`SELECT count(*) FROM notifications`))
	require.Equal(t, rounds*fanOut, s.Vendors.Inbox.Total())
	requireNoDup(t, b, all...)
}
