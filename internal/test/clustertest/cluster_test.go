//go:build cluster

package clustertest

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/freeport"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
)

const (
	// patience bounds the start of the API server and each call of kubectl.
	patience = 2 * time.Minute
	// buildLimit bounds the build of Kubernetes.
	buildLimit = 40 * time.Minute
)

const adminToken = "token-of-admin"

// cluster is an API server with its etcd.
type cluster struct {
	dir       string
	url       string
	authority []byte // PEM
	kubectl   string // path
	helm      string // path
}

// start starts a cluster. It ends with the test.
func start(t *testing.T) *cluster {
	t.Helper()
	etcd := build(t, "kubernetes", "go.etcd.io/etcd/server/v3")
	apiserver := build(t, "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver")
	c := &cluster{dir: t.TempDir(), kubectl: build(t, "kubernetes", "k8s.io/kubernetes/cmd/kubectl")}

	clients, peers := "http://"+freeAddress(t), "http://"+freeAddress(t)
	run(t, etcd, "--log-level", "error", "--data-dir", c.path("etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", clients, "--advertise-client-urls", clients,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers)

	key := c.write(t, "accounts.key", accountKey(t))
	host, port, err := net.SplitHostPort(freeAddress(t))
	require.NoError(t, err)
	c.url = "https://" + net.JoinHostPort(host, port)
	run(t, apiserver, "--etcd-servers", clients, "--bind-address", host, "--secure-port", port, "--cert-dir", c.path("certs"),
		"--authorization-mode", "RBAC", "--token-auth-file", c.write(t, "tokens.csv", adminToken+`,admin,admin,"system:masters"`),
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", key, "--service-account-signing-key-file", key,
		"--service-cluster-ip-range", "10.0.0.0/24", "--endpoint-reconciler-type", "none")
	require.Eventually(t, func() bool {
		c.authority, err = os.ReadFile(c.path("certs/apiserver.crt"))
		if err != nil {
			return false
		}
		c.write(t, "admin.yaml", string(k8s.Kubeconfig(c.url, adminToken, c.authority)))
		return c.command(t, "get", "--raw", "/readyz").Run() == nil
	}, patience, 200*time.Millisecond, "the API server is not ready")
	return c
}

// build returns the path of a program whose version the module in the folder pins. Go
// builds it and keeps it in its cache.
func build(t *testing.T, folder, program string) string {
	t.Helper()
	cmd := limit.Command(t, buildLimit, "go", "tool", "-n", program)
	cmd.Dir = folder
	var stderr strings.Builder
	cmd.Stderr = &stderr
	path, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return strings.TrimSpace(string(path))
}

// run runs a program until the test ends. When the test fails it shows the end of the
// program's log.
func run(t *testing.T, program string, args ...string) {
	t.Helper()
	cmd := limit.Command(t, limit.Run, program, args...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", filepath.Base(program), log.Bytes()[max(0, log.Len()-3_000):])
		}
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := freeport.Take(t.Context())
	require.NoError(t, err)
	return freeport.Address(port)
}

// accountKey returns a private key that signs the tokens of service accounts.
func accountKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) write(t *testing.T, name, content string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(c.path(name), []byte(content), 0o600))
	return c.path(name)
}

// command returns a call of kubectl as the administrator in the project's folder.
func (c *cluster) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := limit.Command(t, patience, c.kubectl, args...)
	cmd.Dir = filepath.Join("..", "..", "..")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.path("admin.yaml"), "HOME="+c.dir)
	return cmd
}

// do runs kubectl and returns its output. It requires that kubectl prints no warning.
func (c *cluster) do(t *testing.T, args ...string) string {
	t.Helper()
	return output(t, c.command(t, args...))
}

// shell runs a script in the project's folder that calls kubectl and helm.
func (c *cluster) shell(t *testing.T, script string) {
	t.Helper()
	cmd := c.command(t)
	cmd.Path, cmd.Args = "/bin/bash", []string{"bash", "-euo", "pipefail", "-c", script}
	cmd.Env = append(cmd.Env, fmt.Sprintf("PATH=%s:%s:%s", filepath.Dir(c.kubectl), filepath.Dir(c.helm), os.Getenv("PATH")))
	output(t, cmd)
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "%s: %s", cmd.Args, stderr.String())
	require.Empty(t, stderr.String(), cmd.Args)
	return stdout.String()
}
