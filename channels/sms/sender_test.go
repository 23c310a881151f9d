package sms_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/sms"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/aliyun"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	accessKeyID     = "LTAI-test"
	accessKeySecret = "canary-secret-5d1e"
	signName        = "Sealos"
	mobile          = "+8613800138000"
	mobileDigits    = "13800138000"
)

// setup starts a vendor and opens a provider of it.
func setup(t *testing.T, change func(*sms.Config)) (*aliyun.SMS, channels.Sender) {
	t.Helper()
	vendor := aliyun.New(accessKeyID, accessKeySecret, vendors.NewInbox())
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	return vendor, open(t, server.URL, change)
}

func open(t *testing.T, endpoint string, change func(*sms.Config)) channels.Sender {
	t.Helper()
	c := newConfig()
	c.Endpoint = endpoint
	if change != nil {
		change(c)
	}
	require.NoError(t, c.Validate())
	sender, err := c.Open()
	require.NoError(t, err)
	return sender
}

func newConfig() *sms.Config {
	c := sms.Type.NewConfig().(*sms.Config)
	c.AccessKeyID, c.AccessKeySecret, c.SignName = accessKeyID, accessKeySecret, signName
	return c
}

func message() channels.Message {
	return channels.Message{
		DeliveryID: uuid.Must(uuid.NewV7()), Attempt: 1,
		Recipient:    channels.Recipient{Type: channels.RecipientPhone, Value: mobile},
		MsgType:      "text",
		Body:         "for people only",
		TemplateCode: "SMS_123456",
		Params:       json.RawMessage(`{"incident":"数据库 \"主\" <1> & 100%+ ~*","severity":0}`),
	}
}

var suite = channeltest.Channel{
	Open:    func(t *testing.T, address string) channels.Sender { return open(t, "http://"+address, nil) },
	Message: message,
	Private: []string{accessKeySecret, mobile, mobileDigits},
	Vendor: func() http.Handler {
		return aliyun.New(accessKeyID, accessKeySecret, vendors.NewInbox())
	},
	Mark: func(r *http.Request, _ []byte) string { return r.URL.Query().Get("OutId") },
}

func TestSuite(t *testing.T) { channeltest.Run(t, suite) } // not parallel: it looks for leaked goroutines

func TestSend(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, nil)
	vendor.AddSign(signName)
	vendor.AddTemplate("SMS_123456", "告警 ${incident}(级别 ${severity})")
	m := message()

	receipt, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.NotEmpty(t, receipt.Details["biz_id"])
	require.NotEmpty(t, receipt.Details["request_id"])
	arrivals := vendor.Inbox().Arrivals()
	require.Len(t, arrivals, 1)
	require.Equal(t, mobileDigits, arrivals[0].To)
	require.Equal(t, `【Sealos】告警 数据库 "主" <1> & 100%+ ~*(级别 0)`, arrivals[0].Text)
	require.Equal(t, m.DeliveryID.String(), arrivals[0].Mark)
	require.Equal(t, 1, vendor.Requests(aliyun.SendSms))
}

func TestSendAbroad(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, func(c *sms.Config) { c.Countries = []string{"CN", "HK", "US"} })
	for number, digits := range map[string]string{"+85261234567": "85261234567", "+12015550123": "12015550123"} {
		m := message()
		m.Recipient.Value = number
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
		arrivals := vendor.Inbox().Arrivals()
		require.Equal(t, digits, arrivals[len(arrivals)-1].To)
	}
}

func TestTemplateWithoutParams(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, nil)
	vendor.AddTemplate("SMS_123456", "没有参数")
	for _, params := range []string{"", "null", "{}"} {
		m := message()
		m.Params = json.RawMessage(params)
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err, "%q", params)
	}
	require.Equal(t, 3, vendor.Inbox().Total())
}

func TestRefusedBeforeTheCall(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, nil)
	for _, tc := range []struct {
		code   string
		change func(*channels.Message)
	}{
		{"recipient_type", func(m *channels.Message) { m.Recipient.Type = channels.RecipientEmail }},
		{"recipient", func(m *channels.Message) { m.Recipient.Value = mobile + ",+8613800138001" }},
		{"recipient", func(m *channels.Message) { m.Recipient.Value = "+85261234567" }},
		{"recipient", func(m *channels.Message) { m.Recipient.Value = "+861012345678" }},
		{"template_code", func(m *channels.Message) { m.TemplateCode = "" }},
		{"params", func(m *channels.Message) { m.Params = json.RawMessage(`["a"]`) }},
	} {
		m := message()
		tc.change(&m)
		_, err := sender.Send(t.Context(), m)
		channeltest.RequireError(t, err, channels.Permanent, tc.code)
		require.NotContains(t, err.Error(), m.Recipient.Value)
	}
	require.Zero(t, vendor.Requests(aliyun.SendSms))
}

