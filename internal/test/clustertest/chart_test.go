//go:build cluster

package clustertest

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/kubelet"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
)

const (
	chart      = "deploy/helm/sealos-notify"
	small      = "deploy/testdata/helm/small.yaml"
	everything = "deploy/testdata/helm/everything.yaml"
	// operator is the version of the Prometheus operator whose resources the chart's are checked by.
	operator = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
)

// The steps share one cluster.
func TestChart(t *testing.T) {
	c := start(t)
	c.helm = build(t, "../../tools/helm", "helm.sh/helm/v3/cmd/helm")
	c.do(t, "apply", "-f", monitoringResources(t))
	c.do(t, "wait", "--for", "condition=Established", "crd/servicemonitors.monitoring.coreos.com", "crd/prometheusrules.monitoring.coreos.com")
	for _, step := range []struct {
		name string
		test func(*testing.T, *cluster)
	}{
		{"the API server accepts every values file", acceptValues},
		{"install and upgrade as documented", installChart},
		{"several releases in one cluster", installReleases},
		{"an upgrade refuses nothing", upgradeUnderLoad},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.test(t, c) }) {
			return
		}
	}
}

// monitoringResources returns the definitions of what the Prometheus operator reads, as
// kubectl's argument.
func monitoringResources(t *testing.T) string {
	t.Helper()
	said, err := limit.Command(t, patience, "go", "mod", "download", "-json", operator).Output()
	require.NoError(t, err)
	var module struct{ Dir string }
	require.NoError(t, json.Unmarshal(said, &module))
	folder := filepath.Join(module.Dir, "example", "prometheus-operator-crd", "monitoring.coreos.com_")
	return folder + "servicemonitors.yaml," + folder + "prometheusrules.yaml"
}

// helmCommand returns a call of helm as the administrator in the project's folder.
func (c *cluster) helmCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := c.command(t, args...)
	cmd.Path, cmd.Args[0] = c.helm, c.helm
	return cmd
}

// restricted creates a namespace that refuses and warns of every pod that is not restricted.
func (c *cluster) restricted(t *testing.T, name string) {
	t.Helper()
	c.do(t, "create", "namespace", name)
	c.do(t, "label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/warn=restricted")
}

func acceptValues(t *testing.T, c *cluster) {
	c.restricted(t, "ns-values")
	for i, flags := range [][]string{
		nil, {"-f", small}, {"-f", everything}, {"--set", "monitoring.serviceMonitor=true,monitoring.prometheusRule=true,migration=hook"},
	} {
		template := c.helmCommand(t, append([]string{"template", "notify", chart, "-n", "ns-values"}, flags...)...)
		file := c.write(t, fmt.Sprintf("values-%d.yaml", i), output(t, template))
		for _, way := range [][]string{{}, {"--server-side"}} {
			c.do(t, append([]string{"apply", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "-f", file}, way...)...)
		}
	}
}

// installChart runs the documentation's commands.
func installChart(t *testing.T, c *cluster) {
	values := harness.Blocks(t, "docs/kubernetes.md", "## With Helm", "yaml")
	require.Len(t, values, 1)
	commands := harness.ShellBlocks(t, "docs/kubernetes.md", "## With Helm")
	require.Len(t, commands, 2)
	file := c.write(t, "my-values.yaml", values[0])
	for i, command := range commands {
		c.shell(t, strings.ReplaceAll(command, "my-values.yaml", file)+"helm status notify -n ns-notify | grep 'REVISION: "+fmt.Sprint(i+1)+"$'\n")
	}
	image := c.do(t, "get", "deployment", "notify-sealos-notify", "-n", "ns-notify", "-o", "jsonpath={.spec.template.spec.containers[0].image}")
	require.Equal(t, "ghcr.io/labring/sealos-notify:v0.1.0", image)
}

