package smoke

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// feishuApp matches the type of the provider, which counts what it hears with events: true.
var feishuApp = regexp.MustCompile(`(?m)^(\s+)type: feishu_app$`)

// docs/monitoring.md lists exactly the metrics that exist, with type and labels. The
// alerts and the dashboard use no other metrics.
func TestMetrics(t *testing.T) {
	harness.EachEngine(t, func(t *testing.T, w *harness.World) {
		w.Write("apps.yaml", fmt.Sprintf("apps: [{appId: %s, appSecret: %s, limits: {deliveriesPerDay: {feishu_app: 3}}}]",
			harness.AppID, harness.AppSecret))
		w.UseAllChannels(w.Vendors.Addresses) // not every channel counts all
		providers := w.Vendors.Providers(w.Vendors.Addresses, w.Path("kubeconfig.yaml"), "rateLimit: {perSecond: 0, perMinute: 0}")
		w.Configure(map[string]string{"providers": feishuApp.ReplaceAllString(providers, "${1}type: feishu_app\n${1}events: true")})
		r := w.Start()
		r.Template()
		r.Until(r.Send("arrives", 2), "success")
		w.Vendors.Feishu.Fail(feishu.Fault{Where: feishu.Messages, Times: 1, HTTPStatus: 400, Code: "230001"})
		r.Until(r.Send("dead", 1), "failed")
		r.Do(http.StatusOK, http.MethodPost, "/api/v1/notifications", harness.Notification("arrives", 2))
		r.Do(http.StatusNotFound, http.MethodGet, "/api/v1/templates/none", nil)
		r.Do(http.StatusTooManyRequests, http.MethodPost, "/api/v1/notifications", harness.Notification("beyond", 1))

		shown := scrape(t, r)
		documented := documentedMetrics(t)
		for name, family := range shown {
			if strings.HasPrefix(name, "sealos_notify_") {
				require.Equal(t, describe(family), documented[name], name)
			}
		}
		for name := range documented {
			require.Contains(t, shown, name)
		}
		for _, file := range []string{"deploy/prometheus/rules.yaml", "deploy/grafana/dashboard.json"} {
			for _, name := range regexp.MustCompile(`sealos_notify_\w+`).FindAllString(readFile(t, file), -1) {
				name = regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, "")
				require.Contains(t, shown, name, file)
			}
		}
		require.EqualValues(t, 2, shown["sealos_notify_notifications_accepted_total"].GetMetric()[0].GetCounter().GetValue())
		require.EqualValues(t, 1, shown["sealos_notify_database_up"].GetMetric()[0].GetGauge().GetValue())
		require.EqualValues(t, 1, shown["sealos_notify_config_last_reload_successful"].GetMetric()[0].GetGauge().GetValue())

		w.Configure(map[string]string{"channels": `{feishu_app: {enabled: true, provider: nobody}}`})
		r.Await("configuration not reloaded: the running one stays")
		require.Zero(t, scrape(t, r)["sealos_notify_config_last_reload_successful"].GetMetric()[0].GetGauge().GetValue())

		for path, status := range map[string]int{"/": 404, "/debug/pprof/": 404, "/api/v1/templates": 404} {
			resp, err := limit.Client.Get(strings.TrimSuffix(r.Metrics, "/metrics") + path)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, status, resp.StatusCode, path)
		}
	})
}

func TestEachAlertHasItsPartOfTheRunbook(t *testing.T) {
	t.Parallel()
	runbook := readFile(t, "docs/operations.md")
	rules := readFile(t, "deploy/prometheus/rules.yaml")
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(rules, -1)
	require.NotEmpty(t, alerts)
	for _, alert := range alerts {
		require.Contains(t, runbook, "\n### "+alert[1]+"\n")
		require.Contains(t, rules, "docs/operations.md#"+strings.ToLower(alert[1])+"\n")
	}
}

// scrape returns all metrics by name.
func scrape(t *testing.T, r *harness.Replica) map[string]*dto.MetricFamily {
	t.Helper()
	resp, err := limit.Client.Get(r.Metrics)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	require.NoError(t, err)
	return families
}

// describe returns a metric's type and labels as the documentation writes them.
func describe(family *dto.MetricFamily) string {
	labels := map[string]bool{}
	for _, m := range family.GetMetric() {
		for _, l := range m.GetLabel() {
			labels["`"+l.GetName()+"`"] = true
		}
	}
	return strings.ToLower(family.GetType().String()) + " | " + strings.Join(slices.Sorted(maps.Keys(labels)), ", ")
}

// documentedMetrics returns the table of docs/monitoring.md: type and labels by name.
func documentedMetrics(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(sealos_notify_\\w+)` \\| (\\w+) \\| ([^|]*?) ?\\| [^|]+ \\|$").FindAllStringSubmatch(readFile(t, "docs/monitoring.md"), -1) {
		labels := strings.Split(row[3], ", ")
		slices.Sort(labels)
		found[row[1]] = row[2] + " | " + strings.Join(labels, ", ")
	}
	return found
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "..", path))
	require.NoError(t, err)
	return string(content)
}
