package torture

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors"
)

// The configuration changes every second under load. Every other version is invalid.
// At full length the program runs with the race detector.
func TestReload(t *testing.T) {
	t.Parallel()
	w := harness.NewPostgres(t)
	w.Race = long
	s := newStage(t, w)
	s.open(1)
	defer s.fail(vendors.Fault{Delay: 50 * time.Millisecond})()
	load := s.load(2, 100*time.Millisecond)
	r := s.fleet.any()
	reloads := length(6, 120)
	everySecond := time.NewTicker(time.Second)
	defer everySecond.Stop()
	for i := range reloads {
		<-everySecond.C
		if i%2 == 0 {
			s.Configure(map[string]string{"defaults": `{maxRetry: -1}`})
			r.Await("configuration not reloaded: the running one stays")
			continue
		}
		s.Configure(map[string]string{"defaults": fmt.Sprintf(`{maxRetry: %d, retryBackoffSeconds: [0], timeoutSeconds: %d}`, 1+i%20, timeout/time.Second)})
		r.Await("configuration reloaded")
	}
	load.stop()
	b := s.close()
	note := "without the race detector"
	if s.Race {
		note = "race detector clean"
	}
	results.add(10, fmt.Sprintf("%d reloads", reloads), b, "%s", note)
	requireNoDup(t, b, all...)
	require.Zero(t, r.Terminate(), "the race detector's exit code is 66")
	require.NotContains(t, r.Log.String(), "DATA RACE")
}
