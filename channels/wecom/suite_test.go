package wecom_test

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/wecom"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var suite = channeltest.Channel{
	Open:    func(t *testing.T, address string) channels.Sender { return openAt(t, "http://"+address, nil) },
	Message: toUser,
	Private: []string{token, user},
	Vendor:  func() http.Handler { return wecom.New(token, vendors.NewInbox()) },
	Mark:    func(r *http.Request, _ []byte) string { return r.Header.Get("X-Request-Id") },
}

func TestSuite(t *testing.T) { channeltest.Run(t, suite) } // not parallel: it looks for leaked goroutines

func FuzzAnswer(f *testing.F) {
	channeltest.Fuzz(f, suite,
		`{"errcode":0,"errmsg":"ok"}`,
		`{"errcode":45009,"errmsg":"api freq out of limit"}`,
		`{"errcode":93000,"errmsg":"invalid webhook url"}`,
		`{"errcode":"0"}`,
	)
}
