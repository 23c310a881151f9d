package deploy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/kubelet"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
)

const chart = "helm/sealos-notify"

// Values files of the tests.
var (
	small      = filepath.Join("testdata", "helm", "small.yaml")
	everything = filepath.Join("testdata", "helm", "everything.yaml")
)

// helmProgram returns the path of helm, of the version that internal/tools/helm pins.
var helmProgram = sync.OnceValues(func() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit.Run)
	defer cancel()
	path, err := exec.CommandContext(ctx, "go", "tool", "-modfile=../internal/tools/helm/go.mod", "-n", "helm").Output()
	return strings.TrimSpace(string(path)), err
})

// tryHelm runs helm, and returns what it prints and what it complains of.
func tryHelm(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	program, err := helmProgram()
	require.NoError(t, err)
	cmd := limit.Command(t, limit.Wait, program, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var out, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err = cmd.Run()
	return out.String(), complaint.String(), err
}

func helm(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, err := tryHelm(t, args...)
	require.NoError(t, err, "%s%s", stdout, stderr)
	return stdout
}

// object is an object of the cluster.
type object = map[string]any

// rendered returns the objects of a release in the namespace ns-admin by "Kind/name".
func rendered(t *testing.T, release string, flags ...string) map[string]object {
	t.Helper()
	text := helm(t, append([]string{"template", release, chart, "--namespace", "ns-admin"}, flags...)...)
	all := map[string]object{}
	for decoder := yaml.NewDecoder(strings.NewReader(text)); ; {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err, text)
		if o != nil {
			require.NotContains(t, all, id(o))
			all[id(o)] = o
		}
	}
}

func id(o object) string {
	return fmt.Sprintf("%s/%s", o["kind"], o["metadata"].(object)["name"])
}

// as decodes an object into a type of the tests.
func as[T any](t *testing.T, o object) T {
	t.Helper()
	require.NotNil(t, o)
	text, err := yaml.Marshal(o)
	require.NoError(t, err)
	var v T
	require.NoError(t, yaml.Unmarshal(text, &v))
	return v
}

// plain returns a value of the chart without what only the chart has: labels, and names with
// their namespace.
func plain(value any) any {
	switch v := value.(type) {
	case object:
		for key, inner := range v {
			v[key] = plain(inner)
		}
		if v["app.kubernetes.io/name"] != nil {
			for _, label := range []string{"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "helm.sh/chart"} {
				delete(v, label)
			}
		}
	case []any:
		for i, inner := range v {
			v[i] = plain(inner)
		}
	case string:
		return strings.TrimPrefix(v, "ns-admin:")
	}
	return value
}

// The chart makes the objects of the manifests: what differs in one object fails the test.
func TestChartIsTheManifests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		folders []string
		flags   []string
	}{
		{folders: []string{"kubernetes", "kubernetes/inapp"}},
		{folders: []string{"kubernetes"}, flags: []string{"--set", "inappRights=false"}},
		{
			folders: []string{"kubernetes", "kubernetes/inapp", "kubernetes/monitoring"},
			flags:   []string{"--set", "monitoring.serviceMonitor=true,monitoring.prometheusRule=true"},
		},
	} {
		t.Run(strings.Join(c.folders, ","), func(t *testing.T) {
			t.Parallel()
			want := map[string]object{}
			for _, folder := range c.folders {
				files, err := filepath.Glob(folder + "/*.yaml")
				require.NoError(t, err)
				for _, file := range files {
					for _, o := range decode[object](t, file) {
						want[id(o)] = o
					}
				}
			}
			got := map[string]object{}
			for _, o := range rendered(t, "sealos-notify", c.flags...) {
				o = plain(o).(object)
				got[id(o)] = o
			}
			require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)))
			for name := range want {
				require.Equal(t, want[name], got[name], name)
			}
		})
	}
}

// The chart has the file of alerts as it is, because it cannot read outside its folder.
func TestChartRules(t *testing.T) {
	t.Parallel()
	require.Equal(t, read(t, "prometheus/rules.yaml"), read(t, chart+"/rules.yaml"), "run make generate")
}

func TestChartLint(t *testing.T) {
	t.Parallel()
	for _, flags := range [][]string{nil, {"--values", small}, {"--values", everything}} {
		said := helm(t, append([]string{"lint", "--strict", chart}, flags...)...)
		require.Contains(t, said, "0 chart(s) failed")
		require.NotContains(t, said, "[WARNING]")
	}
}

