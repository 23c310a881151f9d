package email_test

import (
	"net"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/email"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	username = "canary-account@example.com"
	password = "canary-password-19fe"
	user     = "Canary.User@example.com"
	subject  = "【P0】数据库主节点不可用:这是一个很长的主题,长到一定要折成几行才放得下,而且每个字都不能丢"
)

// setup starts a mail server and opens a provider of it.
func setup(t *testing.T, change func(*email.Config)) (*smtp.Server, channels.Sender) {
	t.Helper()
	server, l := newServer(t)
	return server, open(t, l.Addr(), change)
}

func newServer(t *testing.T, options ...smtp.Option) (*smtp.Server, net.Listener) {
	t.Helper()
	server := smtp.New(username, password, vendors.NewInbox(), options...)
	l := listen(t)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.NoError(t, <-done)
	})
	return server, l
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

// open opens a provider of the server at the address.
func open(t *testing.T, address net.Addr, change func(*email.Config)) channels.Sender {
	t.Helper()
	c := newConfig()
	c.Host, c.Port, c.StartTLS = "127.0.0.1", address.(*net.TCPAddr).Port, "off"
	if change != nil {
		change(c)
	}
	return openConfig(t, c)
}

func openConfig(t *testing.T, c *email.Config) channels.Sender {
	t.Helper()
	require.NoError(t, c.Validate())
	sender, err := c.Open()
	require.NoError(t, err)
	return sender
}

func newConfig() *email.Config {
	c := email.Type.NewConfig().(*email.Config)
	c.Host, c.Username, c.Password = "mail.example.com", username, password
	c.From = "Sealos 通知 <notify@example.com>"
	return c
}

func textTo(address string) channels.Message {
	return channels.Message{
		DeliveryID: uuid.Must(uuid.NewV7()), Attempt: 1,
		Recipient: channels.Recipient{Type: channels.RecipientEmail, Value: address},
		MsgType:   "text", Subject: subject, Body: "disk <sda> is \"full\" & 数据库\n.\n..a line that begins with dots\n",
	}
}

func htmlTo(address string) channels.Message {
	m := textTo(address)
	m.MsgType, m.Body = "html", "<h1>数据库</h1>\n<p>is <b>down</b>: <a href=\"https://wiki/db?a=1&amp;b=2\">see here</a></p>\n"
	return m
}

const htmlAsText = "数据库\n\nis down: see here (https://wiki/db?a=1&b=2)"
