package k8s_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
)

const (
	token = "t1"
	path  = "/apis/notification.sealos.io/v1/namespaces/ns-a/notifications"
	good  = `{"apiVersion": "notification.sealos.io/v1", "kind": "Notification",
		"metadata": {"name": "n1", "namespace": "ns-a", "annotations": {"notify.sealos.io/delivery-id": "d1"}},
		"spec": {"title": "T", "message": "M", "timestamp": 1}}`
)

func call(t *testing.T, c *k8s.Cluster, method, path, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	var answer map[string]any
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), w.Body.String())
	return w.Code, answer
}

func TestCreateAndGet(t *testing.T) {
	t.Parallel()
	c := k8s.New(token, vendors.NewInbox())
	status, created := call(t, c, "POST", path, good)
	require.Equal(t, http.StatusCreated, status)
	status, got := call(t, c, "GET", path+"/n1", "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, created, got)

	status, answer := call(t, c, "POST", path, good)
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, "Status", answer["kind"])
	require.Equal(t, "AlreadyExists", answer["reason"])
	require.Equal(t, vendors.Mark{Requests: 2, Arrivals: 1}, c.Inbox().Mark("d1"))
	require.Equal(t, 2, c.Requests(k8s.Create))
}

func TestListAndDelete(t *testing.T) {
	t.Parallel()
	c := k8s.New(token, vendors.NewInbox())
	for _, name := range []string{"n1", "n2", "n3"} {
		status, _ := call(t, c, "POST", path, strings.Replace(good, `"n1"`, `"`+name+`"`, 1))
		require.Equal(t, http.StatusCreated, status)
	}
	other := strings.ReplaceAll(path, "ns-a", "ns-b")
	status, _ := call(t, c, "POST", other, strings.Replace(good, `"ns-a"`, `"ns-b"`, 1))
	require.Equal(t, http.StatusCreated, status)

	list := func(path string) (names []string, next string) {
		status, answer := call(t, c, "GET", path, "")
		require.Equal(t, http.StatusOK, status)
		for _, item := range answer["items"].([]any) {
			meta := item.(map[string]any)["metadata"].(map[string]any)
			names = append(names, meta["namespace"].(string)+"/"+meta["name"].(string))
		}
		next, _ = answer["metadata"].(map[string]any)["continue"].(string)
		return names, next
	}
	const all = "/apis/notification.sealos.io/v1/notifications?limit=3"
	names, next := list(all)
	require.Equal(t, []string{"ns-a/n1", "ns-a/n2", "ns-a/n3"}, names)
	names, next = list(all + "&continue=" + next)
	require.Equal(t, []string{"ns-b/n1"}, names)
	require.Empty(t, next)
	names, next = list(path)
	require.Len(t, names, 3)
	require.Empty(t, next)

	status, _ = call(t, c, "DELETE", path+"/n2", "")
	require.Equal(t, http.StatusOK, status)
	names, _ = list(path)
	require.Equal(t, []string{"ns-a/n1", "ns-a/n3"}, names)
	status, answer := call(t, c, "DELETE", path+"/n2", "")
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, "NotFound", answer["reason"])
}

func TestDryRunLeavesNothing(t *testing.T) {
	t.Parallel()
	c := k8s.New(token, vendors.NewInbox())
	status, _ := call(t, c, "POST", path+"?dryRun=All", good)
	require.Equal(t, http.StatusCreated, status)
	status, answer := call(t, c, "GET", path+"/n1", "")
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, "notifications", answer["details"].(map[string]any)["kind"])
	require.Zero(t, c.Inbox().Total())
	require.Zero(t, c.Inbox().Mark("d1"))
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, old, new string // replaced in the good request
		status         int
		reason         string
	}{
		{"not JSON", good, "{", 400, "BadRequest"},
		{"title of another type", `"T"`, "7", 400, "BadRequest"},
		{"another kind", `"Notification"`, `"Secret"`, 400, "BadRequest"},
		{"another version", "sealos.io/v1", "sealos.io/v2", 400, "BadRequest"},
		{"another namespace", `"ns-a"`, `"ns-b"`, 400, "BadRequest"},
		{"no title", `"title": "T",`, "", 422, "Invalid"},
		{"no message", `"message": "M",`, "", 422, "Invalid"},
		{"no timestamp", `, "timestamp": 1`, "", 422, "Invalid"},
		{"half a translation", `"timestamp": 1`, `"timestamp": 1, "i18ns": {"zh": {"title": "题"}}`, 422, "Invalid"},
		{"name", `"n1"`, `"N 1"`, 422, "Invalid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := k8s.New(token, vendors.NewInbox())
			require.Contains(t, good, tc.old)
			status, answer := call(t, c, "POST", path, strings.Replace(good, tc.old, tc.new, 1))
			require.Equal(t, tc.status, status)
			require.Equal(t, tc.reason, answer["reason"])
			require.EqualValues(t, tc.status, answer["code"])
			require.Zero(t, c.Inbox().Total())
		})
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	status, answer := call(t, k8s.New("another", vendors.NewInbox()), "POST", path, good)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Equal(t, "Unauthorized", answer["reason"])

	status, _ = call(t, k8s.New("", vendors.NewInbox()), "POST", path, good)
	require.Equal(t, http.StatusCreated, status)
}

func TestDeletedNamespace(t *testing.T) {
	t.Parallel()
	c := k8s.New(token, vendors.NewInbox())
	c.DeleteNamespace("ns-a")
	status, answer := call(t, c, "POST", path, good)
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, "namespaces", answer["details"].(map[string]any)["kind"])
}

func TestFaults(t *testing.T) {
	t.Parallel()
	c := k8s.New(token, vendors.NewInbox())
	c.Fail(k8s.Fault{Where: k8s.Create, Times: 1, After: true, HTTPStatus: 503, Code: "ServiceUnavailable", Message: "told to"})
	status, answer := call(t, c, "POST", path, good)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "ServiceUnavailable", answer["reason"])
	require.Equal(t, "told to", answer["message"])
	require.Equal(t, 1, c.Inbox().Total())

	c.Fail(k8s.Fault{Where: k8s.Get, Delay: 1})
	status, _ = call(t, c, "GET", path+"/n1", "")
	require.Equal(t, http.StatusOK, status, "a fault that only delays is followed by the true answer")
}
