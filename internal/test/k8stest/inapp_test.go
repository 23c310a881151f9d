package k8stest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/inapp"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
)

// provider opens a provider of the cluster with the client's credentials.
func (c *cluster) provider(t *testing.T, client string, change func(*inapp.Config)) channels.Sender {
	t.Helper()
	config := inapp.Type.NewConfig().(*inapp.Config)
	config.Kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(config.Kubeconfig, k8s.Kubeconfig(c.url, token(client), c.authority), 0o600))
	if change != nil {
		change(config)
	}
	require.NoError(t, config.Validate())
	sender, err := config.Open()
	require.NoError(t, err)
	return sender
}

// inbox returns the desktop's view of a namespace.
func (c *cluster) inbox(t *testing.T, namespace string) dynamic.ResourceInterface {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(k8s.Kubeconfig(c.url, token(desktop), c.authority))
	require.NoError(t, err)
	client, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	return client.Resource(notifications).Namespace(namespace)
}

func message(user string) channels.Message {
	return channels.Message{
		DeliveryID: uuid.Must(uuid.NewV7()), Attempt: 1,
		Recipient: channels.Recipient{Type: channels.RecipientUserID, Value: user},
		MsgType:   "json", Subject: "磁盘已满",
		Body: `{"message": "disk <sda> is \"full\" & 数据库", "from": "Storage", "importance": "High", "desktopPopup": false,
			"i18ns": {"zh": {"title": "题", "message": "文"}}}`,
	}
}

func requireError(t *testing.T, err error, class channels.Class, code string) {
	t.Helper()
	var e *channels.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, class, e.Class, e.Error())
	require.Equal(t, code, e.Code, e.Error())
}

func TestNotification(t *testing.T) {
	t.Parallel()
	c := start(t, []string{"ns-alice"}, nil, notificationCRD(t, nil))
	sender := c.provider(t, notifier, nil)
	inbox := c.inbox(t, "ns-alice")
	m := message("alice")

	receipt, err := sender.Send(limit.Context(t), m)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"namespace": "ns-alice", "name": "notify-" + m.DeliveryID.String()}, receipt.Details)
	list, err := inbox.List(limit.Context(t), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	seconds, _ := m.DeliveryID.Time().UnixTime()
	require.Equal(t, map[string]any{
		"title": "磁盘已满", "message": `disk <sda> is "full" & 数据库`, "timestamp": seconds,
		"from": "Storage", "importance": "High", "desktopPopup": false,
		"i18ns": map[string]any{"zh": map[string]any{"title": "题", "message": "文", "from": "Storage"}},
	}, list.Items[0].Object["spec"])
	require.Equal(t, m.DeliveryID.String(), list.Items[0].GetAnnotations()["notify.sealos.io/delivery-id"])
	require.Empty(t, list.Items[0].GetLabels())

	// The desktop marks it as read. Then an attempt whose answer was lost is repeated.
	read, err := inbox.Patch(limit.Context(t), list.Items[0].GetName(), types.JSONPatchType,
		[]byte(`[{"op": "add", "path": "/metadata/labels", "value": {"isRead": "true"}}]`), metav1.PatchOptions{})
	require.NoError(t, err)
	again, err := sender.Send(limit.Context(t), m)
	require.NoError(t, err)
	require.Equal(t, receipt, again)
	list, err = inbox.List(limit.Context(t), metav1.ListOptions{})
	require.NoError(t, err)
	require.Equal(t, []unstructured.Unstructured{*read}, list.Items, "the second attempt changes nothing")
	require.Equal(t, map[string]string{"isRead": "true"}, list.Items[0].GetLabels())
	require.Equal(t, m.DeliveryID.String(), list.Items[0].GetAnnotations()["notify.sealos.io/delivery-id"])

	require.NoError(t, sender.(channels.Prober).Probe(limit.Context(t)))
	fixed := c.provider(t, notifier, func(c *inapp.Config) { c.Namespace = "ns-alice" })
	require.NoError(t, fixed.(channels.Prober).Probe(limit.Context(t)))
	list, err = inbox.List(limit.Context(t), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 1, "a probe leaves nothing behind")
}

