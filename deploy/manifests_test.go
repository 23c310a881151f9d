package deploy

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// kubectl apply -f and -k apply the same: -f takes every file with an extension, -k
// those that Kustomization lists.
func TestKustomizationListsEveryFile(t *testing.T) {
	t.Parallel()
	list := one[struct{ Resources []string }](t, "kubernetes", "Kustomization").Resources
	files, err := filepath.Glob("kubernetes/*.*")
	require.NoError(t, err)
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	require.Equal(t, files, list, "sorted by name")
}

// The rules for the Prometheus operator are those for Prometheus.
func TestPrometheusRule(t *testing.T) {
	t.Parallel()
	rules := one[any](t, "prometheus", "rules.yaml")
	require.NotEmpty(t, rules)
	require.Equal(t, rules, one[struct{ Spec any }](t, "kubernetes", "monitoring", "prometheusrule.yaml").Spec)
}

// A second installation in another namespace takes nothing from the first one: all objects
// are in its namespace.
func TestNothingIsForTheWholeCluster(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("kubernetes/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		for _, object := range decode[struct {
			Metadata struct{ Namespace string }
		}](t, file) {
			require.Equal(t, "ns-admin", object.Metadata.Namespace, file)
		}
	}
}

// Two replicas that start at different times run the same version.
func TestImageHasAVersion(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `:v\d+\.\d+\.\d+$`, readDeployment(t).Spec.Template.Spec.Containers[0].Image)
}

// selecting is an object that selects pods or Services by their labels.
type selecting struct {
	Kind     string
	Metadata struct{ Labels map[string]string }
	Spec     struct {
		Selector    any
		PodSelector labels `yaml:"podSelector"`
		Ports       []struct {
			Name       string
			Port       int
			TargetPort string `yaml:"targetPort"`
		}
		Ingress   []struct{ Ports []struct{ Port any } }
		Endpoints []struct{ Port string }
	}
}

type labels struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

// References from one object to another are right: labels, ports.
func TestManifestsFitTogether(t *testing.T) {
	t.Parallel()
	d := readDeployment(t)
	pods := d.Spec.Template.Metadata.Labels
	ports := map[string]int{}
	for _, p := range d.Spec.Template.Spec.Containers[0].Ports {
		ports[p.Name] = p.ContainerPort
	}
	require.NotEmpty(t, pods)
	require.Equal(t, pods, d.Spec.Selector.MatchLabels)

	service := one[selecting](t, "kubernetes", "service.yaml")
	require.Equal(t, fmt.Sprint(pods), fmt.Sprint(service.Spec.Selector))
	for _, p := range service.Spec.Ports {
		require.Equal(t, ports[p.TargetPort], p.Port)
	}

	budget := one[selecting](t, "kubernetes", "poddisruptionbudget.yaml")
	require.Equal(t, fmt.Sprint(map[string]any{"matchLabels": pods}), fmt.Sprint(budget.Spec.Selector))

	policy := one[selecting](t, "kubernetes", "networkpolicy.yaml")
	require.Equal(t, pods, policy.Spec.PodSelector.MatchLabels)
	for _, p := range policy.Spec.Ingress[0].Ports {
		require.Contains(t, ports, p.Port)
	}

	monitor := one[selecting](t, "kubernetes", "monitoring", "servicemonitor.yaml")
	require.Equal(t, fmt.Sprint(map[string]any{"matchLabels": service.Metadata.Labels}), fmt.Sprint(monitor.Spec.Selector))
	require.Equal(t, 9464, ports[monitor.Spec.Endpoints[0].Port])
}

// autoscaler has the fields of the HorizontalPodAutoscaler that the tests read.
type autoscaler struct {
	Spec struct {
		MinReplicas int `yaml:"minReplicas"`
		MaxReplicas int `yaml:"maxReplicas"`
	}
}

// The connections of all replicas, and of the additional one during an update, fit
// into a PostgreSQL with default settings.
func TestConnectionsFitIntoTheDatabase(t *testing.T) {
	t.Parallel()
	const maxConnections, reserved = 100, 3
	var config struct {
		Database struct {
			MaxOpenConns int `yaml:"maxOpenConns"`
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(one[configMap](t, "kubernetes", "configmap.yaml").Data["config.yaml"]), &config))
	scaler := one[autoscaler](t, "kubernetes", "horizontalpodautoscaler.yaml")
	replicas := scaler.Spec.MaxReplicas + readDeployment(t).Spec.Strategy.RollingUpdate.MaxSurge
	require.NotZero(t, config.Database.MaxOpenConns)
	require.LessOrEqual(t, replicas*(config.Database.MaxOpenConns+1), maxConnections-reserved)
}

// The image, the pod and the compose file use the same user, who is not root.
func TestUser(t *testing.T) {
	t.Parallel()
	context := readDeployment(t).Spec.Template.Spec.SecurityContext
	user := fmt.Sprintf("%d:%d", context.RunAsUser, context.RunAsGroup)
	require.Regexp(t, numericUser, user)
	require.Equal(t, user, image(t)["USER"])
	require.Equal(t, user, readCompose(t).Services["notify"].User)
}

// A pod asks for what it needs, and what it may take is bounded.
func TestPodIsBounded(t *testing.T) {
	t.Parallel()
	resources := readDeployment(t).Spec.Template.Spec.Containers[0].Resources
	for _, resource := range []string{"cpu", "memory", "ephemeral-storage"} {
		require.Contains(t, resources.Requests, resource)
		require.Contains(t, resources.Limits, resource)
	}
}
