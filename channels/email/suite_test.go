package email_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/internal/test/channeltest"
)

func TestSuite(t *testing.T) { // not parallel: it looks for leaked goroutines
	channeltest.Run(t, channeltest.Channel{
		Open: func(t *testing.T, address string) channels.Sender {
			tcp, err := net.ResolveTCPAddr("tcp", address)
			require.NoError(t, err)
			return open(t, tcp, nil)
		},
		Message: func() channels.Message { return textTo(user) },
		Private: []string{username, password, user},
	})
}
