package inapp_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/inapp"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token = "canary-token-40c2"
	user  = "canary-user-9e1d"
)

// setup starts a cluster and opens a provider of it.
func setup(t *testing.T, change func(*inapp.Config)) (*k8s.Cluster, channels.Sender) {
	t.Helper()
	cluster := k8s.New(token, vendors.NewInbox())
	return cluster, open(t, serve(t, cluster), change)
}

// serve serves the API over TLS, as a real one does.
func serve(t *testing.T, api http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(api)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// open opens a provider of the API.
func open(t *testing.T, server *httptest.Server, change func(*inapp.Config)) channels.Sender {
	t.Helper()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return openWith(t, k8s.Kubeconfig(server.URL, token, authority), change)
}

func openWith(t *testing.T, kubeconfig []byte, change func(*inapp.Config)) channels.Sender {
	t.Helper()
	c := newConfig()
	c.Kubeconfig = write(t, kubeconfig)
	if change != nil {
		change(c)
	}
	require.NoError(t, c.Validate())
	sender, err := c.Open()
	require.NoError(t, err)
	return sender
}

func newConfig() *inapp.Config { return inapp.Type.NewConfig().(*inapp.Config) }

func text() channels.Message {
	return channels.Message{
		DeliveryID: uuid.Must(uuid.NewV7()), Attempt: 1,
		Recipient: channels.Recipient{Type: channels.RecipientUserID, Value: user},
		MsgType:   "text", Subject: "数据库 <1>", Body: "disk is \"full\"\n& more",
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	cluster, sender := setup(t, nil)
	m := text()
	receipt, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"namespace": "ns-" + user, "name": "notify-" + m.DeliveryID.String()}, receipt.Details)

	arrivals := cluster.Inbox().Arrivals()
	require.Len(t, arrivals, 1)
	require.Equal(t, "ns-"+user, arrivals[0].To)
	require.Equal(t, m.Subject, arrivals[0].Subject)
	require.Equal(t, m.Body, arrivals[0].Text)
	require.Equal(t, m.DeliveryID.String(), arrivals[0].Mark)
}

