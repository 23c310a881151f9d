package torture

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// Groups of alerts fire and are resolved again and again, with the same start. Both halves of
// an Alertmanager pair post each change, to three replicas of which one is killed meanwhile,
// and repeat it until they get an answer, and once more.
func TestAlertsThatFlap(t *testing.T) {
	t.Parallel()
	s := newStage(t, harness.NewPostgres(t))
	s.Configure(map[string]string{"integrations": `{receivers: {flap: {thread: none,
		channels: {feishu_app: {template: alert}}, recipients: [{type: email, value: user@example.com}]}}}`})
	s.open(3)
	s.fleet.any().Do(http.StatusCreated, http.MethodPost, "/api/v1/templates",
		map[string]any{"name": "alert", "channel": "feishu_app", "msgType": "text", "body": "{{ .title }}"})
	groups, changes, halves := length(10, 100), length(6, 60), 2
	for change := range changes {
		told := make([]string, groups*halves*2) // the notification that each post was answered with
		var posts sync.WaitGroup
		for i := range groups * halves {
			posts.Go(func() {
				for repetition := range 2 {
					told[2*i+repetition] = s.postAlert(i/halves, change)
				}
			})
		}
		if change%2 == 1 {
			s.fleet.take().Kill()
			s.fleet.add(s.Start())
		}
		limit.Group(t, &posts, "the posts")
		for i, id := range told {
			require.NotEmpty(t, id)
			require.Equal(t, told[i-i%(2*halves)], id, "one notification for each change of a group")
		}
		for group := range groups {
			s.ledger.accept(told[group*2*halves], 1)
		}
	}
	s.rescue()
	b := s.close()
	results.add(16, fmt.Sprintf("%d groups, %d changes, %d kills", groups, changes, changes/2), b, "%d posts; each change told once", groups*changes*halves*2)
	require.Equal(t, groups*changes, s.count(`SELECT count(*) FROM notifications`), "each change is told once")
	requireNoDup(t, b, "feishu_app")
}

// postAlert posts a group's state until a replica answers, and returns the notification's id.
func (s *stage) postAlert(group, change int) string {
	status := []string{"firing", "resolved"}[change%2]
	body := map[string]any{
		"receiver": "flap", "status": status, "groupKey": fmt.Sprint(group), "alerts": []any{map[string]any{
			"status": status, "startsAt": "2026-11-24T13:44:39Z", "endsAt": "2026-11-24T13:50:00Z", "fingerprint": "f",
		}},
	}
	for deadline := time.Now().Add(limit.Wait); time.Now().Before(deadline); {
		a, err := s.fleet.any().Try(harness.AppID, harness.AppSecret, http.MethodPost, "/api/v1/integrations/alertmanager", body)
		if err == nil && a.Status < 300 {
			return a.Body["notificationId"].(string)
		}
	}
	return ""
}