// A wrong value is refused, and the answer has its name.
func TestChartRefusesValues(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string][]string{
		"--set=replica.min=3":                        {"additional properties 'replica' not allowed"},
		"--set=image.tags=v1":                        {"/image", "'tags' not allowed"},
		"--set=image.tag=two words":                  {"/image/tag"},
		"--set-json=config={\"database\":{}}":        {"/config", "want string"},
		"--set=config=":                              {"/config"},
		"--set=secrets[0].folder=config":             {"/secrets/0/folder"},
		"--set=secrets[0].name=x":                    {"/secrets/0", "'name' not allowed"},
		"--set-json=secrets=[{\"folder\":\"auth\"}]": {"/secrets/0", "missing property 'secretName'"},
		"--set=env.lower-case=1":                     {"/env", "lower-case"},
		"--set-json=env.X={\"valueFrom\":{}}":        {"/env/X"},
		"--set=replicas.min=0":                       {"/replicas/min"},
		"--set=replicas.min=two":                     {"/replicas/min", "want integer"},
		"--set=replicas.min=7":                       {"replicas.min is more than replicas.max"},
		"--set=resources.limit.cpu=1":                {"/resources", "'limit' not allowed"},
		"--set=terminationGracePeriodSeconds=1m":     {"/terminationGracePeriodSeconds"},
		"--set=migration=job":                        {"/migration", "'start', 'hook'"},
		"--set-string=inappRights=false":             {"/inappRights", "want boolean"},
		"--set=ingress.enabled=true":                 {"/ingress", "'enabled' not allowed"},
		"--set=ingress.host=https://x":               {"/ingress/host"},
		"--set=networkPolicy.enabled=false":          {"/networkPolicy", "'enabled' not allowed"},
		"--set=networkPolicy.egress=all":             {"/networkPolicy/egress", "want array"},
		"--set=monitoring.labels.release=1":          {"/monitoring/labels/release", "want string"},
		"--set=ingress=null":                         {"ingress"},
	} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			_, stderr, err := tryHelm(t, "template", "sealos-notify", chart, flag)
			require.Error(t, err)
			for _, text := range want {
				require.Contains(t, stderr, text)
			}
		})
	}
}

// Releases share no object, not even in one namespace, and select no pods of each other.
func TestChartReleases(t *testing.T) {
	t.Parallel()
	first := rendered(t, "sealos-notify", "--values", everything)
	second := rendered(t, "second", "--values", everything)
	elsewhere := rendered(t, "sealos-notify", "--values", everything, "--namespace", "ns-second")
	require.Len(t, second, len(first))
	for name := range first {
		require.NotContains(t, second, name)
	}
	for _, kind := range []string{"ClusterRole", "ClusterRoleBinding"} {
		require.Contains(t, first, kind+"/ns-admin:sealos-notify")
		require.Contains(t, second, kind+"/ns-admin:second-sealos-notify")
		require.Contains(t, elsewhere, kind+"/ns-second:sealos-notify")
	}
	pods := func(o map[string]object, name string) map[string]string {
		d := as[deployment](t, o["Deployment/"+name])
		require.Equal(t, d.Spec.Selector.MatchLabels, d.Spec.Template.Metadata.Labels)
		return d.Spec.Selector.MatchLabels
	}
	require.NotEqual(t, pods(first, "sealos-notify"), pods(second, "second-sealos-notify"))
	migration := first["Job/sealos-notify-migration"]["spec"].(object)["template"].(object)["metadata"].(object)["labels"]
	require.NotEqual(t, pods(first, "sealos-notify")["app.kubernetes.io/name"], migration.(object)["app.kubernetes.io/name"],
		"the Service sends nothing to the migration")

	long := strings.Repeat("x", 53) // Helm allows no more
	for name := range rendered(t, long, "--values", everything) {
		_, name, _ = strings.Cut(name, "/")
		require.LessOrEqual(t, len(strings.TrimPrefix(name, "ns-admin:")), 63, name)
	}
}

