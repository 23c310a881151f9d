package deploy

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// contactPoints is a provisioning file of Grafana, as far as the tests read it.
type contactPoints struct {
	APIVersion    int `yaml:"apiVersion"`
	ContactPoints []struct {
		Name      string
		Receivers []struct {
			UID                   string
			Type                  string
			DisableResolveMessage bool `yaml:"disableResolveMessage"`
			Settings              struct {
				URL         string
				HTTPMethod  string `yaml:"httpMethod"`
				Scheme      string `yaml:"authorization_scheme"`
				Credentials string `yaml:"authorization_credentials"`
			}
		}
	} `yaml:"contactPoints"`
}

func TestContactPoint(t *testing.T) {
	t.Parallel()
	file := one[contactPoints](t, "grafana", "contactpoint.yaml")
	require.Equal(t, 1, file.APIVersion)
	require.Len(t, file.ContactPoints, 1)
	require.Len(t, file.ContactPoints[0].Receivers, 1)
	receiver := file.ContactPoints[0].Receivers[0]
	require.Equal(t, "webhook", receiver.Type)
	require.NotEmpty(t, receiver.UID, "Grafana knows it again")
	require.False(t, receiver.DisableResolveMessage)

	settings := receiver.Settings
	require.Equal(t, "POST", settings.HTTPMethod)
	require.Equal(t, "Bearer", settings.Scheme)
	require.Regexp(t, `^\$[A-Z_]+$`, settings.Credentials, "the secret comes from the environment")
	where, err := url.Parse(settings.URL)
	require.NoError(t, err)
	require.Equal(t, "/api/v1/integrations/grafana", where.Path)
	service := one[struct {
		Metadata struct{ Name, Namespace string }
	}](t, "kubernetes", "service.yaml").Metadata
	require.Equal(t, service.Name+"."+service.Namespace+".svc.cluster.local:8080", where.Host)
}
