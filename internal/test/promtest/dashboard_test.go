package promtest

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// The metrics of the real program, scraped before and after some traffic, answer every
// query of the dashboard.
func TestDashboard(t *testing.T) {
	t.Parallel()
	w := harness.NewSQLite(t)
	r := w.Start()
	r.Template()
	stored := teststorage.New(t)
	at := time.Unix(1_700_000_000, 0)
	next := func() {
		at = at.Add(15 * time.Second)
		store(t, stored, r.Metrics, at)
	}

	next()
	r.Until(r.Send("arrives", 3), "success")
	w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, HTTPStatus: 400, Code: "230001"})
	r.Until(r.Send("dead", 1), "failed")
	r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications", harness.Notification("arrives", 3))
	r.Do(http.StatusNotFound, http.MethodGet, "/api/v1/templates/none", nil)
	next()
	r.Until(r.Send("again", 3), "success")
	next()

	engine := newEngine(t)
	for title, queries := range dashboardQueries(t) {
		for _, q := range queries {
			query, err := engine.NewInstantQuery(t.Context(), stored, nil, q, at)
			require.NoError(t, err, "%s: %s", title, q)
			result := query.Exec(t.Context())
			require.NoError(t, result.Err, "%s: %s", title, q)
			vector, err := result.Vector()
			require.NoError(t, err, "%s: %s", title, q)
			require.NotEmpty(t, vector, "%s: %s", title, q)
			query.Close()
		}
	}
	// The alerts can be evaluated too. None fires here.
	for name, alert := range loadRules(t) {
		query, err := engine.NewInstantQuery(t.Context(), stored, nil, alert.Query().String(), at)
		require.NoError(t, err, name)
		result := query.Exec(t.Context())
		require.NoError(t, result.Err, name)
		require.Empty(t, result.Value, name)
		query.Close()
	}
}

// dashboardQueries returns the queries by panel. The dashboard's variables are replaced
// as Grafana does.
func dashboardQueries(t *testing.T) map[string][]string {
	t.Helper()
	content, err := os.ReadFile("../../../deploy/grafana/dashboard.json")
	require.NoError(t, err)
	var dashboard struct {
		UID    string
		Panels []struct {
			Title   string
			Type    string
			Targets []struct {
				Expr       string
				Datasource struct{ UID string }
			}
		}
		Templating struct {
			List []struct{ Name string }
		}
	}
	require.NoError(t, json.Unmarshal(content, &dashboard))
	require.Equal(t, "sealos-notify", dashboard.UID)
	require.Len(t, dashboard.Templating.List, 3)
	fill := strings.NewReplacer("$__rate_interval", "1m", "$job", "sealos-notify", "$channel", ".*")
	queries := map[string][]string{}
	for _, panel := range dashboard.Panels {
		require.NotContains(t, queries, panel.Title)
		for _, target := range panel.Targets {
			require.Equal(t, "${datasource}", target.Datasource.UID, panel.Title)
			filled := fill.Replace(target.Expr)
			require.NotContains(t, filled, "$", panel.Title)
			queries[panel.Title] = append(queries[panel.Title], filled)
		}
		require.Equal(t, panel.Type == "row", len(panel.Targets) == 0, panel.Title)
	}
	require.NotEmpty(t, queries)
	return queries
}

// store scrapes the URL and stores the samples as Prometheus does.
func store(t *testing.T, to *teststorage.TestStorage, url string, at time.Time) {
	t.Helper()
	resp, err := limit.Client.Get(url)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	require.NoError(t, err)
	appender := to.Appender(t.Context())
	target := map[string]string{"job": "sealos-notify", "instance": "127.0.0.1"}
	add := func(name string, value float64, more model.Metric) {
		all := map[string]string{"__name__": name}
		for k, v := range target {
			all[k] = v
		}
		for k, v := range more {
			all[string(k)] = string(v)
		}
		_, err := appender.Append(0, labels.FromMap(all), at.UnixMilli(), value)
		require.NoError(t, err)
	}
	add("up", 1, nil)
	for _, family := range families {
		samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.TimeFromUnixNano(at.UnixNano())}, family)
		require.NoError(t, err)
		for _, s := range samples {
			add(string(s.Metric["__name__"]), float64(s.Value), s.Metric)
		}
	}
	require.NoError(t, appender.Commit())
}