func TestCheckRecipient(t *testing.T) {
	t.Parallel()
	_, sender := setup(t, func(c *sms.Config) { c.Countries = []string{"HK"} })
	checker := sender.(channels.RecipientChecker)
	require.NoError(t, checker.CheckRecipient(channels.Recipient{Type: channels.RecipientPhone, Value: "+85261234567"}))
	require.ErrorContains(t, checker.CheckRecipient(channels.Recipient{Type: channels.RecipientPhone, Value: "+85221234567"}), "landline")
	err := checker.CheckRecipient(channels.Recipient{Type: channels.RecipientPhone, Value: mobile})
	require.ErrorContains(t, err, "allowed are HK")
	require.NotContains(t, err.Error(), mobileDigits)
}

// A lost answer is uncertain: the vendor would send a second text.
func TestLostAnswerIsUncertain(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]aliyun.Fault{
		"cut":     {Where: aliyun.SendSms, After: true, Reset: true},
		"HTML":    {Where: aliyun.SendSms, After: true, Body: "<html>"},
		"hangs":   {Where: aliyun.SendSms, After: true, Hang: true},
		"gateway": {Where: aliyun.SendSms, After: true, HTTPStatus: 504, Body: `{"Code":"x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vendor, sender := setup(t, nil)
			vendor.Fail(fault)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if fault.Hang {
				go func() {
					defer cancel()
					_ = vendor.Inbox().Wait(ctx, 1) // ends with the test at the latest
				}()
			}
			m := message()
			_, err := sender.Send(ctx, m)
			require.Equal(t, channels.Uncertain, channels.AsError(err).Class, "%v", err)
			require.Equal(t, vendors.Mark{Requests: 1, Arrivals: 1}, vendor.Inbox().Mark(m.DeliveryID.String()))
		})
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, nil)
	_, err := sender.Send(t.Context(), message()) // so that only the hanging call takes time
	require.NoError(t, err)
	vendor.Fail(aliyun.Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err = sender.Send(ctx, message())
	channeltest.RequireError(t, err, channels.Uncertain, "timeout")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, 2, vendor.Requests(aliyun.SendSms))
}

func TestProbe(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	for _, tc := range []struct {
		name   string
		config func(*sms.Config)
		fault  *aliyun.Fault
		class  channels.Class // empty when the probe succeeds
		code   string
	}{
		{name: "well"},
		{name: "the number is refused", fault: &aliyun.Fault{Code: "isv.MOBILE_NUMBER_ILLEGAL", Message: "x"}},
		{name: "wrong secret", config: func(c *sms.Config) { c.AccessKeySecret = "old" }, class: channels.Misconfigured, code: "aliyun_SignatureDoesNotMatch"},
		{name: "unknown key", config: func(c *sms.Config) { c.AccessKeyID = "LTAI-other" }, class: channels.Misconfigured, code: "aliyun_InvalidAccessKeyId.NotFound"},
		{name: "clock", fault: &aliyun.Fault{HTTPStatus: 400, Code: "InvalidTimeStamp.Expired", Message: "x"}, class: channels.Misconfigured, code: "aliyun_InvalidTimeStamp.Expired"},
		{name: "no permission", fault: &aliyun.Fault{HTTPStatus: 403, Code: "NoPermission", Message: "x"}, class: channels.Misconfigured, code: "aliyun_NoPermission"},
		{name: "not the vendor", fault: &aliyun.Fault{Body: "<html>"}, class: channels.Transient, code: "unexpected_answer"},
		{name: "nobody listens", config: func(c *sms.Config) { c.Endpoint = server.URL }, class: channels.Transient, code: "connect_failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			vendor, sender := setup(t, tc.config)
			if tc.fault != nil {
				vendor.Fail(*tc.fault)
			}
			err := sender.(channels.Prober).Probe(t.Context())
			require.Zero(t, vendor.Requests(aliyun.SendSms))
			if tc.class == "" {
				require.NoError(t, err)
				require.Equal(t, 1, vendor.Requests(aliyun.QuerySendDetails))
				return
			}
			channeltest.RequireError(t, err, tc.class, tc.code)
		})
	}
}
