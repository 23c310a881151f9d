package torture

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
)

// mails accepts n mails at once, on replicas with the default settings, and drains them.
// It returns the books and how long it took. In the short form a send has a minute: there
// the waits are shorter than the default, and only a busy machine would use it up.
func mails(t *testing.T, n int, limits smtp.Limits, fault smtp.Fault) (*stage, books, time.Duration) {
	t.Helper()
	s := newStage(t, harness.NewPostgres(t))
	s.Configure(map[string]string{"dispatcher": "{}", "defaults": length("{timeoutSeconds: 60}", "{}")})
	s.Vendors.Mail.Limit(limits)
	s.Vendors.Mail.Fail(fault)
	s.open(2)
	body := request("burst", "email")
	list := make([]map[string]string, n)
	for i := range list {
		list[i] = map[string]string{"type": "email", "value": fmt.Sprintf("user%d@example.com", i)}
	}
	body["recipients"] = list
	started := time.Now()
	a := s.fleet.any().Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", body)
	s.ledger.accept(a.Body["notificationId"].(string), n)
	b := s.close()
	took := time.Since(started)
	require.Equal(t, map[string]int{"success": n}, b.ended["email"])
	requireNoDup(t, b, "email")
	require.Zero(t, s.count(`SELECT count(*) FROM deliveries WHERE attempts > 1`), "attempts were spent")
	return s, b, took
}

// The server has three places and turns every other connection away.
func TestMailServerWithThreePlaces(t *testing.T) {
	t.Parallel()
	const n = 250
	s, b, took := mails(t, n, smtp.Limits{Places: 3}, smtp.Fault{Where: smtp.Data, Delay: 50 * time.Millisecond})
	_, turnedAway := s.Vendors.Mail.Connections()
	results.add(17, "250 mails at once, two replicas", b, "%d connections turned away; %s", turnedAway, took.Round(time.Second))
	require.Less(t, turnedAway, 50)
}

// The server takes seconds at the end of each mail.
func TestSlowMailServer(t *testing.T) {
	t.Parallel()
	n, slow := length(50, 200), length(time.Second, 4*time.Second)
	s, b, took := mails(t, n, smtp.Limits{}, smtp.Fault{Where: smtp.Data, Delay: slow})
	most, _ := s.Vendors.Mail.Connections()
	results.add(18, fmt.Sprintf("%d mails at once, %s for each, two replicas", n, slow), b, "at most %d connections; %s", most, took.Round(time.Second))
	require.LessOrEqual(t, most, 10, "maxConnections")
}
