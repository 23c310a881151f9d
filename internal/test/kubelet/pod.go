// Package kubelet runs the pods of a manifest as plain processes: with their mounted files,
// arguments and environment, and with their probes and their stop as the kubelet does them.
package kubelet

import (
	"maps"
	"os/exec"
	"path"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
)

// Pod has the fields of a pod's spec that the tests read.
type Pod struct {
	Grace           int `yaml:"terminationGracePeriodSeconds"`
	SecurityContext struct {
		RunAsUser  int `yaml:"runAsUser"`
		RunAsGroup int `yaml:"runAsGroup"`
	} `yaml:"securityContext"`
	Containers []Container
	Volumes    []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
		Secret    struct {
			SecretName string `yaml:"secretName"`
			Items      []struct{ Key, Path string }
		}
	}
}

// Container is a container of a pod.
type Container struct {
	Image string
	Args  []string
	Env   []struct{ Name, Value string }
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	StartupProbe   Probe `yaml:"startupProbe"`
	LivenessProbe  Probe `yaml:"livenessProbe"`
	ReadinessProbe Probe `yaml:"readinessProbe"`
	Lifecycle      struct {
		PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
	}
	Resources struct {
		Requests, Limits map[string]string
	}
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

// Probe is a probe by HTTP of the port http. Zero is the API's default.
type Probe struct {
	HTTPGet          struct{ Path string } `yaml:"httpGet"`
	PeriodSeconds    int                   `yaml:"periodSeconds"`
	TimeoutSeconds   int                   `yaml:"timeoutSeconds"`
	FailureThreshold int                   `yaml:"failureThreshold"`
}

// Mountable has what pods mount: the data of ConfigMaps and Secrets by name.
type Mountable struct {
	ConfigMaps, Secrets map[string]map[string]string
}

// Command returns a command that runs the pod's only container. More is put before its
// arguments.
func (p Pod) Command(t *testing.T, have Mountable, more ...string) *exec.Cmd {
	t.Helper()
	require.Len(t, p.Containers, 1)
	container := p.Containers[0]
	root := harness.NewRoot(t)
	mounted := map[string]string{}
	for _, m := range container.VolumeMounts {
		mounted[m.Name] = m.MountPath
	}
	for _, v := range p.Volumes {
		if v.ConfigMap.Name == "" && v.Secret.SecretName == "" {
			continue // the API server adds the account's token
		}
		require.Contains(t, mounted, v.Name)
		content := have.Secrets[v.Secret.SecretName]
		if v.ConfigMap.Name != "" {
			content = have.ConfigMaps[v.ConfigMap.Name]
		}
		require.NotEmpty(t, content, "volume %s", v.Name)
		if len(v.Secret.Items) == 0 {
			for key, value := range content {
				root.Write(path.Join(mounted[v.Name], key), value)
			}
		}
		for _, item := range v.Secret.Items {
			require.Contains(t, slices.Collect(maps.Keys(content)), item.Key, "keys of %s", v.Secret.SecretName)
			root.Write(path.Join(mounted[v.Name], item.Path), content[item.Key])
		}
	}
	c := root.Program(append(more, container.Args...)...)
	for _, e := range container.Env {
		c.Env = append(c.Env, e.Name+"="+e.Value)
	}
	return c
}
