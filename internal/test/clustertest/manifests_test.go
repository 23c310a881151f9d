//go:build cluster

package clustertest

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
)

const (
	manifests = "deploy/kubernetes"
	namespace = "ns-admin"
	account   = "sealos-notify"
)

// The steps share one cluster. Each finds what the steps before it created.
func TestManifests(t *testing.T) {
	c := start(t)
	for _, step := range []struct {
		name string
		test func(*testing.T, *cluster)
	}{
		{"the same with -f and -k", sameBothWays},
		{"deploy as documented", deploy},
		{"again, from the server's side", applyAgain},
		{"the pod is admitted", admitPod},
		{"a second installation leaves the first one alone", installAgain},
		{"the account may create, patch, list and delete notifications and nothing else", accountIsLimited},
		{"the service notifies a user", notify},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.test(t, c) }) {
			return
		}
	}
}

func sameBothWays(t *testing.T, c *cluster) {
	objects := func(way string) []any {
		// By the client: the namespace is not there yet.
		printed := json.NewDecoder(strings.NewReader(
			c.do(t, "create", "--dry-run=client", "--validate=strict", "-o", "json", way, manifests)))
		var list []any
		for printed.More() {
			var object any
			require.NoError(t, printed.Decode(&object))
			list = append(list, object)
		}
		return list
	}
	files := objects("-f")
	require.Len(t, files, 7)
	require.ElementsMatch(t, files, objects("-k"))
}

// deploy runs the documentation's commands in a namespace that refuses and warns of
// every pod that is not restricted.
func deploy(t *testing.T, c *cluster) {
	blocks := harness.ShellBlocks(t, "docs/kubernetes.md", "## Deploying")
	require.Len(t, blocks, 3)
	apps := c.write(t, "apps.yaml", "apps: [{appId: notify-console, appSecret: a-long-random-secret}]\n")
	c.shell(t, strings.ReplaceAll(blocks[0], "/path/to/apps.yaml", apps))
	for _, mode := range []string{"enforce", "warn", "audit"} {
		c.do(t, "label", "namespace", namespace, "pod-security.kubernetes.io/"+mode+"=restricted")
	}

	careless := c.command(t, "create", "deployment", "careless", "--image=busybox", "--dry-run=server", "--warnings-as-errors", "-n", namespace)
	said, err := careless.CombinedOutput()
	require.Error(t, err, "warnings are heard")
	require.Contains(t, string(said), "Warning: would violate PodSecurity")

	c.shell(t, blocks[1])
	c.shell(t, blocks[2])
	secrets := c.do(t, "get", "secrets", "-n", namespace, "-o", "name")
	require.Equal(t, "secret/sealos-notify-api-auth\nsecret/sealos-notify-feishu\n", secrets)
}

func applyAgain(t *testing.T, c *cluster) {
	for _, way := range []string{"-f", "-k"} {
		changes := c.command(t, "diff", way, manifests)
		said, err := changes.CombinedOutput()
		require.NoError(t, err, "%s", said)
		require.Empty(t, string(said), "the cluster has what the files say")
	}
	// It takes over the fields of client-side apply, which would conflict otherwise.
	c.do(t, "apply", "--server-side", "--warnings-as-errors", "--force-conflicts", "-k", manifests)
}

// admitPod creates the pod that the Deployment's controller would.
func admitPod(t *testing.T, c *cluster) {
	var deployment struct {
		Spec struct {
			Template struct{ Spec map[string]any }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(c.do(t, "get", "deployment", "sealos-notify", "-n", namespace, "-o", "json")), &deployment))
	pod, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "sealos-notify", "namespace": namespace},
		"spec": deployment.Spec.Template.Spec,
	})
	require.NoError(t, err)
	c.do(t, "create", "--validate=strict", "--warnings-as-errors", "-f", c.write(t, "pod.json", string(pod)))
	mounts := c.do(t, "get", "pod", "sealos-notify", "-n", namespace, "-o", "jsonpath={.spec.containers[0].volumeMounts[*].mountPath}")
	require.Contains(t, mounts, "/var/run/secrets/kubernetes.io/serviceaccount", "the inapp channel's credentials")
}

