package voice_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/voice"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors/volcengine"
)

func TestAsk(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  volcengine.End
		want channels.Fate
		code string
	}{
		"taken":                 {volcengine.End{State: volcengine.Over, Result: volcengine.Connected, Duration: 4}, channels.FateAnswered, "volcengine_call_result_1"},
		"nobody took it":        {volcengine.End{State: volcengine.Over, Result: volcengine.NoAnswer}, channels.FateFailed, "volcengine_call_result_7"},
		"taken, without record": {volcengine.End{State: volcengine.Over, Duration: 4}, channels.FateAnswered, ""},
		"over, without record":  {volcengine.End{State: volcengine.Over}, "", ""},
		"ringing":               {volcengine.End{State: volcengine.Ringing}, "", ""},
		"waits":                 {volcengine.End{State: volcengine.Ready}, "", ""},
		"is made again":         {volcengine.End{State: volcengine.Again, Result: volcengine.NoAnswer}, "", ""},
		"deleted":               {volcengine.End{State: volcengine.Deleted}, channels.FateFailed, "volcengine_state_5"},
	} {
		vendor, sender := setup(t, nil)
		m := message()
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
		vendor.EndCalls(mobileDigits, c.end)
		answer, err := sender.(channels.Asker).Ask(t.Context(), channels.Question{DeliveryID: m.DeliveryID, Recipient: m.Recipient})
		require.NoError(t, err, name)
		require.Equal(t, []any{true, c.want, c.code}, []any{answer.Found, answer.Fate, answer.Code}, name)
		require.WithinDuration(t, time.Now(), answer.At, time.Minute)
	}
}

func TestAskAboutACallThatWasNeverMade(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]*volcengine.Fault{
		"the id is refused": nil,
		"an empty result":   {Body: `{"ResponseMetadata": {"RequestId": "A"}, "Result": {}}`},
	} {
		vendor, sender := setup(t, nil)
		if fault != nil {
			vendor.Fail(*fault)
		}
		answer, err := sender.(channels.Asker).Ask(t.Context(), channels.Question{DeliveryID: uuid.New(), Recipient: message().Recipient})
		require.NoError(t, err, name)
		require.Equal(t, channels.Answer{}, answer, name)
	}
}

// Without an answer nothing is known of the call.
func TestAskWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault volcengine.Fault
		class channels.Class
		code  string
	}{
		"throttled":          {volcengine.Fault{HTTPStatus: 400, Code: "FlowLimitExceeded", Message: "x"}, channels.Throttled, "volcengine_FlowLimitExceeded"},
		"no permission":      {volcengine.Fault{HTTPStatus: 403, Code: "AccessDenied", Message: mobileDigits}, channels.Misconfigured, "volcengine_AccessDenied"},
		"fails inside":       {volcengine.Fault{HTTPStatus: 500, Code: "SystemError", Message: "x"}, channels.Uncertain, "volcengine_SystemError"},
		"not the vendor":     {volcengine.Fault{Body: `{}`}, channels.Uncertain, "unexpected_answer"},
		"another call":       {volcengine.Fault{Body: `{"ResponseMetadata": {"RequestId": "A"}, "Result": {"SingleOpenId": "B"}}`}, channels.Uncertain, "unexpected_answer"},
		"no record, refused": {volcengine.Fault{Where: volcengine.QueryCallRecordMsgV2, HTTPStatus: 400, Code: "IllegalArgument", Message: "x"}, channels.Permanent, "volcengine_IllegalArgument"},
	} {
		vendor, sender := setup(t, nil)
		m := message()
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
		vendor.Fail(c.fault)
		_, err = sender.(channels.Asker).Ask(t.Context(), channels.Question{DeliveryID: m.DeliveryID, Recipient: m.Recipient})
		require.Error(t, err, name)
		e := channels.AsError(err)
		require.Equal(t, []any{c.class, c.code}, []any{e.Class, e.Code}, name)
		require.NotContains(t, err.Error(), mobileDigits, name)
	}
}

func TestAskChecksItsSignature(t *testing.T) {
	t.Parallel()
	_, sender := setup(t, func(c *voice.Config) { c.AccessKeySecret = "other" })
	_, err := sender.(channels.Asker).Ask(t.Context(), channels.Question{DeliveryID: uuid.New(), Recipient: message().Recipient})
	channeltest.RequireError(t, err, channels.Misconfigured, "volcengine_SignatureDoesNotMatch")
}
