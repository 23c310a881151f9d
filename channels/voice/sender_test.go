package voice_test

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
	"github.com/labring/sealos-notify/channels/voice"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/volcengine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	accessKeyID     = "AKLT-test"
	accessKeySecret = "canary-secret-5d1e"
	mobile          = "+8613800138000"
	mobileDigits    = "13800138000"
)

// setup starts a vendor and opens a provider of it.
func setup(t *testing.T, change func(*voice.Config)) (*volcengine.VMS, channels.Sender) {
	t.Helper()
	vendor := volcengine.New(accessKeyID, accessKeySecret, vendors.NewInbox())
	server := httptest.NewServer(vendor)
	t.Cleanup(server.Close)
	return vendor, open(t, server.URL, change)
}

func open(t *testing.T, endpoint string, change func(*voice.Config)) channels.Sender {
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

func newConfig() *voice.Config {
	c := voice.Type.NewConfig().(*voice.Config)
	c.AccessKeyID, c.AccessKeySecret, c.NumberPool = accessKeyID, accessKeySecret, "NP1622"
	return c
}

func message() channels.Message {
	return channels.Message{
		DeliveryID: uuid.Must(uuid.NewV7()), Attempt: 1,
		Recipient:    channels.Recipient{Type: channels.RecipientPhone, Value: mobile},
		MsgType:      "text",
		Body:         "for people only",
		TemplateCode: "9b39e17fb12444c7",
		Params:       json.RawMessage(`{"incident":"数据库 \"主\" <1> & 100%","severity":0}`),
	}
}

var suite = channeltest.Channel{
	Open:    func(t *testing.T, address string) channels.Sender { return open(t, "http://"+address, nil) },
	Message: message,
	Private: []string{accessKeySecret, mobile, mobileDigits},
	Vendor: func() http.Handler {
		return volcengine.New(accessKeyID, accessKeySecret, vendors.NewInbox())
	},
	Mark: func(_ *http.Request, body []byte) string {
		var request struct {
			List []struct {
				ID string `json:"SingleOpenId"`
			}
		}
		if json.Unmarshal(body, &request) != nil || len(request.List) != 1 {
			return ""
		}
		return request.List[0].ID
	},
}

func TestSuite(t *testing.T) { channeltest.Run(t, suite) } // not parallel: it looks for leaked goroutines

func TestSend(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, nil)
	m := message()

	receipt, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.NotEmpty(t, receipt.Details["request_id"])
	require.NotContains(t, receipt.Details, "duplicate")
	arrivals := vendor.Inbox().Arrivals()
	require.Len(t, arrivals, 1)
	require.Equal(t, mobileDigits, arrivals[0].To)
	require.Equal(t, m.TemplateCode, arrivals[0].Kind)
	require.Equal(t, m.DeliveryID.String(), arrivals[0].Mark)
	var params map[string]string
	require.NoError(t, json.Unmarshal([]byte(arrivals[0].Text[len(m.TemplateCode):]), &params))
	require.Equal(t, map[string]string{"incident": `数据库 "主" <1> & 100%`, "severity": "0"}, params)
	require.Equal(t, 1, vendor.Requests(volcengine.SingleBatchAppend))
}

// The vendor's pages disagree about the form of the params. The configured form goes
// first. A refusal of the params is followed by one request in the other form.
func TestPhoneParamInBothForms(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		configured, taken string
		requests          int
	}{
		{"string", "string", 1},
		{"object", "object", 1},
		{"string", "object", 2},
		{"object", "string", 2},
	} {
		vendor, sender := setup(t, func(c *voice.Config) { c.PhoneParam = tc.configured })
		vendor.TakeParams(volcengine.Form(tc.taken))
		m := message()
		receipt, err := sender.Send(t.Context(), m)
		require.NoError(t, err, "%+v", tc)
		require.Equal(t, tc.taken, receipt.Details["phone_param"])
		require.Equal(t, vendors.Mark{Requests: tc.requests, Arrivals: 1}, vendor.Inbox().Mark(m.DeliveryID.String()))
		var params map[string]string
		require.NoError(t, json.Unmarshal([]byte(vendor.Inbox().Arrivals()[0].Text[len(m.TemplateCode):]), &params))
		require.Equal(t, `数据库 "主" <1> & 100%`, params["incident"])
	}
}

