package inapp_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/inapp"
	"github.com/labring/sealos-notify/internal/test/channeltest"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	require.NoError(t, newConfig().Validate())
	for _, tc := range []struct {
		change func(*inapp.Config)
		key    string // the error names it; valid when empty
	}{
		{func(c *inapp.Config) { c.Namespace = "sealos" }, ""},
		{func(c *inapp.Config) { c.Namespace = "{{user}}" }, ""},
		{func(c *inapp.Config) { c.Namespace = "" }, "namespace"},
		{func(c *inapp.Config) { c.Namespace = "NS-{{user}}" }, "namespace"},
		{func(c *inapp.Config) { c.Namespace = "-{{user}}" }, "namespace"},
		{func(c *inapp.Config) { c.Namespace = "ns/{{user}}" }, "namespace"},
		{func(c *inapp.Config) { c.Namespace = "ns-{{ user }}" }, "namespace"},
		{func(c *inapp.Config) { c.Namespace = "ns-{{tenant}}" }, "namespace"},
		{func(c *inapp.Config) { c.Namespace = strings.Repeat("n", 60) + "{{user}}" }, "namespace"},
		{func(c *inapp.Config) { c.Importance = "Low" }, ""},
		{func(c *inapp.Config) { c.Importance = "" }, "importance"},
		{func(c *inapp.Config) { c.Importance = "high" }, "importance"},
		{func(c *inapp.Config) { c.From = "" }, ""},
	} {
		c := newConfig()
		tc.change(c)
		err := c.Validate()
		if tc.key == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, tc.key+":", "%+v", c)
	}
}

func TestKubeconfig(t *testing.T) {
	t.Parallel()
	const secret = "canary-71ab"
	for name, content := range map[string]string{
		"not YAML":             "users: [" + secret,
		"another document":     "apiVersion: v1\nkind: Secret\ndata: {token: " + secret + "}",
		"a list":               "- " + secret,
		"no cluster":           "apiVersion: v1\nkind: Config\nusers: [{name: u, user: {token: " + secret + "}}]",
		"no certificate":       kubeconfigWith("certificate-authority-data: " + secret + secret),
		"certificate not text": kubeconfigWith("certificate-authority-data: {a: " + secret + "}"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConfig()
			c.Kubeconfig = write(t, []byte(content))
			_, err := c.Open()
			require.ErrorContains(t, err, "kubeconfig:")
			require.NotContains(t, err.Error(), secret)
		})
	}

	c := newConfig()
	c.Kubeconfig = filepath.Join(t.TempDir(), "missing")
	_, err := c.Open()
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "kubeconfig:")
}

func kubeconfigWith(cluster string) string {
	return "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c}}]\n" +
		"clusters: [{name: c, cluster: {server: \"https://127.0.0.1\", " + cluster + "}}]\n"
}

// A configuration for the cluster that the service runs in can be checked elsewhere.
func TestOutsideACluster(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	sender, err := newConfig().Open()
	require.NoError(t, err)
	_, err = sender.Send(t.Context(), text())
	channeltest.RequireError(t, err, channels.Misconfigured, "not_in_cluster")
	channeltest.RequireError(t, sender.(channels.Prober).Probe(t.Context()), channels.Misconfigured, "not_in_cluster")
	n, err := sender.(channels.Expirer).Expire(t.Context(), time.Now())
	require.NoError(t, err, "nothing was sent from here")
	require.Zero(t, n)
}

func TestProvider(t *testing.T) {
	t.Parallel()
	p, err := channels.OpenProvider("desktop", inapp.Type, newConfig())
	require.NoError(t, err)
	require.Equal(t, channels.Resend, p.OnUncertain)
	require.Zero(t, p.Interval)
}

func write(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}