// A later message of a thread replaces the content, and what the desktop has made of it.
func TestUpdate(t *testing.T) {
	t.Parallel()
	c := start(t, []string{"ns-alice"}, nil, notificationCRD(t, nil))
	sender := c.provider(t, notifier, nil)
	inbox := c.inbox(t, "ns-alice")
	m := message("alice")
	m.ExpiresAt = time.Now().Add(time.Hour)
	sent, err := sender.Send(limit.Context(t), m)
	require.NoError(t, err)
	_, err = inbox.Patch(limit.Context(t), sent.Reference, types.JSONPatchType,
		[]byte(`[{"op": "add", "path": "/metadata/labels", "value": {"isRead": "true"}}]`), metav1.PatchOptions{})
	require.NoError(t, err)
	m.Subject, m.Body, m.ExpiresAt = "磁盘", `{"message": "disk has room", "i18ns": {"en": {"title": "T", "message": "M"}}}`, time.Time{}
	for _, resolved := range []bool{false, true} {
		m.Resolved = resolved
		before := time.Now().Unix()
		updated, err := sender.(channels.Updater).Update(limit.Context(t), sent.Reference, m)
		require.NoError(t, err)
		require.Equal(t, sent.Details, updated.Details)
		n, err := inbox.Get(limit.Context(t), sent.Reference, metav1.GetOptions{})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"isRead": strconv.FormatBool(resolved)}, n.GetLabels())
		require.Equal(t, map[string]string{"notify.sealos.io/delivery-id": m.DeliveryID.String()}, n.GetAnnotations())
		spec := n.Object["spec"].(map[string]any)
		require.GreaterOrEqual(t, spec["timestamp"], before)
		delete(spec, "timestamp")
		require.Equal(t, map[string]any{
			"title": "磁盘", "message": "disk has room", "from": "Sealos", "importance": "Medium", "desktopPopup": true,
			"i18ns": map[string]any{"en": map[string]any{"title": "T", "message": "M", "from": "Sealos"}},
		}, spec)
	}
	weak := c.provider(t, creator, nil)
	_, err = weak.(channels.Updater).Update(limit.Context(t), sent.Reference, m)
	requireError(t, err, channels.Misconfigured, "k8s_Forbidden")
	require.NoError(t, inbox.Delete(limit.Context(t), sent.Reference, metav1.DeleteOptions{}))
	_, err = sender.(channels.Updater).Update(limit.Context(t), sent.Reference, m)
	requireError(t, err, channels.Permanent, "notification_gone")
}

func TestExpiresAtIsTheEnd(t *testing.T) {
	t.Parallel()
	c := start(t, []string{"ns-alice"}, nil, notificationCRD(t, nil))
	m := message("alice")
	m.ExpiresAt = time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC)
	_, err := c.provider(t, notifier, nil).Send(limit.Context(t), m)
	require.NoError(t, err)
	list, err := c.inbox(t, "ns-alice").List(limit.Context(t), metav1.ListOptions{})
	require.NoError(t, err)
	require.Equal(t, "2030-01-02T03:04:05Z", list.Items[0].Object["spec"].(map[string]any)["endTime"])
}

