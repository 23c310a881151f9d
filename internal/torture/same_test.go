package torture

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/harness"
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
				answers[i], failures[i] = s.fleet.any().Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications", body)
			})
		}
		wg.Wait()
		said := map[int]int{}
		for i, a := range answers {
			require.NoError(t, failures[i])
			require.Equal(t, answers[0].Body["notificationId"], a.Body["notificationId"], a.Raw)
			said[a.Status]++
		}
		require.Equal(t, map[int]int{http.StatusAccepted: 1, http.StatusOK: callers - 1}, said)
		s.ledger.accept(answers[0].Body["notificationId"].(string), fanOut)
	}
	b := s.close()
	results.add(7, fmt.Sprintf("%d times %d requests", rounds, callers), b, "one id and one 202 each time")
	require.Equal(t, rounds, s.count(`SELECT count(*) FROM notifications`))
	require.Equal(t, rounds*fanOut, s.Vendors.Inbox.Total())
	requireNoDup(t, b, all...)
}
