package harness

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

	"github.com/labring/sealos-notify/internal/test/limit"
)

// Answer is an answer of the API.
type Answer struct {
	Status int
	Header http.Header
	Body   map[string]any // nil unless the answer is a JSON object
	Raw    string
}

// Call makes a request as the app with the id and secret.
func (r *Replica) Call(id, secret, method, path string, body any) Answer {
	r.t.Helper()
	a, err := r.Try(id, secret, method, path, body)
	require.NoError(r.t, err)
	return a
}

// Try is Call for a request that may get no answer.
func (r *Replica) Try(id, secret, method, path string, body any) (Answer, error) {
	var payload io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return Answer{}, err
		}
		payload = bytes.NewReader(encoded)
	}
	req, err := http.NewRequest(method, r.Base+path, payload)
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-App-Id", id)
	req.Header.Set("X-App-Secret", secret)
	resp, err := limit.Client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{}, err
	}
	return NewAnswer(r.t, resp, raw), nil
}

// NewAnswer returns the answer with the body that was read from it.
func NewAnswer(t *testing.T, resp *http.Response, raw []byte) Answer {
	a := Answer{Status: resp.StatusCode, Header: resp.Header, Raw: string(raw)}
	if len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &a.Body); err != nil {
			t.Errorf("not JSON: %v: %s", err, raw)
		}
	}
	return a
}

// Do makes a request as the usual app and requires the status of the answer.
func (r *Replica) Do(status int, method, path string, body any) Answer {
	r.t.Helper()
	a := r.Call(AppID, AppSecret, method, path, body)
	require.Equal(r.t, status, a.Status, a.Raw)
	return a
}

// Template creates the template that Notification uses.
func (r *Replica) Template() {
	r.t.Helper()
	r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
		"name": "feishu-alert", "channel": "feishu_app", "msgType": "text",
		"body": "【告警】{{ .incident }}(严重级别:{{ .severity }})",
	})
}

// Notification returns the body of a request to n Feishu users.
func Notification(key string, n int) map[string]any {
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

// Send posts a notification to n users and returns its id.
func (r *Replica) Send(key string, n int) string {
	r.t.Helper()
	a := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", Notification(key, n))
	require.EqualValues(r.t, n, a.Body["deliveries"])
	return a.Body["notificationId"].(string)
}

// Task is a delivery as the API shows it.
type Task struct {
	ID, Channel, Provider, TemplateName, Locale, Status, LastError, LastCode string
	RetryCount, MaxRetry                                                     int
	NextRetryAt                                                              *time.Time
	Details                                                                  map[string]any
	Recipient                                                                struct{ Type, Value string }
}

// Show returns a notification's status and deliveries.
func (r *Replica) Show(id string) (string, []Task) {
	r.t.Helper()
	a := r.Do(http.StatusOK, http.MethodGet, "/api/v1/notifications/"+id, nil)
	var n struct {
		Status string
		Tasks  []Task
	}
	require.NoError(r.t, json.Unmarshal([]byte(a.Raw), &n))
	return n.Status, n.Tasks
}

// Until waits until the notification has the status and returns its deliveries.
func (r *Replica) Until(id, status string) []Task {
	r.t.Helper()
	var tasks []Task
	var now string
	require.Eventually(r.t, func() bool {
		now, tasks = r.Show(id)
		return now == status
	}, Patience, Tick, "waiting for %s", status)
	return tasks
}

// IDs returns the ids of tasks.
func IDs(tasks []Task) []string {
	list := make([]string, len(tasks))
	for i, t := range tasks {
		list[i] = t.ID
	}
	return list
}

// RequireOnceEach requires that each delivery arrived exactly once.
func RequireOnceEach(t *testing.T, w *World, deliveries []string) {
	t.Helper()
	for _, id := range deliveries {
		require.Equal(t, 1, w.Vendors.Inbox.Mark(id).Arrivals, "delivery %s", id)
	}
}

// Tick is the interval of polls for what the program reports nowhere.
const Tick = 20 * time.Millisecond

// RiverUI posts the ids of jobs to a path of River UI's API.
func (r *Replica) RiverUI(path string, jobs ...int64) {
	r.t.Helper()
	list := make([]string, len(jobs))
	for i, job := range jobs {
		list[i] = strconv.FormatInt(job, 10)
	}
	a := r.Call(AdminID, AdminSecret, http.MethodPost, path, map[string]any{"ids": list})
	require.Equal(r.t, http.StatusOK, a.Status, a.Raw)
}

// Jobs returns the ids of the delivery jobs that River UI lists in the state.
func (r *Replica) Jobs(state string) []int64 {
	r.t.Helper()
	a := r.Call(AdminID, AdminSecret, http.MethodGet, "/riverui/api/jobs?limit=100&kinds=deliver&state="+state, nil)
	require.Equal(r.t, http.StatusOK, a.Status, a.Raw)
	var page struct {
		Data []struct {
			ID int64 `json:"id"`
		} `json:"data"`
	}
	require.NoError(r.t, json.Unmarshal([]byte(a.Raw), &page))
	list := make([]int64, len(page.Data))
	for i, job := range page.Data {
		list[i] = job.ID
	}
	return list
}