// installReleases installs two releases into one namespace and a third into another one. Each
// account has its rights, also when another release was removed.
func installReleases(t *testing.T, c *cluster) {
	c.do(t, "apply", "-f", "internal/test/k8stest/testdata/notification-crd.yaml")
	c.do(t, "wait", "--for", "condition=Established", "crd/notifications.notification.sealos.io")
	c.restricted(t, "ns-one")
	c.restricted(t, "ns-two")
	install := func(name, namespace string) {
		output(t, c.helmCommand(t, "install", name, chart, "-n", namespace))
	}
	install("sealos-notify", "ns-one")
	install("second", "ns-one")
	install("sealos-notify", "ns-two")
	may := func(namespace, account string) bool {
		return c.command(t, "auth", "can-i", "-q", "create", "notifications.notification.sealos.io", "-n", "ns-alice",
			"--as", "system:serviceaccount:"+namespace+":"+account).Run() == nil
	}
	require.True(t, may("ns-one", "sealos-notify"))
	require.True(t, may("ns-one", "second-sealos-notify"))
	require.True(t, may("ns-two", "sealos-notify"))
	require.False(t, may("ns-two", "default"))
	output(t, c.helmCommand(t, "uninstall", "sealos-notify", "-n", "ns-one"))
	require.False(t, may("ns-one", "sealos-notify"))
	require.True(t, may("ns-one", "second-sealos-notify"))
	require.True(t, may("ns-two", "sealos-notify"))
	for namespace, want := range map[string]string{"ns-one": "deployment.apps/second-sealos-notify\n", "ns-two": "deployment.apps/sealos-notify\n"} {
		require.Equal(t, want, c.do(t, "get", "deployments", "-n", namespace, "-o", "name"))
	}
}

// upgradeUnderLoad upgrades a release from one values file to another and back. Helm waits for
// Kubernetes' own controllers, which replace the pods; each pod is a process of this machine.
func upgradeUnderLoad(t *testing.T, c *cluster) {
	const namespace = "ns-load"
	c.restricted(t, namespace)
	c.startControllers(t)
	w := harness.NewWorld(t, testdb.Empty(t))
	for name, content := range map[string][]string{
		"apps":     {fmt.Sprintf("apps.yaml=apps: [{appId: %s, appSecret: %s}]", harness.AppID, harness.AppSecret)},
		"postgres": {"password=" + w.DB.Password},
		"feishu":   {"app-id=" + harness.VendorID, "app-secret=" + harness.VendorSecret},
	} {
		create := []string{"create", "secret", "generic", name, "-n", namespace}
		for _, entry := range content {
			create = append(create, "--from-literal="+entry)
		}
		c.do(t, create...)
	}
	n := newNode(t, c, namespace, "notify-sealos-notify")
	helm := func(args ...string) {
		n.during(c.helmCommand(t, append(args, "-n", namespace, "--wait", "--timeout", "100s")...))
	}
	values := func(file string) []string {
		return []string{"notify", chart, "-f", file, "--set", fmt.Sprintf(
			"env.DATABASE_HOST=%s,env.DATABASE_PORT=%d,env.DATABASE_USER=%s,env.DATABASE_DBNAME=%s,env.FEISHU_URL=http://%s",
			w.DB.Host, w.DB.Port, w.DB.User, w.DB.DBName, w.Vendors.Addresses["feishu_app"])}
	}
	helm(append([]string{"install", "--set", "migration=hook"}, values(small)...)...)
	require.Equal(t, 1, n.jobs)
	w.At(n.url()).Template()
	load := kubelet.StartLoad(t, n.url)
	before := n.starts
	require.Equal(t, 2, before)
	// From a fixed number of replicas to the autoscaler: Kubernetes has one until the autoscaler acts.
	helm(append([]string{"upgrade"}, values(everything)...)...)
	require.Greater(t, n.starts, before)
	require.Equal(t, 2, n.jobs)
	helm("rollback", "notify")
	helm(append([]string{"upgrade"}, values(everything)...)...)
	accepted := load.Stop()
	require.Greater(t, len(accepted), 500, "there was load")
	t.Logf("%d notifications accepted by %d pods, none refused", len(accepted), n.starts)
	api := w.At(n.url())
	for _, id := range accepted {
		harness.RequireOnceEach(t, w, harness.IDs(api.Until(id, "success")))
	}
}
