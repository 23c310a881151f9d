package smoke

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answer is what the API said.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

// call makes a request as the app.
func (r *replica) call(id, secret, method, path string, body any) answer {
	r.t.Helper()
	a, err := r.try(id, secret, method, path, body)
	require.NoError(r.t, err)
	return a
}

// try is call for requests that may fail.
func (r *replica) try(id, secret, method, path string, body any) (answer, error) {
	var payload io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		payload = bytes.NewReader(encoded)
	}
	req, err := http.NewRequest(method, r.base+path, payload)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-App-Id", id)
	req.Header.Set("X-App-Secret", secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	return newAnswer(r.t, resp, raw), nil
}

func newAnswer(t *testing.T, resp *http.Response, raw []byte) answer {
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw)}
	if len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			t.Errorf("not JSON: %v: %s", err, raw)
		}
	}
	return a
}

// do is call as the usual app, with the status it must have.
func (r *replica) do(status int, method, path string, body any) answer {
	r.t.Helper()
	a := r.call(appID, appSecret, method, path, body)
	require.Equal(r.t, status, a.status, a.raw)
	return a
}

// template creates the template that notification uses.
func (r *replica) template() {
	r.t.Helper()
	r.do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
		"name": "feishu-alert", "channel": "feishu_app", "msgType": "text",
		"body": "【告警】{{ .incident }}(严重级别:{{ .severity }})",
	})
}

// notification is a request to n Feishu users.
func notification(key string, n int) map[string]any {
	recipients := make([]map[string]string, n)
	for i := range n {
		recipients[i] = map[string]string{"type": "feishu_user_id", "value": fmt.Sprintf("ou_%s_%d", key, i)}
	}
	return map[string]any{
		"idempotencyKey": key,
		"channels": map[string]any{"feishu_app": map[string]any{
			"template": "feishu-alert", "params": map[string]any{"incident": "DB 主节点不可用", "severity": "P0"},
		}},
		"recipients": recipients,
	}
}

// send posts a notification to n users and returns its id.
func (r *replica) send(key string, n int) string {
	r.t.Helper()
	a := r.do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", notification(key, n))
	require.EqualValues(r.t, n, a.body["deliveries"])
	return a.body["notificationId"].(string)
}

// task is a delivery as the API shows it.
type task struct {
	ID, Channel, Provider, TemplateName, Status, LastError, LastCode string
	RetryCount, MaxRetry                                             int
	NextRetryAt                                                      *time.Time
	Details                                                          map[string]any
	Recipient                                                        struct{ Type, Value string }
}

// show returns a notification's status and deliveries.
func (r *replica) show(id string) (string, []task) {
	r.t.Helper()
	a := r.do(http.StatusOK, http.MethodGet, "/api/v1/notifications/"+id, nil)
	var n struct {
		Status string
		Tasks  []task
	}
	require.NoError(r.t, json.Unmarshal([]byte(a.raw), &n))
	return n.Status, n.Tasks
}

// until waits for the notification to be in the status, and returns its deliveries.
func (r *replica) until(id, status string) []task {
	r.t.Helper()
	var tasks []task
	var now string
	require.Eventually(r.t, func() bool {
		now, tasks = r.show(id)
		return now == status
	}, patience, tick, "waiting for %s", status)
	return tasks
}

// ids returns the ids of tasks.
func ids(tasks []task) []string {
	list := make([]string, len(tasks))
	for i, t := range tasks {
		list[i] = t.ID
	}
	return list
}

// requireOnceEach says that each delivery arrived, and arrived once.
func requireOnceEach(t *testing.T, w *world, deliveries []string) {
	t.Helper()
	for _, id := range deliveries {
		require.Equal(t, 1, w.feishu.Inbox().Mark(id).Arrivals, "delivery %s", id)
	}
}

// tick is how often a wait looks again where the program tells nobody.
const tick = 20 * time.Millisecond

// riverUI asks River UI to do something to jobs.
func (r *replica) riverUI(path string, jobs ...int64) {
	r.t.Helper()
	list := make([]string, len(jobs))
	for i, job := range jobs {
		list[i] = strconv.FormatInt(job, 10)
	}
	a := r.call(adminID, adminSecret, http.MethodPost, path, map[string]any{"ids": list})
	require.Equal(r.t, http.StatusOK, a.status, a.raw)
}

// jobs returns the ids of all delivery jobs as River UI shows them in a state.
func (r *replica) jobs(state string) []int64 {
	r.t.Helper()
	a := r.call(adminID, adminSecret, http.MethodGet, "/riverui/api/jobs?limit=100&kinds=deliver&state="+state, nil)
	require.Equal(r.t, http.StatusOK, a.status, a.raw)
	var page struct {
		Data []struct {
			ID int64 `json:"id"`
		} `json:"data"`
	}
	require.NoError(r.t, json.Unmarshal([]byte(a.raw), &page))
	list := make([]int64, len(page.Data))
	for i, job := range page.Data {
		list[i] = job.ID
	}
	return list
}