// What this service sent is deleted when it has ended or is old: more than one page of
// it, over all namespaces, read or not. Notifications of others stay.
func TestExpire(t *testing.T) {
	t.Parallel()
	c := start(t, []string{"ns-alice", "ns-bob"}, nil, notificationCRD(t, nil))
	sender := c.provider(t, notifier, nil)
	alice, bob := c.inbox(t, "ns-alice"), c.inbox(t, "ns-bob")
	foreign := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "notification.sealos.io/v1", "kind": "Notification", "metadata": map[string]any{"name": "debt"},
		// Specs are not listed, so their size does not matter.
		"spec": map[string]any{"title": "T", "message": strings.Repeat("M", 1<<20), "timestamp": int64(1)},
	}}
	_, err := alice.Create(limit.Context(t), foreign, metav1.CreateOptions{})
	require.NoError(t, err)

	const more, senders = 250, 10 // more than a page; the server refuses them all at once
	var sends sync.WaitGroup
	errs := make(chan error, more)
	for range senders {
		sends.Go(func() {
			for range more / senders {
				_, err := sender.Send(limit.Context(t), message("alice"))
				errs <- err
			}
		})
	}
	limit.Group(t, &sends, "notifications")
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	ended := message("bob")
	ended.ExpiresAt = time.Now().Add(-2 * time.Second)
	receipt, err := sender.Send(limit.Context(t), ended)
	require.NoError(t, err)
	_, err = bob.Patch(limit.Context(t), receipt.Details["name"].(string), types.JSONPatchType, // the desktop marks it as read
		[]byte(`[{"op": "add", "path": "/metadata/labels", "value": {"isRead": "true"}}]`), metav1.PatchOptions{})
	require.NoError(t, err)

	weak := c.provider(t, creator, nil).(channels.Expirer)
	_, err = weak.Expire(limit.Context(t), time.Now().Add(time.Hour))
	requireError(t, err, channels.Misconfigured, "k8s_Forbidden")

	expirer := sender.(channels.Expirer)
	n, err := expirer.Expire(limit.Context(t), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Equal(t, 1, n, "the one that has ended")
	n, err = expirer.Expire(limit.Context(t), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, more, n)
	list, err := alice.List(limit.Context(t), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	require.Equal(t, "debt", list.Items[0].GetName())

	// A provider of one namespace looks there only.
	_, err = sender.Send(limit.Context(t), message("bob"))
	require.NoError(t, err)
	fixed := c.provider(t, notifier, func(c *inapp.Config) { c.Namespace = "ns-alice" }).(channels.Expirer)
	n, err = fixed.Expire(limit.Context(t), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestConcurrentAttemptsAreOneNotification(t *testing.T) {
	t.Parallel()
	c := start(t, []string{"ns-alice"}, nil, notificationCRD(t, nil))
	const deliveries, attempts = 20, 10
	sender := c.provider(t, notifier, nil)
	errs := make(chan error, deliveries*attempts)
	var wg sync.WaitGroup
	for range deliveries {
		m := message("alice")
		for range attempts {
			wg.Go(func() {
				_, err := sender.Send(limit.Context(t), m)
				errs <- err
			})
		}
	}
	limit.Group(t, &wg, "attempts")
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	list, err := c.inbox(t, "ns-alice").List(limit.Context(t), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, deliveries)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	c := start(t, []string{"ns-alice"}, []string{"ns-bob"}, notificationCRD(t, nil))
	for _, tc := range []struct {
		name, client, user string
		class              channels.Class
		code, message      string
	}{
		{"unknown credentials", "nobody", "alice", channels.Misconfigured, "k8s_Unauthorized", "Unauthorized"},
		{"no permission", stranger, "alice", channels.Misconfigured, "k8s_Forbidden",
			`notifications.notification.sealos.io is forbidden: User "stranger" cannot create resource "notifications" in API group "notification.sealos.io" in the namespace "ns-***"`},
		{"no namespace", notifier, "carol", channels.Permanent, "namespace_not_found", `namespaces "ns-***" not found`},
		{"namespace terminating", notifier, "bob", channels.Permanent, "namespace_terminating", "because it is being terminated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			sender := c.provider(t, tc.client, nil)
			_, err := sender.Send(limit.Context(t), message(tc.user))
			requireError(t, err, tc.class, tc.code)
			require.ErrorContains(t, err, tc.message)
			require.NotContains(t, err.Error(), "ns-"+tc.user)

			probed := sender.(channels.Prober).Probe(limit.Context(t))
			if tc.class == channels.Permanent {
				require.NoError(t, probed, "it is about one user")
			} else {
				requireError(t, probed, tc.class, tc.code)
			}
		})
	}

	t.Run("fixed namespace", func(t *testing.T) {
		t.Parallel()
		sender := c.provider(t, notifier, func(c *inapp.Config) { c.Namespace = "sealos" })
		_, err := sender.Send(limit.Context(t), message("alice"))
		requireError(t, err, channels.Permanent, "namespace_not_found")
		requireError(t, sender.(channels.Prober).Probe(limit.Context(t)), channels.Misconfigured, "namespace_not_found")
	})
}

// An older revision of the resource has a list of translations.
func TestInvalid(t *testing.T) {
	t.Parallel()
	c := start(t, []string{"ns-alice"}, nil, notificationCRD(t, map[string]any{
		"type": "array", "items": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true},
	}))
	sender := c.provider(t, notifier, nil)
	_, err := sender.Send(limit.Context(t), message("alice"))
	requireError(t, err, channels.Permanent, "k8s_Invalid")
	require.ErrorContains(t, err, "spec.i18ns")

	plain := message("alice")
	plain.MsgType, plain.Body = "text", "no translations"
	_, err = sender.Send(limit.Context(t), plain)
	require.NoError(t, err)
}

func TestNotInstalled(t *testing.T) {
	t.Parallel()
	c := start(t, []string{"ns-alice"}, nil, nil)
	sender := c.provider(t, notifier, nil)
	_, err := sender.Send(limit.Context(t), message("alice"))
	requireError(t, err, channels.Misconfigured, "notifications_not_served")
	n, err := sender.(channels.Expirer).Expire(limit.Context(t), time.Now())
	require.NoError(t, err, "there is nothing to delete")
	require.Zero(t, n)
	requireError(t, sender.(channels.Prober).Probe(limit.Context(t)), channels.Misconfigured, "notifications_not_served")
}

func TestStopped(t *testing.T) {
	t.Parallel()
	c := start(t, []string{"ns-alice"}, nil, notificationCRD(t, nil))
	sender := c.provider(t, notifier, nil)
	_, err := sender.Send(limit.Context(t), message("alice"))
	require.NoError(t, err)
	c.stop()
	_, err = sender.Send(limit.Context(t), message("alice"))
	requireError(t, err, channels.Transient, "connect_failed")
	requireError(t, sender.(channels.Prober).Probe(limit.Context(t)), channels.Transient, "connect_failed")
}
