package delivering

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/labring/sealos-notify/channels"
)

// A code that a channel's table lacks is counted each time and logged once, whatever the
// vendor calls it.
func TestUnlistedCodesAreCountedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.WarnLevel)
	u := newUnlisted(prometheus.NewRegistry(), zap.New(core))
	unlisted := func(code string) error {
		return fmt.Errorf("send: %w", &channels.Error{Class: channels.Transient, Code: code, Message: "secret", Unlisted: true})
	}
	count := func(channel, code string) float64 { return testutil.ToFloat64(u.counts.WithLabelValues(channel, code)) }

	for range 3 {
		u.note("feishu_app", unlisted("feishu_1"))
	}
	u.note("feishu_app", nil)
	u.note("feishu_app", errors.New("no answer of a vendor"))
	u.note("feishu_app", &channels.Error{Class: channels.Transient, Code: "feishu_2200"})
	require.InDelta(t, 3, count("feishu_app", "feishu_1"), 0)
	require.Equal(t, 1, testutil.CollectAndCount(u.counts))
	require.Equal(t, 1, logs.Len())
	require.NotContains(t, fmt.Sprint(logs.All()[0].ContextMap()), "secret")

	u.note("feishu_webhook", unlisted("feishu_1"))
	require.Equal(t, 2, logs.Len(), "another channel has another table")

	for _, code := range []string{"手机号", "a b", strings.Repeat("x", 200), ""} {
		u.note("voice", unlisted(code))
	}
	require.InDelta(t, 4, count("voice", otherCode), 0, "what is no name is counted together")
	for i := range 2 * maxUnlisted {
		u.note("sms", unlisted(fmt.Sprintf("isv.%d", i)))
	}
	require.LessOrEqual(t, testutil.CollectAndCount(u.counts), maxUnlisted+1)
	require.Greater(t, count("sms", otherCode), float64(maxUnlisted))
	require.LessOrEqual(t, logs.Len(), maxUnlisted+1)
}
