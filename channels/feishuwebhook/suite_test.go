package feishuwebhook_test

import (
	"net/http"
	"testing"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishubot"
)

var suite = channeltest.Channel{
	Open:    func(t *testing.T, address string) channels.Sender { return openAt(t, "http://"+address, nil) },
	Message: toUser,
	Private: []string{token, secret, user},
	Vendor:  func() http.Handler { return feishubot.New(token, secret, vendors.NewInbox()) },
	Mark:    func(r *http.Request, _ []byte) string { return r.Header.Get("X-Request-Id") },
}

func TestSuite(t *testing.T) { channeltest.Run(t, suite) } // not parallel: it looks for leaked goroutines
