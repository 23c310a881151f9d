package smtp_test

import (
	"errors"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/labring/sealos-notify/internal/vendors"
	simulated "github.com/labring/sealos-notify/internal/vendors/smtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mail = "Message-ID: <m1@example.com>\r\nSubject: =?UTF-8?B?5Li76aKY?=\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\nhi\r\n"

// connect starts a server and connects to it with a bare client.
func connect(t *testing.T) (*simulated.Server, *smtp.Client) {
	t.Helper()
	server, client, _ := connectTo(t)
	return server, client
}

func connectTo(t *testing.T) (*simulated.Server, *smtp.Client, string) {
	t.Helper()
	server := simulated.New("me", "secret", vendors.NewInbox())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	client, err := smtp.Dial(l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = client.Close()
		require.NoError(t, server.Close())
		require.NoError(t, <-done)
	})
	return server, client, l.Addr().String()
}

func logIn(client *smtp.Client, password string) error {
	return client.Auth(smtp.PlainAuth("", "me", password, "127.0.0.1"))
}

func send(client *smtp.Client, text string) error {
	if err := client.Mail("from@example.com"); err != nil {
		return err
	}
	if err := client.Rcpt("to@example.com"); err != nil {
		return err
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	return w.Close()
}

func requireCode(t *testing.T, code int, err error) {
	t.Helper()
	var reply *textproto.Error
	require.ErrorAs(t, err, &reply)
	require.Equal(t, code, reply.Code)
}

func TestMailArrives(t *testing.T) {
	t.Parallel()
	server, client := connect(t)
	require.NoError(t, logIn(client, "secret"))
	require.NoError(t, send(client, mail))
	require.NoError(t, send(client, mail))
	arrivals := server.Inbox().Arrivals()
	require.Len(t, arrivals, 2)
	require.Equal(t, "to@example.com", arrivals[0].To)
	require.Equal(t, "email", arrivals[0].Channel)
	require.Equal(t, "text", arrivals[0].Kind)
	require.Equal(t, "主题", arrivals[0].Subject)
	require.Equal(t, "hi\n", arrivals[0].Text)
	require.Equal(t, vendors.Mark{Requests: 2, Arrivals: 2}, server.Inbox().Mark("m1"))
	require.NoError(t, client.Quit())
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	server, client := connect(t)
	requireCode(t, 530, send(client, mail))
	require.NoError(t, logIn(client, "secret"))
	requireCode(t, 554, send(client, "no mail"))
	require.Zero(t, server.Inbox().Total())

	_, client = connect(t)
	requireCode(t, 535, logIn(client, "wrong"))
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, where := range []string{simulated.Mail, simulated.Rcpt, simulated.Data} {
		server, client := connect(t)
		require.NoError(t, logIn(client, "secret"))
		server.Fail(simulated.Fault{Where: where, Times: 1, Code: "452", Message: "4.3.1 full"})
		err := send(client, mail)
		requireCode(t, 452, err)
		require.ErrorContains(t, err, "4.3.1 full")
		require.NoError(t, client.Reset())
		require.NoError(t, send(client, mail))
		require.Equal(t, 1, server.Inbox().Total())
		require.Equal(t, 2, server.Requests(where))

		server.Fail(simulated.Fault{Where: where, Reset: true})
		err = send(client, mail)
		require.Error(t, err)
		require.False(t, errors.As(err, new(*textproto.Error)))
		require.Equal(t, 1, server.Inbox().Total())
	}
}

func TestFaultAfterTheMailHasArrived(t *testing.T) {
	t.Parallel()
	server, client := connect(t)
	require.NoError(t, logIn(client, "secret"))
	server.Fail(simulated.Fault{Where: simulated.Data, Times: 1, After: true, Reset: true})
	require.Error(t, send(client, mail))
	require.Equal(t, 1, server.Inbox().Total())
}

func TestHangIsLifted(t *testing.T) {
	t.Parallel()
	server, client := connect(t)
	hang := server.Fail(simulated.Fault{Where: simulated.Auth, Hang: true})
	done := make(chan error)
	go func() { done <- logIn(client, "secret") }()
	require.NoError(t, hang.Wait(t.Context(), 1))
	hang.Lift()
	require.NoError(t, <-done)
}

// The fourth client is turned away until one of the three has gone.
func TestPlaces(t *testing.T) {
	t.Parallel()
	server, first, address := connectTo(t)
	server.Limit(simulated.Limits{Places: 2})
	second, err := smtp.Dial(address)
	require.NoError(t, err)
	_, err = smtp.Dial(address)
	requireCode(t, 421, err)
	require.NoError(t, first.Quit())
	require.NoError(t, second.Quit())
	third, err := smtp.Dial(address)
	require.NoError(t, err)
	require.NoError(t, third.Quit())
	most, turnedAway := server.Connections()
	require.Equal(t, 2, most)
	require.Equal(t, 1, turnedAway)
}

func TestQuota(t *testing.T) {
	t.Parallel()
	server, client := connect(t)
	require.NoError(t, logIn(client, "secret"))
	server.Limit(simulated.Limits{Quota: 2})
	require.NoError(t, send(client, mail))
	require.NoError(t, send(client, mail))
	err := send(client, mail)
	requireCode(t, 550, err)
	require.ErrorContains(t, err, "5.4.5 Daily user sending limit exceeded.")
	server.Limit(simulated.Limits{})
	require.NoError(t, send(client, mail))
	require.Equal(t, 3, server.Inbox().Total())
}

func TestParse(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/alternative.eml")
	require.NoError(t, err)
	m, err := simulated.Parse(raw)
	require.NoError(t, err)
	require.Equal(t, "一 二", m.Subject)
	require.Equal(t, "a=b 警\n", m.Text)
	require.Equal(t, "<p>警</p>", m.HTML)

	for _, broken := range []string{
		"", "Subject: x", "Subject: x\n\nno type", "Content-Type: text/plain; charset=latin1\n\nx",
		"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: x\n\nx",
		"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n!",
		"Content-Type: image/png; charset=utf-8\n\nx", "Content-Type: multipart/alternative; boundary=b\n\n--b\n\nx",
		"Subject: =?x?B?eA==?=\nContent-Type: text/plain; charset=utf-8\n\nx",
	} {
		_, err := simulated.Parse([]byte(broken))
		require.Error(t, err, broken)
	}
}
