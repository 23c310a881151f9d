package webhook_test

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// suite has a receiver that says ok in its answer.
var suite = channeltest.Channel{
	Open:    func(t *testing.T, address string) channels.Sender { return openAt(t, "http://"+address, nil) },
	Message: message,
	Private: []string{token, webhook.Secret(token), query},
	Vendor:  func() http.Handler { return webhook.New(token, vendors.NewInbox()) },
	Mark:    func(r *http.Request, _ []byte) string { return r.Header.Get("Webhook-Id") },
	Classes: map[string]channels.Class{"400 page": channels.Permanent, "413 page": channels.Permanent},
}

func TestSuite(t *testing.T) { channeltest.Run(t, suite) } // not parallel: it looks for leaked goroutines

func FuzzAnswer(f *testing.F) {
	channeltest.Fuzz(f, suite,
		`{"ok":true}`,
		`{"ok":false}`,
		`{"ok":"true"}`,
		`{"ok":{"a":[1e999]}}`,
		`[{"ok":true}]`,
	)
}