// A lost answer is followed by an attempt with the same name: one notification.
func TestLostAnswerIsOneNotification(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]k8s.Fault{
		"cut":     {Times: 1, After: true, Reset: true},
		"HTML":    {Times: 1, After: true, Body: "<html>"},
		"another": {Times: 1, After: true, Body: `{"apiVersion":"v1","kind":"Status","metadata":{},"status":"Success"}`},
		"gateway": {Times: 1, After: true, HTTPStatus: 504, Body: `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, sender := setup(t, nil)
			cluster.Fail(fault)
			m := text()
			_, err := sender.Send(t.Context(), m)
			require.Equal(t, channels.Uncertain, channels.AsError(err).Class, "%v", err)
			m.Attempt = 2
			receipt, err := sender.Send(t.Context(), m)
			require.NoError(t, err)
			require.Equal(t, "notify-"+m.DeliveryID.String(), receipt.Details["name"])
			require.Equal(t, vendors.Mark{Requests: 2, Arrivals: 1}, cluster.Inbox().Mark(m.DeliveryID.String()))
		})
	}
}

// Every attempt sends the same object.
func TestAttemptsAreTheSame(t *testing.T) {
	t.Parallel()
	bodies := make(chan map[string]any, 2)
	sender := open(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if json.NewDecoder(r.Body).Decode(&body) == nil {
			bodies <- body
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})), nil)
	m := text()
	m.DeliveryID = uuid.MustParse("019a0000-0000-7abc-8def-0123456789ab") // created earlier
	m.ExpiresAt = time.Now().Add(time.Hour)
	for range 2 {
		_, err := sender.Send(t.Context(), m)
		require.Equal(t, channels.Transient, channels.AsError(err).Class)
	}
	first := limit.Receive(t, bodies, "the first request")
	require.Equal(t, first, limit.Receive(t, bodies, "the second request"))
	require.EqualValues(t, 0x019a00000000/1000, first["spec"].(map[string]any)["timestamp"])
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ pattern, user, namespace string }{ // refused when the namespace is empty
		{"ns-{{user}}", "alice", "ns-alice"},
		{"ns-{{user}}", "a", "ns-a"},
		{"{{user}}", "2b4", "2b4"},
		{"x-{{user}}-{{user}}", "a", "x-a-a"},
		{"sealos", "alice", "sealos"},
		{"sealos", "../kube-system", "sealos"}, // the user is not part of the name
		{"ns-{{user}}", strings.Repeat("a", 60), "ns-" + strings.Repeat("a", 60)},
		{"ns-{{user}}", strings.Repeat("a", 61), ""},
		{"ns-{{user}}", "", ""},
		{"ns-{{user}}", "..", ""},
		{"ns-{{user}}", "../kube-system", ""},
		{"ns-{{user}}", "a/../../../api/v1/secrets", ""},
		{"ns-{{user}}", "a%2f..", ""},
		{"ns-{{user}}", "a?dryRun=All", ""},
		{"ns-{{user}}", "a.b", ""},
		{"ns-{{user}}", "Alice", ""},
		{"ns-{{user}}", "-a", ""},
		{"ns-{{user}}", "a-", ""},
		{"{{user}}-ns", "-a", ""},
		{"ns-{{user}}", "a_b", ""},
		{"ns-{{user}}", "a b", ""},
		{"ns-{{user}}", "a\n", ""},
		{"ns-{{user}}", "{{user}}", ""},
		{"ns-{{user}}", "用户", ""},
	} {
		t.Run(tc.pattern+" "+tc.user, func(t *testing.T) {
			t.Parallel()
			cluster, sender := setup(t, func(c *inapp.Config) { c.Namespace = tc.pattern })
			m := text()
			m.Recipient.Value = tc.user
			checked := sender.(channels.RecipientChecker).CheckRecipient(m.Recipient)
			_, err := sender.Send(t.Context(), m)
			if tc.namespace != "" {
				require.NoError(t, checked)
				require.NoError(t, err)
				require.Equal(t, tc.namespace, cluster.Inbox().Arrivals()[0].To)
				return
			}
			require.ErrorContains(t, checked, "lower-case letters")
			channeltest.RequireError(t, err, channels.Permanent, "recipient")
			require.Zero(t, cluster.Requests(k8s.Create))
		})
	}
}

func TestOtherRecipientsAreRefused(t *testing.T) {
	t.Parallel()
	cluster, sender := setup(t, nil)
	m := text()
	m.Recipient.Type = channels.RecipientFeishuUserID
	_, err := sender.Send(t.Context(), m)
	channeltest.RequireError(t, err, channels.Permanent, "recipient_type")
	require.Zero(t, cluster.Requests(k8s.Create))
}

// client-go would wait and call again. Only the queue repeats calls.
func TestNoCallIsRepeated(t *testing.T) {
	t.Parallel()
	for _, status := range []int{429, 500, 503} {
		var calls atomic.Int32
		sender := open(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			w.Header().Set("Retry-After", "1")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{
				"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": status, "message": "busy",
				"reason": "ServerTimeout", "details": map[string]any{"retryAfterSeconds": 1},
			})
		})), nil)
		_, err := sender.Send(t.Context(), text())
		require.Equal(t, time.Second, channels.AsError(err).RetryAfter, "%v", err)
		require.EqualValues(t, 1, calls.Load())
	}
}

// client-go's own limit is five calls a second.
func TestClientDoesNotLimit(t *testing.T) {
	t.Parallel()
	const sends = 300
	cluster, sender := setup(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for range sends {
		_, err := sender.Send(ctx, text())
		require.NoError(t, err)
	}
	require.Equal(t, sends, cluster.Inbox().Total())
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	cluster, sender := setup(t, nil)
	m := text()
	m.InThread, m.ExpiresAt = true, time.Now().Add(time.Hour)
	sent, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Empty(t, cluster.Inbox().Arrivals()[0].Notes)

	m.Subject, m.Body, m.ExpiresAt = "Still full", "disk is still full", time.Time{}
	updated, err := sender.(channels.Updater).Update(t.Context(), sent.Reference, m)
	require.NoError(t, err)
	require.Equal(t, sent.Details, updated.Details)
	require.Equal(t, sent.Reference, updated.Reference)
	require.Equal(t, map[string]string{"isRead": "false"}, labels(t, cluster, sent.Reference))

	m.Subject, m.Body, m.Resolved = "Over", "there is room again", true
	for range 2 { // an edit may be repeated
		_, err = sender.(channels.Updater).Update(t.Context(), sent.Reference, m)
		require.NoError(t, err)
	}
	require.Equal(t, map[string]string{"isRead": "true"}, labels(t, cluster, sent.Reference))
	arrivals := cluster.Inbox().Arrivals()
	require.Len(t, arrivals, 1)
	require.Equal(t, []string{"Over", "there is room again"}, []string{arrivals[0].Subject, arrivals[0].Text})

	n, err := sender.(channels.Expirer).Expire(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, n, "it is still known as one of this service")
	_, err = sender.(channels.Updater).Update(t.Context(), sent.Reference, m)
	channeltest.RequireError(t, err, channels.Permanent, "notification_gone")
}

func TestUpdateFails(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault k8s.Fault
		class channels.Class
		code  string
	}{
		{"no right", k8s.Fault{HTTPStatus: 403, Code: "Forbidden", Message: "cannot patch"}, channels.Misconfigured, "k8s_Forbidden"},
		{"refused", k8s.Fault{HTTPStatus: 422, Code: "Invalid", Message: "spec: x"}, channels.Permanent, "k8s_Invalid"},
		{"not installed", k8s.Fault{HTTPStatus: 404, Body: "404 page not found\n"}, channels.Misconfigured, "notifications_not_served"},
		{"away", k8s.Fault{Reset: true}, channels.Uncertain, "no_answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cluster, sender := setup(t, nil)
			sent, err := sender.Send(t.Context(), text())
			require.NoError(t, err)
			tc.fault.Where = k8s.Patch
			cluster.Fail(tc.fault)
			_, err = sender.(channels.Updater).Update(t.Context(), sent.Reference, text())
			channeltest.RequireError(t, err, tc.class, tc.code)
		})
	}
}

// labels returns the labels of a notification of the user.
func labels(t *testing.T, cluster *k8s.Cluster, name string) map[string]string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/apis/notification.sealos.io/v1/namespaces/ns-"+user+"/notifications/"+name, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	cluster.ServeHTTP(w, r)
	var n struct {
		Metadata struct{ Labels map[string]string }
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &n), w.Body)
	return n.Metadata.Labels
}

// names returns the notifications of the user.
func names(t *testing.T, cluster *k8s.Cluster) []string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/apis/notification.sealos.io/v1/namespaces/ns-"+user+"/notifications", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	cluster.ServeHTTP(w, r)
	var list struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list), w.Body)
	var names []string
	for _, item := range list.Items {
		names = append(names, item.Metadata.Name)
	}
	return names
}

// Notifications are deleted when they have ended or are older than the given time.
func TestExpire(t *testing.T) {
	t.Parallel()
	cluster, sender := setup(t, nil)
	stays, endsLater, ended := text(), text(), text()
	endsLater.ExpiresAt, ended.ExpiresAt = time.Now().Add(time.Hour), time.Now().Add(-2*time.Second)
	for _, m := range []channels.Message{stays, endsLater, ended} {
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
	}
	expirer := sender.(channels.Expirer)
	n, err := expirer.Expire(t.Context(), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.ElementsMatch(t, []string{"notify-" + stays.DeliveryID.String(), "notify-" + endsLater.DeliveryID.String()}, names(t, cluster))

	n, err = expirer.Expire(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Empty(t, names(t, cluster))
	require.Equal(t, 3, cluster.Requests(k8s.Delete))
}

func TestExpireFails(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault k8s.Fault
		class channels.Class // empty when there is nothing to delete
		code  string
	}{
		{"no right to list", k8s.Fault{Where: k8s.List, HTTPStatus: 403, Code: "Forbidden", Message: "cannot list"}, channels.Misconfigured, "k8s_Forbidden"},
		{"no right to delete", k8s.Fault{Where: k8s.Delete, HTTPStatus: 403, Code: "Forbidden", Message: "cannot delete"}, channels.Misconfigured, "k8s_Forbidden"},
		{"not installed", k8s.Fault{Where: k8s.List, HTTPStatus: 404, Body: "404 page not found\n"}, "", ""},
		{"deleted by another", k8s.Fault{Where: k8s.Delete, HTTPStatus: 404, Code: "NotFound", Message: "x"}, "", ""},
		{"away", k8s.Fault{Where: k8s.Delete, Reset: true}, channels.Uncertain, "no_answer"},
		{"not a cluster", k8s.Fault{Where: k8s.List, Body: "<html>"}, channels.Uncertain, "unexpected_answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cluster, sender := setup(t, nil)
			_, err := sender.Send(t.Context(), text())
			require.NoError(t, err)
			cluster.Fail(tc.fault)
			_, err = sender.(channels.Expirer).Expire(t.Context(), time.Now().Add(time.Hour))
			if tc.class == "" {
				require.NoError(t, err)
				return
			}
			channeltest.RequireError(t, err, tc.class, tc.code)
		})
	}
}

// Those that the API refuses to delete, which are the same every time, do not keep the others.
func TestExpireGoesOnAfterARefusal(t *testing.T) {
	t.Parallel()
	cluster, sender := setup(t, nil)
	for range 15 {
		_, err := sender.Send(t.Context(), text())
		require.NoError(t, err)
	}
	cluster.Fail(k8s.Fault{Where: k8s.Delete, Times: 12, HTTPStatus: 403, Code: "Forbidden", Message: "denied by a webhook"})
	n, err := sender.(channels.Expirer).Expire(t.Context(), time.Now().Add(time.Hour))
	channeltest.RequireError(t, err, channels.Misconfigured, "k8s_Forbidden")
	require.Equal(t, 3, n)
	require.Len(t, names(t, cluster), 12)
}

// The log shows the error of an expiry, and a namespace is named after its user.
func TestExpireNamesNoUser(t *testing.T) {
	t.Parallel()
	cluster, sender := setup(t, nil)
	m := text()
	receipt, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	cluster.Fail(k8s.Fault{Where: k8s.Delete, HTTPStatus: 403, Code: "Forbidden", Message: fmt.Sprintf(
		"notifications %q is forbidden: cannot delete in the namespace %q", receipt.Details["name"], receipt.Details["namespace"],
	)})
	_, err = sender.(channels.Expirer).Expire(t.Context(), time.Now().Add(time.Hour))
	require.ErrorContains(t, err, "cannot delete in the namespace")
	require.NotContains(t, err.Error(), m.Recipient.Value)
}

func TestProbe(t *testing.T) {
	t.Parallel()
	const gone = "ns-notify-probe"
	fixed := func(c *inapp.Config) { c.Namespace = gone }
	for _, tc := range []struct {
		name   string
		change func(*inapp.Config)
		spoil  func(*k8s.Cluster)
		class  channels.Class // empty when the probe succeeds
		code   string
	}{
		{name: "well"},
		{name: "nobody has the name", spoil: func(c *k8s.Cluster) { c.DeleteNamespace(gone) }},
		{name: "no such namespace", change: fixed, spoil: func(c *k8s.Cluster) { c.DeleteNamespace(gone) },
			class: channels.Misconfigured, code: "namespace_not_found"},
		{name: "forbidden", spoil: func(c *k8s.Cluster) {
			c.Fail(k8s.Fault{HTTPStatus: 403, Code: "Forbidden", Message: "User \"u\" cannot create"})
		}, class: channels.Misconfigured, code: "k8s_Forbidden"},
		{name: "schema of another", spoil: func(c *k8s.Cluster) {
			c.Fail(k8s.Fault{HTTPStatus: 422, Code: "Invalid", Message: "spec.from: Required"})
		}, class: channels.Misconfigured, code: "k8s_Invalid"},
		{name: "not installed", spoil: func(c *k8s.Cluster) {
			c.Fail(k8s.Fault{HTTPStatus: 404, Body: "404 page not found\n"})
		}, class: channels.Misconfigured, code: "notifications_not_served"},
		{name: "away", spoil: func(c *k8s.Cluster) { c.Fail(k8s.Fault{Reset: true}) },
			class: channels.Transient, code: "no_answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cluster, sender := setup(t, tc.change)
			if tc.spoil != nil {
				tc.spoil(cluster)
			}
			err := sender.(channels.Prober).Probe(t.Context())
			if tc.class == "" {
				require.NoError(t, err)
			} else {
				channeltest.RequireError(t, err, tc.class, tc.code)
			}
			require.Equal(t, 1, cluster.Requests(k8s.Create))
			require.Zero(t, cluster.Inbox().Total(), "a probe sends nothing")
		})
	}
}
