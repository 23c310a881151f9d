package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
)

// contactPoints has the fields of Grafana's provisioning file that the tests read.
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

// With the settings of the contact point, Grafana's post is accepted once. An alert
// that fires again notifies again.
func TestContactPointFiresAgain(t *testing.T) {
	t.Parallel()
	point := one[contactPoints](t, "grafana", "contactpoint.yaml").ContactPoints[0]
	settings := point.Receivers[0].Settings
	w := harness.NewSQLite(t)
	w.Configure(map[string]string{"integrations": fmt.Sprintf(`{receivers: {%q: {
		channels: {feishu_app: {template: alert}}, recipients: [{type: feishu_user_id, value: ou_x}]}}}`, point.Name)})
	r := w.Start()
	r.Do(http.StatusCreated, http.MethodPost, "/api/v1/templates", map[string]any{"name": "alert", "channel": "feishu_app", "body": "{{ .title }}"})

	var body map[string]any
	require.NoError(t, json.Unmarshal([]byte(read(t, "../api/testdata/alerts/grafana-firing.json")), &body))
	body["receiver"] = point.Name // as Grafana names it
	post := func() int {
		where, err := url.Parse(settings.URL)
		require.NoError(t, err)
		content, err := json.Marshal(body)
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), settings.HTTPMethod, r.Base+where.Path, bytes.NewReader(content))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", settings.Scheme+" "+harness.AppID+":"+harness.AppSecret)
		resp, err := limit.Client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	require.Equal(t, http.StatusAccepted, post())
	require.Equal(t, http.StatusOK, post(), "a retry")
	body["alerts"].([]any)[0].(map[string]any)["startsAt"] = "2026-10-13T09:51:03.157076+02:00"
	require.Equal(t, http.StatusAccepted, post())
}
