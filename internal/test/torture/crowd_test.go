package torture

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/aliyun"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
)

// An app's crowd waits at a vendor. Single messages of another app wait for their turns, and not
// for the crowd, on two replicas.
func TestCrowdAtAVendor(t *testing.T) {
	t.Parallel()
	const slow = 2 * time.Second
	for name, v := range map[string]struct {
		channel string
		crowd   int
		limit   string // of all providers
		prepare func(*stage)
		within  time.Duration // a single message arrives
	}{
		"fast": {"sms", length(5000, 50_000), "", func(*stage) {}, 2 * time.Second},
		"slow": {"sms", length(1000, 10_000), "", func(s *stage) {
			s.Vendors.SMS.Fail(vendors.Fault{Where: aliyun.SendSms, Delay: slow})
		}, 2*slow + 5*time.Second},
		"limit of 10 a second": {"sms", length(1000, 50_000), "rateLimit: {perSecond: 10, perMinute: 0}", func(*stage) {}, 4*time.Second/10 + 5*time.Second},
		"three connections": {"email", length(500, 5000), "", func(s *stage) {
			s.Vendors.Mail.Limit(smtp.Limits{Places: 3})
			s.Vendors.Mail.Fail(smtp.Fault{Where: smtp.Data, Delay: 200 * time.Millisecond})
		}, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, harness.NewPostgres(t))
			if v.limit != "" {
				s.Configure(map[string]string{"providers": s.Vendors.Providers(s.Vendors.Addresses, s.Path("kubeconfig.yaml"), v.limit)})
			}
			v.prepare(s)
			s.open(2)
			crowds := s.crowd(v.channel, v.crowd)
			slowest := time.Duration(0)
			for i := range length(3, 20) {
				slowest = max(slowest, s.single(fmt.Sprint("single", i), v.channel))
			}
			waited := s.count(openDeliveries)
			require.Positive(t, waited, "the crowd still waits")
			for _, id := range crowds { // one that has arrived cannot be cancelled
				s.fleet.any().Call(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/notifications/"+id+"/cancel", nil)
			}
			b := s.close()
			results.add(20, fmt.Sprintf("%s, %d waiting", name, v.crowd), b, "the slowest single message arrived after %s", slowest.Round(10*time.Millisecond))
			requireNoDup(t, b, v.channel)
			require.Less(t, slowest, length(harness.Patience, v.within))
		})
	}
}

// crowd accepts n deliveries of the usual app and returns their notifications.
func (s *stage) crowd(channel string, n int) (notifications []string) {
	s.t.Helper()
	const most = 1000 // recipients in a request
	kind, form := "phone", "+86138%08d"
	if channel == "email" {
		kind, form = "email", "user%d@example.com"
	}
	for done := 0; done < n; done += most {
		body := request(fmt.Sprint("crowd", done), channel)
		list := make([]map[string]string, min(most, n-done))
		for i := range list {
			list[i] = map[string]string{"type": kind, "value": fmt.Sprintf(form, done+i)}
		}
		body["recipients"] = list
		id := s.fleet.any().Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body).Body["notificationId"].(string)
		s.ledger.accept(id, len(list))
		notifications = append(notifications, id)
	}
	return notifications
}

// single sends a message of another app and returns how long it took until it had arrived.
func (s *stage) single(key, channel string) time.Duration {
	s.t.Helper()
	a := s.fleet.any().Call(harness.OtherID, harness.OtherSecret, http.MethodPost, "/api/v1/notifications", request(key, channel))
	require.Equal(s.t, http.StatusAccepted, a.Status, a.Raw)
	id := a.Body["notificationId"].(string)
	s.ledger.accept(id, int(a.Body["deliveries"].(float64)))
	s.until(harness.Patience, 1, `SELECT count(*) FROM deliveries WHERE notification_id = $1 AND status = 'success'`, id)
	return time.Duration(s.count(`
		SELECT (extract(epoch FROM updated_at - created_at) * 1e6)::int FROM deliveries WHERE notification_id = $1`, id)) * time.Microsecond
}