// Only a refusal of the params is followed by a second request, and only once.
func TestNoSecondRequestWhenTheCallMayBeMade(t *testing.T) {
	t.Parallel()
	const about = "The specified parameter PhoneParam is invalid."
	for name, tc := range map[string]struct {
		fault    volcengine.Fault
		change   func(*channels.Message)
		class    channels.Class
		requests int
	}{
		"another parameter":         {volcengine.Fault{HTTPStatus: 400, Code: "InvalidParameter", Message: "The specified parameter Phone is invalid."}, nil, channels.Permanent, 1},
		"another code":              {volcengine.Fault{HTTPStatus: 500, Code: "SystemError", Message: about}, nil, channels.Uncertain, 1},
		"lost answer":               {volcengine.Fault{After: true, Reset: true}, nil, channels.Uncertain, 1},
		"no params":                 {volcengine.Fault{HTTPStatus: 400, Code: "InvalidParameter", Message: about}, func(m *channels.Message) { m.Params = nil }, channels.Permanent, 1},
		"neither form":              {volcengine.Fault{HTTPStatus: 400, Code: "InvalidParameter", Message: about}, nil, channels.Permanent, 2},
		"the second answer is lost": {volcengine.Fault{Times: 1, HTTPStatus: 400, Code: "InvalidParameter", Message: about}, nil, channels.Uncertain, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vendor, sender := setup(t, nil)
			vendor.Fail(tc.fault)
			if tc.fault.Times > 0 {
				vendor.Fail(volcengine.Fault{After: true, Reset: true})
			}
			m := message()
			if tc.change != nil {
				tc.change(&m)
			}
			_, err := sender.Send(t.Context(), m)
			require.Equal(t, tc.class, channels.AsError(err).Class, "%v", err)
			require.Equal(t, tc.requests, vendor.Requests(volcengine.SingleBatchAppend))
			requireNothingPrivate(t, err)
		})
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, func(c *voice.Config) { c.Countries = []string{"CN", "HK"} })
	for number, digits := range map[string]string{"+861012345678": "01012345678", "+85221234567": "85221234567"} {
		m := message()
		m.Recipient.Value = number
		require.NoError(t, sender.(channels.RecipientChecker).CheckRecipient(m.Recipient))
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
		arrivals := vendor.Inbox().Arrivals()
		require.Equal(t, digits, arrivals[len(arrivals)-1].To)
	}
	err := sender.(channels.RecipientChecker).CheckRecipient(channels.Recipient{Type: channels.RecipientPhone, Value: "+12015550123"})
	require.ErrorContains(t, err, "allowed are CN, HK")
	require.NotContains(t, err.Error(), "2015550123")
}

func TestTemplateWithoutParams(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, nil)
	m := message()
	m.Params = json.RawMessage("null")
	_, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, m.TemplateCode, vendor.Inbox().Arrivals()[0].Text)
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
		{"template_code", func(m *channels.Message) { m.TemplateCode = "" }},
		{"params", func(m *channels.Message) { m.Params = json.RawMessage(`["a"]`) }},
	} {
		m := message()
		tc.change(&m)
		_, err := sender.Send(t.Context(), m)
		channeltest.RequireError(t, err, channels.Permanent, tc.code)
		require.NotContains(t, err.Error(), m.Recipient.Value)
	}
	require.Zero(t, vendor.Requests(volcengine.SingleBatchAppend))
}

// A call that an earlier attempt asked for is a success.
func TestDuplicateIsSuccess(t *testing.T) {
	t.Parallel()
	vendor, sender := setup(t, nil)
	vendor.Refuse(mobileDigits, volcengine.Duplicate)
	receipt, err := sender.Send(t.Context(), message())
	require.NoError(t, err)
	require.Equal(t, true, receipt.Details["duplicate"])
}

// A lost answer is uncertain: the vendor may call twice.
func TestLostAnswerIsUncertain(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]volcengine.Fault{
		"cut":     {After: true, Reset: true},
		"HTML":    {After: true, Body: "<html>"},
		"hangs":   {After: true, Hang: true},
		"gateway": {After: true, HTTPStatus: 504, Code: "InternalServiceTimeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vendor, sender := setup(t, nil)
			fault.Where = volcengine.SingleBatchAppend
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
	vendor.Fail(volcengine.Fault{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err = sender.Send(ctx, message())
	channeltest.RequireError(t, err, channels.Uncertain, "timeout")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, 2, vendor.Requests(volcengine.SingleBatchAppend))
}

func TestProbe(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	for _, tc := range []struct {
		name   string
		config func(*voice.Config)
		fault  *volcengine.Fault
		class  channels.Class // empty when the probe succeeds
		code   string
	}{
		{name: "well"},
		{name: "nothing found", fault: &volcengine.Fault{Body: `{"ResponseMetadata":{"RequestId":"1"},"Result":null}`}},
		{name: "nothing found, said otherwise", fault: &volcengine.Fault{HTTPStatus: 400, Code: "NoSuchCall", Message: "x", Raw: true}},
		{name: "wrong secret", config: func(c *voice.Config) { c.AccessKeySecret = "old" }, class: channels.Misconfigured, code: "volcengine_SignatureDoesNotMatch"},
		{name: "unknown key", config: func(c *voice.Config) { c.AccessKeyID = "AKLT-other" }, class: channels.Misconfigured, code: "volcengine_InvalidAccessKey"},
		{name: "clock", fault: &volcengine.Fault{HTTPStatus: 403, Code: "InvalidTimestamp", Message: "x"}, class: channels.Misconfigured, code: "volcengine_InvalidTimestamp"},
		{name: "no permission", fault: &volcengine.Fault{HTTPStatus: 403, Code: "AccessDenied", Message: "x"}, class: channels.Misconfigured, code: "volcengine_AccessDenied"},
		{name: "out of order", fault: &volcengine.Fault{HTTPStatus: 500, Code: "SystemError", Message: "x"}, class: channels.Transient, code: "volcengine_SystemError"},
		{name: "not the vendor", fault: &volcengine.Fault{Body: "<html>"}, class: channels.Transient, code: "unexpected_answer"},
		{name: "nobody listens", config: func(c *voice.Config) { c.Endpoint = server.URL }, class: channels.Transient, code: "connect_failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			vendor, sender := setup(t, tc.config)
			if tc.fault != nil {
				vendor.Fail(*tc.fault)
			}
			err := sender.(channels.Prober).Probe(t.Context())
			require.Zero(t, vendor.Requests(volcengine.SingleBatchAppend))
			if tc.class == "" {
				require.NoError(t, err)
				require.Equal(t, 1, vendor.Requests(volcengine.QuerySingleInfo))
				return
			}
			channeltest.RequireError(t, err, tc.class, tc.code)
		})
	}
}
