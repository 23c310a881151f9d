package deploy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/kubelet"
	"github.com/labring/sealos-notify/internal/test/testdb"
)

// deployment has the fields of the Deployment that the tests read.
type deployment struct {
	Spec struct {
		Replicas int
		Selector struct {
			MatchLabels map[string]string `yaml:"matchLabels"`
		}
		Strategy struct {
			RollingUpdate struct {
				MaxSurge       int `yaml:"maxSurge"`
				MaxUnavailable int `yaml:"maxUnavailable"`
			} `yaml:"rollingUpdate"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     kubelet.Pod
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

// mountable returns the ConfigMap, and the secrets that the documentation tells an operator to
// create.
func mountable(t *testing.T, password string) kubelet.Mountable {
	t.Helper()
	config := one[configMap](t, "kubernetes", "configmap.yaml")
	return kubelet.Mountable{
		ConfigMaps: map[string]map[string]string{config.Metadata.Name: config.Data},
		Secrets: map[string]map[string]string{
			"sealos-notify-api-auth":      {"apps.yaml": "apps: [{appId: notify-console, appSecret: a-long-random-secret-of-the-console}]"},
			"sealos-notify-feishu":        {"app-id": "cli_xxxxxxxxxxxxxxxx", "app-secret": "xxxxxxxxxxxxxxxx"},
			"sealos-notify-pg-postgresql": {"postgres-password": password, "password": "of another user"},
		},
	}
}

func TestPodConfiguration(t *testing.T) {
	t.Parallel()
	check := readDeployment(t).Spec.Template.Spec.Command(t, mountable(t, "canary"), "config", "check")
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
	serve := p.Command(t, mountable(t, db.Password))
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
