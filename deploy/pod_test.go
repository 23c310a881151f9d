package deploy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"path"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/testdb"
)

// deployment has the fields of the Deployment that the tests read.
type deployment struct {
	Spec struct {
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		Strategy struct {
			RollingUpdate struct {
				MaxSurge int `yaml:"maxSurge"`
			} `yaml:"rollingUpdate"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
	}
}

type pod struct {
	Grace           int `yaml:"terminationGracePeriodSeconds"`
	SecurityContext struct {
		RunAsUser  int `yaml:"runAsUser"`
		RunAsGroup int `yaml:"runAsGroup"`
	} `yaml:"securityContext"`
	Containers []struct {
		Image string
		Args  []string
		Env   []struct{ Name, Value string }
		Ports []struct {
			Name          string
			ContainerPort int `yaml:"containerPort"`
		}
		Lifecycle struct {
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
	Volumes []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
		Secret    struct {
			SecretName string `yaml:"secretName"`
			Items      []struct{ Key, Path string }
		}
	}
}

// configMap is the ConfigMap.
type configMap struct {
	Metadata struct{ Name string }
	Data     map[string]string
}

func readDeployment(t *testing.T) deployment {
	t.Helper()
	d := one[deployment](t, "kubernetes", "deployment.yaml")
	require.Len(t, d.Spec.Template.Spec.Containers, 1)
	return d
}

// secrets returns the secrets that the documentation tells an operator to create.
func secrets(password string) map[string]map[string]string {
	return map[string]map[string]string{
		"sealos-notify-api-auth":      {"apps.yaml": "apps: [{appId: notify-console, appSecret: a-long-random-secret-of-the-console}]"},
		"sealos-notify-feishu":        {"app-id": "cli_xxxxxxxxxxxxxxxx", "app-secret": "xxxxxxxxxxxxxxxx"},
		"sealos-notify-pg-postgresql": {"postgres-password": password, "password": "of another user"},
	}
}

// container returns a command that runs the container as the kubelet would: with its
// mounted files, arguments and environment. The command is put before its arguments.
func (p pod) container(t *testing.T, password string, command ...string) *exec.Cmd {
	t.Helper()
	root := harness.NewRoot(t)
	mounted := map[string]string{}
	for _, m := range p.Containers[0].VolumeMounts {
		mounted[m.Name] = m.MountPath
	}
	config := one[configMap](t, "kubernetes", "configmap.yaml")
	for _, v := range p.Volumes {
		require.Contains(t, mounted, v.Name)
		content := secrets(password)[v.Secret.SecretName]
		if v.ConfigMap.Name != "" {
			require.Equal(t, config.Metadata.Name, v.ConfigMap.Name)
			content = config.Data
		}
		require.NotEmpty(t, content, "volume %s", v.Name)
		if len(v.Secret.Items) == 0 {
			for key, value := range content {
				root.Write(path.Join(mounted[v.Name], key), value)
			}
		}
		for _, item := range v.Secret.Items {
			root.Write(path.Join(mounted[v.Name], item.Path), content[item.Key])
		}
	}
	c := root.Program(append(command, p.Containers[0].Args...)...)
	for _, e := range p.Containers[0].Env {
		c.Env = append(c.Env, e.Name+"="+e.Value)
	}
	return c
}

func TestPodConfiguration(t *testing.T) {
	t.Parallel()
	check := readDeployment(t).Spec.Template.Spec.container(t, "canary", "config", "check")
	output, err := check.CombinedOutput()
	require.NoError(t, err, "%s", output)
	require.Contains(t, string(output), "is valid")
	require.NotContains(t, string(output), "canary")
	for _, channel := range []string{"feishu_app", "inapp"} {
		require.Regexp(t, `(?m)^`+channel+` +\S`, string(output), "it is on")
	}
}

// The pod serves with the manifests' configuration, and its grace period is longer
// than its longest stop.
func TestPodStopsWithinItsGracePeriod(t *testing.T) {
	t.Parallel()
	db := testdb.New(t)
	p := readDeployment(t).Spec.Template.Spec
	serve := p.container(t, db.Password)
	serve.Env = append(serve.Env, "DATABASE_HOST="+db.Host, fmt.Sprintf("DATABASE_PORT=%d", db.Port),
		"DATABASE_USER="+db.User, "DATABASE_DBNAME="+db.DBName, "SERVER_ADDRESS=127.0.0.1:0", "METRICS_ADDRESS=127.0.0.1:0")
	longest := p.Containers[0].Lifecycle.PreStop.Sleep.Seconds + int(longestStop(t, serve).Seconds())
	const margin = 10
	require.GreaterOrEqual(t, p.Grace, longest+margin)
}

// longestStop starts the program, stops it, and returns the longest time that its log
// announces for a stop.
func longestStop(t *testing.T, serve *exec.Cmd) time.Duration {
	t.Helper()
	stderr, err := serve.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, serve.Start())
	t.Cleanup(func() { _ = serve.Process.Kill() })
	var longest time.Duration
	var log strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		log.WriteString(lines.Text() + "\n")
		var entry struct{ Msg, Longest string }
		if json.Unmarshal(lines.Bytes(), &entry) != nil {
			continue // the error of a program that does not start
		}
		if entry.Msg == "serving" {
			require.NoError(t, serve.Process.Signal(syscall.SIGTERM))
		}
		if entry.Longest != "" {
			longest, err = time.ParseDuration(entry.Longest)
			require.NoError(t, err)
		}
	}
	require.NoError(t, serve.Wait(), log.String())
	require.NotZero(t, longest, log.String())
	return longest
}
