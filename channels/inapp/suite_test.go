package inapp_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
)

var suite = channeltest.Channel{
	Open: func(t *testing.T, address string) channels.Sender {
		return openWith(t, k8s.Kubeconfig("http://"+address, token, nil), nil)
	},
	Message: text,
	Private: []string{token, user},
	Vendor:  func() http.Handler { return k8s.New("", vendors.NewInbox()) },
	Mark: func(_ *http.Request, body []byte) string {
		var object struct{ Metadata struct{ Name string } }
		_ = json.Unmarshal(body, &object) // no JSON has no name
		return object.Metadata.Name
	},
}

func TestSuite(t *testing.T) { channeltest.Run(t, suite) } // not parallel: it looks for leaked goroutines
