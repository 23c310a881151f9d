package torture

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors/aliyun"
	"github.com/labring/sealos-notify/internal/vendors/volcengine"
)

// One of three workers is killed again and again while vendors are asked what became of SMS and calls, slowly: between the
// record and the question, during the question, and before its answer is written.
func TestKillWhileAsking(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	s.request = func(key string) map[string]any { return request(key, held...) }
	s.open(3)
	defer s.Vendors.SMS.Fail(aliyun.Fault{Where: aliyun.QuerySendDetails, Delay: 200 * time.Millisecond}).Lift()
	defer s.Vendors.Voice.Fail(volcengine.Fault{Where: volcengine.QuerySingleInfo, Delay: 200 * time.Millisecond}).Lift()
	load := s.load(2, 200*time.Millisecond)
	kills := length(3, 30)
	for range kills {
		s.askNow()
		s.run(length(time.Second, 3*time.Second))
		s.fleet.take().Kill()
		s.fleet.add(s.Start())
	}
	load.stop()
	s.rescue()
	b := s.close()
	requireNoDup(t, b, held...)
	require.Eventually(t, func() bool {
		s.askNow()
		return s.count(`SELECT count(*) FROM deliveries WHERE receipt NOT IN ('delivered', 'answered')`) == 0
	}, length(2*time.Minute, 10*time.Minute), pause, "a receipt was lost")
	rescued := s.count(`SELECT count(*) FROM river_job WHERE kind = 'ask' AND errors::text LIKE '%Stuck job rescued by JobRescuer%'`)
	results.add(25, fmt.Sprintf("%d kills", kills), b, "each has its receipt; %d questions cut by a kill; %d held, all settled", rescued, s.held)
	for _, channel := range held {
		require.Len(t, b.ended[channel], 1, "nothing but success: %+v", b)
	}
}
