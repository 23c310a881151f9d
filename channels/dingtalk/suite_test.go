package dingtalk_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/dingtalk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var suite = channeltest.Channel{
	Open:    func(t *testing.T, address string) channels.Sender { return openAt(t, "http://"+address, nil) },
	Message: toUser,
	Private: []string{token, secret, user},
	Vendor:  func() http.Handler { return dingtalk.New(token, secret, vendors.NewInbox()) },
	Mark: func(_ *http.Request, body []byte) string {
		var request struct{ MsgUUID string }
		_ = json.Unmarshal(body, &request) // what is not JSON has no id
		return request.MsgUUID
	},
}

func TestSuite(t *testing.T) { channeltest.Run(t, suite) } // not parallel: it looks for leaked goroutines

func FuzzAnswer(f *testing.F) {
	channeltest.Fuzz(f, suite,
		`{"errcode":0,"errmsg":"ok"}`,
		`{"errcode":410100,"errmsg":"slow"}`,
		`{"errcode":310000,"errmsg":"sign not match"}`,
		`{"errcode":"0"}`,
		`{"status":1111,"wait":5,"source":"x5","punish":"deny","errcode":130101,"errmsg":"send too fast"}`,
	)
}
