package torture

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
	"github.com/labring/sealos-notify/internal/vendors/world"
)

// second is what the name of each channel's second provider has behind the first's.
const second = "-2"

var (
	providerOfChannel = regexp.MustCompile(`provider: (\S+)}`)
	providerKey       = regexp.MustCompile(`(?m)^  ([a-z-]+):$`)
)

// openPairs starts replicas whose channels all have two providers, each with a vendor of its own.
func openPairs(t *testing.T, replicas int) *stage {
	t.Helper()
	s := newStage(t, harness.NewPostgres(t))
	spare, err := world.Start(t.Context(), harness.VendorID, harness.VendorSecret)
	require.NoError(t, err)
	t.Cleanup(func() { _ = spare.Close() })
	s.also = spare.Inbox
	s.Write("kubeconfig-2.yaml", string(world.Kubeconfig(spare.Addresses)))
	const unlimited = "rateLimit: {perSecond: 0, perMinute: 0}"
	s.Configure(map[string]string{
		"channels": providerOfChannel.ReplaceAllString(world.Channels, "providers: [$1, $1"+second+"]}"),
		"providers": s.Vendors.Providers(s.Vendors.Addresses, s.Path("kubeconfig.yaml"), unlimited) +
			providerKey.ReplaceAllString(spare.Providers(spare.Addresses, s.Path("kubeconfig-2.yaml"), unlimited), "  $1"+second+":"),
	})
	s.open(replicas)
	for channel, code := range map[string]string{"sms": "SMS_0001", "voice": "TPL_0001"} {
		provider := regexp.MustCompile(channel + `: {enabled: true, provider: (\S+)}`).FindStringSubmatch(world.Channels)[1]
		s.fleet.any().Do(http.StatusOK, http.MethodPut, "/api/v1/templates/"+channel, map[string]any{
			"templateCodes": map[string]string{provider: code, provider + second: code},
		})
	}
	return s
}

// named are the channels whose recipients name their provider. Nobody else can take their deliveries.
var named = []string{"dingtalk_group", "wecom_group", "webhook"}

// refuse makes the first vendor of each channel refuse everything, of the named ones only with all.
func (s *stage) refuse(all bool) (lift func()) {
	unavailable := vendors.Fault{HTTPStatus: http.StatusServiceUnavailable}
	away := []*vendors.Injection{
		s.Vendors.Cluster.Fail(unavailable), s.Vendors.SMS.Fail(unavailable), s.Vendors.Voice.Fail(unavailable),
		s.Vendors.Bot.Fail(unavailable), s.Vendors.Feishu.Fail(unavailable), s.Vendors.Mail.Fail(smtp.Fault{Where: smtp.Mail, Code: "421"}),
	}
	if all {
		away = append(away, s.Vendors.DingTalk.Fail(unavailable), s.Vendors.WeCom.Fail(unavailable), s.Vendors.Webhook.Fail(unavailable))
	}
	return func() {
		for _, one := range away {
			one.Lift()
		}
	}
}

// openBreakers counts the open breakers.
const openBreakers = `SELECT count(*) FROM provider_breakers`

// The first provider of every channel that can have a second one is away for minutes. The second takes its deliveries: within
// seconds, each once, and none is lost, dead or held. Afterwards the first has them again.
func TestSecondProvider(t *testing.T) {
	t.Parallel()
	s := openPairs(t, 2)
	load := s.load(1, 100*time.Millisecond)
	s.run(length(time.Second, 10*time.Second))
	back := s.refuse(false)
	s.until(harness.Patience, len(all)-len(named), openBreakers)
	from := time.Now()
	outage := length(12*time.Second, 5*time.Minute)
	s.run(outage)
	to := time.Now()
	s.until(harness.Patience, 0, openDeliveries+` AND created_at <= $1`, to)
	slowest := time.Duration(s.count(`
		SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM updated_at - created_at) * 1000)::int
		FROM deliveries WHERE created_at BETWEEN $1 AND $2`, from, to)) * time.Millisecond
	back()
	s.until(harness.Patience, 0, openBreakers)
	s.run(length(time.Second, 10*time.Second))
	load.stop()
	b := s.close()
	moved := s.count(`SELECT count(*) FROM deliveries WHERE provider LIKE '%` + second + `'`)
	results.add(21, outage.String(), b, "%d through the second; p99 %s", moved, slowest)
	requireNoDup(t, b, all...)
	require.Zero(t, s.held)
	for _, channel := range all {
		require.Len(t, b.ended[channel], 1, "%s: nothing but success: %+v", channel, b)
	}
	require.Positive(t, s.count(`SELECT count(*) FROM deliveries WHERE provider NOT LIKE '%`+second+`' AND created_at > $1`, to),
		"the first has them again")
	require.Less(t, slowest, length(15*time.Second, 5*time.Second))
}

// Replicas are killed while breakers open and close, and deliveries move. Where a double can be
// told, nothing arrives twice, though two vendors do not know of each other.
func TestKillsWhileProvidersChange(t *testing.T) {
	t.Parallel()
	s := openPairs(t, 3)
	load := s.load(length(1, 2), 100*time.Millisecond)
	rounds := length(1, 20)
	kill := func() {
		s.fleet.take().Kill()
		s.fleet.add(s.Start())
	}
	for range rounds {
		s.run(time.Second)
		back := s.refuse(false)
		s.until(harness.Patience, 1, `SELECT least(1, count(*)) FROM provider_breakers`)
		kill()
		s.until(harness.Patience, len(all)-len(named), openBreakers)
		kill()
		back()
		s.exec(`UPDATE provider_breakers SET probe_at = opened_at`)
		kill()
		s.until(2*harness.Patience, 0, openBreakers)
	}
	load.stop()
	s.rescue()
	b := s.close()
	inFlight := s.count(lostSends, resent)
	results.add(22, fmt.Sprintf("%d outages, %d kills", rounds, 3*rounds), b, "e-mail, Feishu's and WeCom's bots: %d twice, of %d in flight; SMS and voice: %d held, all settled",
		b.twice(resent...), inFlight, s.held)
	requireNoDup(t, b, once...)
	requireNoDup(t, b, held...)
	require.LessOrEqual(t, b.twice(resent...), inFlight)
	for _, channel := range all {
		require.Len(t, b.ended[channel], 1, "%s: nothing but success: %+v", channel, b)
	}
	require.Zero(t, s.count(`SELECT count(*) FROM deliveries WHERE status = 'dead'`))
}
