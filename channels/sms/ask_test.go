package sms_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/sms"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors/aliyun"
)

// question is about a message that was just sent.
func question(m channels.Message) channels.Question {
	now := time.Now()
	return channels.Question{DeliveryID: m.DeliveryID, Recipient: m.Recipient, Since: now.Add(-10 * time.Second), Until: now}
}

func TestAsk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		want   channels.Fate
	}{
		{aliyun.Delivered, "DELIVERED", channels.FateDelivered},
		{aliyun.Failed, "UNDELIV", channels.FateFailed},
		{aliyun.Waiting, "", ""},
	} {
		vendor, sender := setup(t, nil)
		vendor.Report(mobileDigits, c.status, c.code)
		m := message()
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
		answer, err := sender.(channels.Asker).Ask(t.Context(), question(m))
		require.NoError(t, err)
		require.True(t, answer.Found)
		require.Equal(t, c.want, answer.Fate)
		if c.want == "" {
			require.Empty(t, answer.Code)
			continue
		}
		require.Equal(t, "aliyun_"+c.code, answer.Code)
		require.WithinDuration(t, time.Now(), answer.At, time.Minute)
	}
}

// A text is found among many others to its number, by the delivery's id.
func TestAskAmongOthers(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, nil)
	first := message()
	_, err := sender.Send(t.Context(), first)
	require.NoError(t, err)
	for range 120 {
		_, err := sender.Send(t.Context(), message())
		require.NoError(t, err)
	}
	answer, err := sender.(channels.Asker).Ask(t.Context(), question(first))
	require.NoError(t, err)
	require.True(t, answer.Found)
	require.Equal(t, 3, vendor.Requests(aliyun.QuerySendDetails), "pages of 50")

	never := message()
	answer, err = sender.(channels.Asker).Ask(t.Context(), question(never))
	require.NoError(t, err)
	require.Equal(t, channels.Answer{}, answer, "surely not there")
}

// Of several texts that were sent under the id, the one that was delivered counts.
func TestAskAfterSeveralSends(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, nil)
	m := message()
	for _, status := range []int{aliyun.Failed, aliyun.Waiting} {
		vendor.Report(mobileDigits, status, "MK:0001")
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
	}
	answer, err := sender.(channels.Asker).Ask(t.Context(), question(m))
	require.NoError(t, err)
	require.Empty(t, answer.Fate)
	vendor.Report(mobileDigits, aliyun.Delivered, "DELIVERED")
	answer, err = sender.(channels.Asker).Ask(t.Context(), question(m))
	require.NoError(t, err)
	require.Equal(t, channels.FateDelivered, answer.Fate)
}

// The days are the vendor's, and each on which the text may have been sent is looked through.
func TestAskOnEachDay(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, nil)
	asker := sender.(channels.Asker)
	q := question(message())
	beijing := time.FixedZone("CST", 8*60*60)
	q.Since, q.Until = time.Date(2026, 5, 1, 23, 30, 0, 0, beijing), time.Date(2026, 5, 2, 0, 30, 0, 0, beijing)
	answer, err := asker.Ask(t.Context(), q)
	require.NoError(t, err)
	require.False(t, answer.Found)
	require.Equal(t, 2, vendor.Requests(aliyun.QuerySendDetails))

	q.Since = q.Until.Add(-10 * 24 * time.Hour)
	_, err = asker.Ask(t.Context(), q)
	channeltest.RequireError(t, err, channels.Permanent, "too_long_ago")
}

// Without an answer nothing is known of the text.
func TestAskWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault aliyun.Fault
		class channels.Class
		code  string
	}{
		"throttled":      {aliyun.Fault{HTTPStatus: 400, Code: "Throttling.User", Message: "x"}, channels.Throttled, "aliyun_Throttling.User"},
		"no permission":  {aliyun.Fault{HTTPStatus: 403, Code: "NoPermission", Message: mobileDigits}, channels.Misconfigured, "aliyun_NoPermission"},
		"not the vendor": {aliyun.Fault{Body: "<html>"}, channels.Uncertain, "unexpected_answer"},
		"no list":        {aliyun.Fault{Body: `{"Code": "OK", "Message": "OK"}`}, channels.Uncertain, "unexpected_answer"},
		"down":           {aliyun.Fault{HTTPStatus: 503, Body: "x"}, channels.Transient, "http_503"},
		"cut":            {aliyun.Fault{Reset: true}, channels.Uncertain, "no_answer"},
	} {
		vendor, sender := setup(t, nil)
		c.fault.Where = aliyun.QuerySendDetails
		vendor.Fail(c.fault)
		m := message()
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
		_, err = sender.(channels.Asker).Ask(t.Context(), question(m))
		require.Error(t, err, name)
		e := channels.AsError(err)
		require.Equal(t, []any{c.class, c.code}, []any{e.Class, e.Code}, name)
		require.NotContains(t, err.Error(), mobileDigits, name)
	}
}

func TestAskChecksItsSignature(t *testing.T) {
	t.Parallel()
	_, sender := setup(t, func(c *sms.Config) { c.AccessKeySecret = "other" })
	_, err := sender.(channels.Asker).Ask(t.Context(), channels.Question{DeliveryID: uuid.New(), Recipient: message().Recipient})
	channeltest.RequireError(t, err, channels.Misconfigured, "aliyun_SignatureDoesNotMatch")
	_, err = sender.(channels.Asker).Ask(t.Context(), channels.Question{Recipient: channels.Recipient{Type: "phone", Value: "(erased)"}})
	channeltest.RequireError(t, err, channels.Permanent, "recipient")
}