// installAgain applies the documentation's overlay for another namespace.
func installAgain(t *testing.T, c *cluster) {
	c.do(t, "create", "namespace", "ns-second")
	overlay := harness.Blocks(t, "docs/kubernetes.md", "## A second installation", "yaml")
	require.Len(t, overlay, 1)
	folder := c.path("second")
	require.NoError(t, os.Mkdir(folder, 0o750))
	base, err := filepath.Rel(folder, harness.Project())
	require.NoError(t, err)
	c.write(t, "second/kustomization.yaml", strings.ReplaceAll(overlay[0], "../sealos-notify", base))
	c.do(t, "apply", "-k", folder)
	for binding, want := range map[string]string{"sealos-notify": namespace, "sealos-notify-second": "ns-second"} {
		require.Equal(t, want, c.do(t, "get", "clusterrolebinding", binding, "-o", "jsonpath={.subjects[0].namespace}"))
	}
}

// kubeconfig writes a kubeconfig of the account and returns its path.
func (c *cluster) kubeconfig(t *testing.T, account string) string {
	t.Helper()
	token := strings.TrimSpace(c.do(t, "create", "token", account, "-n", namespace))
	return c.write(t, account+".yaml", string(k8s.Kubeconfig(c.url, token, c.authority)))
}

func accountIsLimited(t *testing.T, c *cluster) {
	c.do(t, "create", "namespace", "ns-alice")
	c.do(t, "apply", "-f", "internal/test/k8stest/testdata/notification-crd.yaml")
	c.do(t, "wait", "--for", "condition=Established", "crd/notifications.notification.sealos.io")
	c.do(t, "create", "serviceaccount", "nobody", "-n", namespace)
	notifier, nobody := c.kubeconfig(t, account), c.kubeconfig(t, "nobody")

	for _, where := range []string{namespace, "ns-alice", "default", "kube-system"} {
		mayNobody := strings.Split(c.do(t, "auth", "can-i", "--list", "--no-headers", "--kubeconfig", nobody, "-n", where), "\n")
		may := strings.Split(c.do(t, "auth", "can-i", "--list", "--no-headers", "--kubeconfig", notifier, "-n", where), "\n")
		more := slices.DeleteFunc(may, func(rule string) bool { return slices.Contains(mayNobody, rule) })
		require.Len(t, more, 1, "in %s it may do what every account may, and one thing more", where)
		require.Equal(t, []string{"notifications.notification.sealos.io", "[]", "[]", "[create", "patch", "list", "delete]"}, strings.Fields(more[0]))
	}

	c.do(t, "auth", "can-i", "create", "notifications", "-n", "ns-alice", "--kubeconfig", notifier)
	for _, denied := range []string{
		"get notifications", "watch notifications", "update notifications",
		"deletecollection notifications", "create notifications --subresource=status", "get secrets", "list secrets",
		"get configmaps", "create pods", "create pods --subresource=exec", "create deployments", "list namespaces", "get nodes",
		"create serviceaccounts --subresource=token", "create clusterrolebindings", "bind clusterroles", "escalate clusterroles", "impersonate users",
	} {
		question := append([]string{"auth", "can-i", "-q", "--all-namespaces", "--kubeconfig", notifier}, strings.Fields(denied)...)
		said, err := c.command(t, question...).CombinedOutput()
		require.Error(t, err, denied)
		require.NotContains(t, string(said), "error", denied)
	}
	said, err := c.command(t, "get", "secrets", "-n", namespace, "--kubeconfig", notifier).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(said), "Forbidden")
}

// notify posts a notification to the program, which creates it in the cluster with the
// account's token.
func notify(t *testing.T, c *cluster) {
	w := harness.NewPostgres(t)
	content, err := os.ReadFile(c.kubeconfig(t, account))
	require.NoError(t, err)
	w.Write("kubeconfig.yaml", string(content))
	w.Configure(map[string]string{
		"channels":  `{inapp: {enabled: true, provider: sealos-inapp}}`,
		"providers": `{sealos-inapp: {type: inapp_crd, kubeconfig: kubeconfig.yaml}}`,
	})
	probed, err := w.Program("config", "check", "--probe").CombinedOutput()
	require.NoError(t, err, "%s", probed)

	r := w.Start()
	r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{
		"name": "disk", "channel": "inapp", "subject": "Disk full", "body": "{{ .host }} has no space left",
	})
	accepted := r.Do(http.StatusAccepted, http.MethodPost, "/api/v1/notifications", map[string]any{
		"idempotencyKey": "k", "recipients": []any{map[string]any{"type": "user_id", "value": "alice"}},
		"channels": map[string]any{"inapp": map[string]any{"template": "disk", "params": map[string]any{"host": "db-0"}}},
	})
	delivery := r.Until(accepted.Body["notificationId"].(string), "success")[0].ID
	message := c.do(t, "get", "notifications", "notify-"+delivery, "-n", "ns-alice", "-o", "jsonpath={.spec.title}: {.spec.message}")
	require.Equal(t, "Disk full: db-0 has no space left", message)
}