// Each value reaches its object.
func TestChartValues(t *testing.T) {
	t.Parallel()
	all := rendered(t, "sealos-notify", "--values", everything)
	d := as[deployment](t, all["Deployment/sealos-notify"])
	c := d.Spec.Template.Spec.Containers[0]
	require.Equal(t, "registry.example.com/sealos-notify:v1.2.3", c.Image)
	require.Equal(t, 75, d.Spec.Template.Spec.Grace)
	require.Equal(t, "1Gi", c.Resources.Limits["memory"])
	require.Len(t, c.Env, 2)
	require.NotContains(t, all["Deployment/sealos-notify"]["spec"], "replicas")
	require.EqualValues(t, 4, all["HorizontalPodAutoscaler/sealos-notify"]["spec"].(object)["maxReplicas"])

	ingress := as[struct {
		Metadata struct{ Annotations map[string]string }
		Spec     struct {
			IngressClassName string `yaml:"ingressClassName"`
			TLS              []struct {
				Hosts      []string
				SecretName string `yaml:"secretName"`
			}
			Rules []struct {
				Host string
				HTTP struct {
					Paths []struct {
						Backend struct {
							Service struct {
								Name string
								Port struct{ Name string }
							}
						}
					}
				}
			}
		}
	}](t, all["Ingress/sealos-notify"])
	require.Equal(t, "letsencrypt", ingress.Metadata.Annotations["cert-manager.io/cluster-issuer"])
	require.Equal(t, "nginx", ingress.Spec.IngressClassName)
	require.Equal(t, "notify-tls", ingress.Spec.TLS[0].SecretName)
	require.Equal(t, []string{"notify.example.com"}, ingress.Spec.TLS[0].Hosts)
	require.Equal(t, "notify.example.com", ingress.Spec.Rules[0].Host)
	backend := ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service
	require.Contains(t, all, "Service/"+backend.Name)
	require.Equal(t, "http", backend.Port.Name, "never the metrics")

	policy := fmt.Sprint(all["NetworkPolicy/sealos-notify"])
	require.Contains(t, policy, "192.0.2.0/24")
	require.Contains(t, policy, "198.51.100.7/32")
	for _, kind := range []string{"ServiceMonitor", "PrometheusRule"} {
		require.Equal(t, "kube-prometheus-stack", all[kind+"/sealos-notify"]["metadata"].(object)["labels"].(object)["release"])
	}

	few := rendered(t, "sealos-notify", "--values", small)
	require.EqualValues(t, 2, few["Deployment/sealos-notify"]["spec"].(object)["replicas"])
	kinds := map[any]bool{}
	for _, o := range few {
		kinds[o["kind"]] = true
	}
	require.Equal(t, map[any]bool{
		"ConfigMap": true, "Deployment": true, "NetworkPolicy": true, "PodDisruptionBudget": true, "Service": true, "ServiceAccount": true,
	}, kinds)
}

// mountableBy returns what pods of a release mount.
func mountableBy(t *testing.T, release map[string]object, secrets map[string]map[string]string) kubelet.Mountable {
	t.Helper()
	m := kubelet.Mountable{ConfigMaps: map[string]map[string]string{}, Secrets: secrets}
	for _, o := range release {
		if o["kind"] == "ConfigMap" {
			config := as[configMap](t, o)
			m.ConfigMaps[config.Metadata.Name] = config.Data
		}
	}
	return m
}

// The Job migrates an empty database, with its own ConfigMap and the release's Secrets.
func TestChartMigration(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t)
	release := rendered(t, "sealos-notify", append(databaseValues(db), "--values", everything, "--set", "env.FEISHU_URL=http://127.0.0.1:1")...)
	delete(release, "ConfigMap/sealos-notify") // it is not there yet
	job := as[deployment](t, release["Job/sealos-notify-migration"]).Spec.Template.Spec
	migrate := job.Command(t, mountableBy(t, release, secretsOf(db)))
	output, err := migrate.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "applied")
}

// The chart's part of a release: the same bytes each time, of the release's version, with the
// alerts.
func TestChartPackage(t *testing.T) {
	t.Parallel()
	folders := [2]string{t.TempDir(), t.TempDir()}
	var archives [2][]byte
	for i, folder := range folders {
		cmd := limit.Command(t, limit.Run, "deploy/chart.sh", "v1.2.3", folder)
		cmd.Dir = ".."
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", output)
		archives[i], err = os.ReadFile(filepath.Join(folder, "sealos-notify-1.2.3.tgz"))
		require.NoError(t, err)
	}
	require.True(t, bytes.Equal(archives[0], archives[1]))
	text := helm(t, "template", "sealos-notify", filepath.Join(folders[0], "sealos-notify-1.2.3.tgz"), "--set", "monitoring.prometheusRule=true")
	require.Contains(t, text, "image: ghcr.io/labring/sealos-notify:v1.2.3\n")
	require.Contains(t, text, "helm.sh/chart: sealos-notify-1.2.3\n")
	require.Contains(t, text, "alert: SealosNotifyDown")
}

// The documentation's values file makes a pod that has what its configuration names.
func TestChartDocumentedValues(t *testing.T) {
	t.Parallel()
	blocks := harness.Blocks(t, "docs/kubernetes.md", "## With Helm", "yaml")
	require.Len(t, blocks, 1)
	file := filepath.Join(t.TempDir(), "my-values.yaml")
	require.NoError(t, os.WriteFile(file, []byte(blocks[0]), 0o600))
	release := rendered(t, "notify", "--values", file)
	pod := as[deployment](t, release["Deployment/notify-sealos-notify"]).Spec.Template.Spec
	require.Equal(t, "ghcr.io/labring/sealos-notify:v0.1.0", pod.Containers[0].Image)
	output, err := pod.Command(t, mountableBy(t, release, map[string]map[string]string{
		"notify-apps":     {"apps.yaml": "apps: [{appId: console, appSecret: a-long-random-secret-of-the-console}]"},
		"notify-database": {"password": "canary"},
		"notify-mail":     {"password": "canary"},
	}), "config", "check").CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "is valid")
}
