package promtest

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"github.com/stretchr/testify/require"
)

const rulesFile = "../../../deploy/prometheus/rules.yaml"

// loadRules returns the alerts by name.
func loadRules(t *testing.T) map[string]*rules.AlertingRule {
	t.Helper()
	manager := rules.NewManager(&rules.ManagerOptions{Context: t.Context(), Parser: parser.NewParser(parser.Options{})})
	groups, problems := manager.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, rulesFile)
	require.Empty(t, problems)
	alerts := map[string]*rules.AlertingRule{}
	for _, group := range groups {
		for _, rule := range group.Rules() {
			alert := rule.(*rules.AlertingRule)
			require.NotContains(t, alerts, alert.Name())
			alerts[alert.Name()] = alert
		}
	}
	return alerts
}

func newEngine(t *testing.T) *promql.Engine {
	t.Helper()
	return promqltest.NewTestEngine(t, false, 5*time.Minute, 1_000_000)
}

// The alerts are evaluated every minute on the given series. Each case has the labels
// of the alert that fires at the end.
func TestAlerts(t *testing.T) {
	t.Parallel()
	const up = `up{job="sealos-notify",instance="a"}`
	attempts := func(status, class, values string) string {
		return `sealos_notify_attempts_total{job="sealos-notify",instance="a",channel="sms",provider="aliyun",status="` + status + `",class="` + class + `"} ` + values
	}
	const quota = `sealos_notify_quota_spent_total{job="sealos-notify",instance="a",channel="sms",provider="aliyun"}`
	const urgent = `sealos_notify_urgent_failures_total{job="sealos-notify",instance="a",channel="feishu_app",provider="feishu",class="misconfigured"}`
	jobs := func(instance, values string) string {
		return `sealos_notify_queue_jobs{job="sealos-notify",instance="` + instance + `",channel="sms",state="available"} ` + values
	}
	tested := map[string]bool{} // alert and whether it fires
	for _, c := range []struct {
		alert  string
		name   string
		series []string
		after  int    // minutes
		fires  string // the labels; empty for not at all
	}{
		{"SealosNotifyDown", "a replica is down", []string{up + " 1x2 0x5"}, 6, `instance="a"`},
		{"SealosNotifyDown", "a restart", []string{up + " 1x2 0 1x5"}, 6, ""},
		{"SealosNotifyAbsent", "no target", []string{`up{job="other"} 1x9`}, 6, `job="sealos-notify"`},
		{"SealosNotifyAbsent", "one of two is enough", []string{up + " 1x9"}, 9, ""},
		{"SealosNotifyDatabaseDown", "for all", []string{
			`sealos_notify_database_up{job="sealos-notify",instance="a"} 0x9`, `sealos_notify_database_up{job="sealos-notify",instance="b"} 0x9`,
		}, 3, `job="sealos-notify"`},
		{"SealosNotifyDatabaseDown", "for one", []string{
			`sealos_notify_database_up{job="sealos-notify",instance="a"} 0x9`, `sealos_notify_database_up{job="sealos-notify",instance="b"} 1x9`,
		}, 9, ""},
		{"SealosNotifyDatabasePoolExhausted", "two wait all the time", []string{
			`sealos_notify_database_wait_seconds_total{instance="a"} 0+120x20`, `sealos_notify_database_connections_max{instance="a"} 26x20`,
		}, 20, `instance="a"`},
		{"SealosNotifyDatabasePoolExhausted", "the one connection of SQLite", []string{
			`sealos_notify_database_wait_seconds_total{instance="a"} 0+120x20`, `sealos_notify_database_connections_max{instance="a"} 1x20`,
		}, 20, ""},
		{"SealosNotifyNothingDelivered", "jobs wait and no worker takes them", []string{
			attempts("success", "none", "7x30"), jobs("a", "3x30"), jobs("b", "3x30"),
		}, 25, `channel="sms"`},
		{"SealosNotifyNothingDelivered", "the vendor takes nothing", []string{
			attempts("success", "none", "7x30"), attempts("failed", "transient", "0+5x30"), jobs("a", "0x30"),
		}, 25, `channel="sms"`},
		{"SealosNotifyNothingDelivered", "one delivery is retried, and nothing else goes on", []string{
			attempts("success", "none", "7x30"), attempts("failed", "transient", "0x5 1x5 2x5 3x20"), jobs("a", "0x30"),
		}, 25, ""},
		{"SealosNotifyNothingDelivered", "it is slow", []string{attempts("success", "none", "0+1x30"), jobs("a", "900x30")}, 25, ""},
		{"SealosNotifyNothingDelivered", "nothing to do", []string{attempts("success", "none", "7x30"), jobs("a", "0x30")}, 25, ""},
		{"SealosNotifyOldestTooOld", "too old", []string{`sealos_notify_queue_oldest_seconds{channel="sms",instance="a"} 200+60x20`}, 10, `channel="sms"`},
		{"SealosNotifyOldestTooOld", "old for a moment", []string{`sealos_notify_queue_oldest_seconds{channel="sms",instance="a"} 400x3 0x20`}, 10, ""},
		{"SealosNotifyDeadLetters", "many die", []string{attempts("dead", "permanent", "0 0 12x20")}, 4, `provider="aliyun"`},
		{"SealosNotifyDeadLetters", "one dies", []string{attempts("dead", "permanent", "0 0 1x20")}, 4, ""},
		{"SealosNotifyDeadLetters", "long ago", []string{attempts("dead", "permanent", "0 0 12x40")}, 30, ""},
		{"SealosNotifyProviderMisconfigured", "once is enough", []string{attempts("failed", "misconfigured", "0 0 1x20")}, 4, `provider="aliyun"`},
		{"SealosNotifyProviderMisconfigured", "a restart counts from zero again", []string{attempts("failed", "misconfigured", "5x3 0x20")}, 4, ""},
		{"SealosNotifyBreakerOpen", "an outage", []string{`sealos_notify_breaker_open{job="sealos-notify",instance="a",provider="aliyun"} 1x9`}, 5, `provider="aliyun"`},
		{"SealosNotifyBreakerOpen", "a short one", []string{`sealos_notify_breaker_open{job="sealos-notify",instance="a",provider="aliyun"} 1 _x9`}, 8, ""},
		{"SealosNotifyQuotaSpent", "once an hour", []string{quota + " 0x9 1x60 2x60"}, 100, `provider="aliyun"`},
		{"SealosNotifyQuotaSpent", "renewed", []string{quota + " 0 1x200"}, 150, ""},
		{"SealosNotifyUrgentFailing", "once is enough", []string{urgent + " 0 0 1x20"}, 4, `class="misconfigured"`},
		{"SealosNotifyUrgentFailing", "long ago", []string{urgent + " 0 1x40"}, 30, ""},
		{"SealosNotifyReceiverBroken", "a template is missing", []string{
			`sealos_notify_broken_receivers{job="sealos-notify",instance="a"} 1x9`,
		}, 5, `job="sealos-notify"`},
		{"SealosNotifyReceiverBroken", "an alert went out as plain text", []string{
			`sealos_notify_broken_receivers{job="sealos-notify",instance="a"} 0x9`,
			`sealos_notify_alert_fallbacks_total{job="sealos-notify",instance="a",channel="email",sent="plain"} 0 0 1x9`,
		}, 8, `job="sealos-notify"`},
		{"SealosNotifyReceiverBroken", "all is well", []string{
			`sealos_notify_broken_receivers{job="sealos-notify",instance="a"} 0x9`,
			`sealos_notify_alert_fallbacks_total{job="sealos-notify",instance="a",channel="email",sent="plain"} 3x9`,
		}, 9, ""},
		{"SealosNotifyEndpointOff", "one failed for a day", []string{`sealos_notify_endpoints{job="sealos-notify",instance="a",state="off"} 0 1x5`}, 3, `job="sealos-notify"`},
		{"SealosNotifyEndpointOff", "one fails", []string{
			`sealos_notify_endpoints{job="sealos-notify",instance="a",state="failing"} 1x5`, `sealos_notify_endpoints{job="sealos-notify",instance="a",state="off"} 0x5`,
		}, 3, ""},
		{"SealosNotifyReloadFailing", "refused", []string{`sealos_notify_config_last_reload_successful{instance="a"} 1 0x20`}, 8, `instance="a"`},
		{"SealosNotifyReloadFailing", "refused, then corrected", []string{`sealos_notify_config_last_reload_successful{instance="a"} 1 0x3 1x20`}, 8, ""},
		{"SealosNotifyJobStuck", "stuck", []string{`sealos_notify_stuck_jobs{job="sealos-notify",instance="a"} 0 2x5`}, 3, `job="sealos-notify"`},
		{"SealosNotifyJobStuck", "none", []string{`sealos_notify_stuck_jobs{job="sealos-notify",instance="a"} 0x5`}, 3, ""},
		{"SealosNotifyDeliveryWithoutJob", "deleted", []string{`sealos_notify_orphans_total{code="job_deleted"} 0 0 1x5`}, 4, `code="job_deleted"`},
		{"SealosNotifyDeliveryWithoutJob", "somebody cancelled it", []string{`sealos_notify_orphans_total{code="job_cancelled"} 0 0 1x5`}, 4, ""},
	} {
		tested[c.alert+" "+map[bool]string{true: "fires", false: "does not"}[c.fires != ""]] = true
		t.Run(c.alert+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			alert, known := loadRules(t)[c.alert]
			require.True(t, known)
			stored := promqltest.LoadedStorage(t, "load 1m\n  "+strings.Join(c.series, "\n  "))
			query := rules.EngineQueryFunc(newEngine(t), stored)
			for minute := range c.after + 1 {
				_, err := alert.Eval(t.Context(), 0, time.Unix(0, 0).Add(time.Duration(minute)*time.Minute), query, nil, 0)
				require.NoError(t, err)
			}
			var firing []string
			for _, a := range alert.ActiveAlerts() {
				if a.State != rules.StateFiring {
					continue
				}
				firing = append(firing, a.Labels.String())
				a.Annotations.Range(func(l labels.Label) {
					require.NotContains(t, l.Value, "error expanding", l.Name)
				})
			}
			if c.fires == "" {
				require.Empty(t, firing)
				return
			}
			require.Len(t, firing, 1)
			require.Contains(t, firing[0], c.fires)
		})
	}
	for _, name := range slices.Sorted(maps.Keys(loadRules(t))) {
		require.True(t, tested[name+" fires"], name)
		require.True(t, tested[name+" does not"], name)
	}
}
