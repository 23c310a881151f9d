package feishuapp_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

var suite = channeltest.Channel{
	Open: func(t *testing.T, address string) channels.Sender {
		c := newConfig()
		c.BaseURL = "http://" + address
		require.NoError(t, c.Validate())
		sender, err := c.Open()
		require.NoError(t, err)
		return sender
	},
	Message: toEmail,
	Private: []string{appSecret, mailUser},
	Vendor:  func() http.Handler { return feishu.New(appID, appSecret, vendors.NewInbox()) },
	Sends:   func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/im/v1/messages") },
	Mark: func(_ *http.Request, body []byte) string {
		var message struct {
			UUID string `json:"uuid"`
		}
		_ = json.Unmarshal(body, &message) // no JSON has no mark
		return message.UUID
	},
}

func TestSuite(t *testing.T) { channeltest.Run(t, suite) } // not parallel: it looks for leaked goroutines
