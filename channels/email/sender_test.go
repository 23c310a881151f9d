package email_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/email"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
)

func TestSend(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		message channels.Message
		text    string
	}{
		{textTo(user), textTo(user).Body},
		{htmlTo(user), htmlAsText},
	} {
		server, sender := setup(t, nil)
		receipt, err := sender.Send(t.Context(), tc.message)
		require.NoError(t, err)
		require.Equal(t, map[string]any{
			"message_id": tc.message.DeliveryID.String() + "@example.com", "response": "2.0.0 OK: queued",
		}, receipt.Details)
		arrivals := server.Inbox().Arrivals()
		require.Len(t, arrivals, 1)
		require.Equal(t, user, arrivals[0].To)
		require.Equal(t, tc.message.MsgType, arrivals[0].Kind)
		require.Equal(t, subject, arrivals[0].Subject)
		require.Equal(t, tc.text, arrivals[0].Text)
		require.Equal(t, tc.message.DeliveryID.String(), arrivals[0].Mark)
	}
}

func TestSendWithoutSubject(t *testing.T) {
	t.Parallel()
	server, sender := setup(t, nil)
	m := textTo(user)
	m.Subject = ""
	_, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Empty(t, server.Inbox().Arrivals()[0].Subject)
}

func TestRefusedBeforeTheConnection(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code   string
		change func(*channels.Message)
	}{
		{"recipient_type", func(m *channels.Message) { m.Recipient.Type = channels.RecipientPhone }},
		{"msg_type", func(m *channels.Message) { m.MsgType = "post" }},
		{"line_break", func(m *channels.Message) { m.Subject = "a\r\nBcc: evil@example.com" }},
		{"line_break", func(m *channels.Message) { m.Subject = "a\nb" }},
		{"line_break", func(m *channels.Message) { m.Subject = "a\rb" }},
		{"line_break", func(m *channels.Message) { m.Subject = "a\x00b" }},
		{"line_break", func(m *channels.Message) { m.Recipient.Value = user + "\r\nRCPT TO:<evil@example.com>" }},
		{"line_break", func(m *channels.Message) { m.Recipient.Value = "a\x00b@example.com" }},
		{"invalid_address", func(m *channels.Message) { m.Recipient.Value = "" }},
		{"invalid_address", func(m *channels.Message) { m.Recipient.Value = "nobody" }},
		{"invalid_address", func(m *channels.Message) { m.Recipient.Value = "A <a@example.com>" }},
		{"invalid_address", func(m *channels.Message) { m.Recipient.Value = "a@example.com,b@example.com" }},
		{"invalid_address", func(m *channels.Message) { m.Recipient.Value = strings.Repeat("a", 1000) + "@example.com" }},
		{"invalid_address", func(m *channels.Message) { m.Recipient.Value = "a@foo_bar.例子.example.com" }},
		{"invalid_address", func(m *channels.Message) { m.Recipient.Value = "a@" + strings.Repeat("例", 70) + ".example.com" }},
	} {
		server, sender := setup(t, nil)
		m := textTo(user)
		tc.change(&m)
		_, err := sender.Send(t.Context(), m)
		channeltest.RequireError(t, err, channels.Permanent, tc.code)
		require.NotContains(t, err.Error(), "example.com")
		require.Zero(t, server.Requests(smtp.Hello))
		if tc.code == "invalid_address" {
			require.Error(t, sender.(channels.RecipientChecker).CheckRecipient(m.Recipient), "it is not even accepted")
		}
	}
}

// A domain goes as A-labels, in the envelope and in the header. SMTPUTF8 is asked for
// when the part before the @ needs it, and only then.
func TestNonASCIIAddress(t *testing.T) {
	t.Parallel()
	const notify, utf8 = "notify@xn--fsqu00a.cn", " SMTPUTF8"
	for _, tc := range []struct{ to, arrives, extension string }{
		{user, user, ""},
		{"info@bücher.example", "info@xn--bcher-kva.example", ""},
		{"Info@BÜCHER.example", "Info@xn--bcher-kva.example", ""},
		{"info@例子。中国", "info@xn--fsqu00a.xn--fiqs8s", ""},
		{"info@xn--bcher-kva.example", "info@xn--bcher-kva.example", ""},
		{"用户@例子.中国", "用户@xn--fsqu00a.xn--fiqs8s", utf8},
		{"jürgen@example.com", "jürgen@example.com", utf8},
	} {
		heard := make(chan string, 1)
		l := serve(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "220 hi\r\n250-hi\r\n250-AUTH LOGIN\r\n250 SMTPUTF8\r\n334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 ok\r\n"+
				"250 ok\r\n250 ok\r\n550 no\r\n221 bye\r\n")
			all, _ := io.ReadAll(c)
			heard <- string(all)
		})
		from := func(c *email.Config) { c.From = "Bücher <notify@例子.cn>" }
		_, err := open(t, l.Addr(), from).Send(t.Context(), textTo(tc.to))
		channeltest.RequireError(t, err, channels.Permanent, "smtp_550")
		require.Contains(t, limit.Receive(t, heard, "the envelope"),
			"MAIL FROM:<"+notify+">"+tc.extension+"\r\nRCPT TO:<"+tc.arrives+">\r\n")

		m, raw := sendRaw(t, from, textTo(tc.to))
		require.Contains(t, string(raw), "\r\nTo: <"+tc.arrives+">\r\n")
		sender, err := m.Header.AddressList("From")
		require.NoError(t, err)
		require.Equal(t, []*mail.Address{{Name: "Bücher", Address: notify}}, sender)
		require.True(t, strings.HasSuffix(m.Header.Get("Message-Id"), "@xn--fsqu00a.cn>"))
	}
}

// Without SMTPUTF8, a server that has no such extension would get what it cannot read.
func TestAddressThatNeedsSMTPUTF8(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		from, to string
		class    channels.Class
	}{
		{"notify@example.com", "用户@example.com", channels.Permanent},
		{"notify@example.com", "用户@例子.中国", channels.Permanent},
		{"通知@example.com", user, channels.Misconfigured},
	} {
		from := func(c *email.Config) { c.From = tc.from }
		server, l := newServer(t, smtp.WithoutSMTPUTF8)
		sender := open(t, l.Addr(), from)
		for range 2 {
			_, err := sender.Send(t.Context(), textTo(tc.to))
			channeltest.RequireError(t, err, tc.class, "smtputf8_missing")
			require.NotContains(t, err.Error(), "用户")
		}
		require.Zero(t, server.Requests(smtp.Mail))

		m, _ := sendRaw(t, from, textTo(tc.to))
		require.NotEmpty(t, m.Header.Get("To"))
	}
}

func TestConnectionIsReused(t *testing.T) {
	t.Parallel()
	server, sender := setup(t, nil)
	const mails = 20
	for range mails {
		_, err := sender.Send(t.Context(), textTo(user))
		require.NoError(t, err)
	}
	require.Equal(t, mails, server.Inbox().Total())
	require.Equal(t, 1, server.Requests(smtp.Hello))
	require.Equal(t, 1, server.Requests(smtp.Auth))
}

// An idle connection that has ended is replaced; the mail arrives once.
func TestIdleConnectionThatEnded(t *testing.T) {
	t.Parallel()
	for _, fault := range []smtp.Fault{
		{Where: smtp.Mail, Times: 1, Reset: true},
		{Where: smtp.Mail, Times: 1, Code: "421", Message: "4.4.2 idle for too long"},
	} {
		server, sender := setup(t, nil)
		_, err := sender.Send(t.Context(), textTo(user))
		require.NoError(t, err)
		server.Fail(fault)
		m := textTo(user)
		_, err = sender.Send(t.Context(), m)
		require.NoError(t, err)
		require.Equal(t, 2, server.Requests(smtp.Hello))
		require.Equal(t, vendors.Mark{Requests: 1, Arrivals: 1}, server.Inbox().Mark(m.DeliveryID.String()))
	}
}

// Nothing else is tried twice within an attempt.
func TestNewConnectionThatEnds(t *testing.T) {
	t.Parallel()
	server, sender := setup(t, nil)
	server.Fail(smtp.Fault{Where: smtp.Mail, Reset: true})
	_, err := sender.Send(t.Context(), textTo(user))
	channeltest.RequireError(t, err, channels.Transient, "connect_failed")
	require.Equal(t, 1, server.Requests(smtp.Mail))

	server, sender = setup(t, nil)
	_, err = sender.Send(t.Context(), textTo(user))
	require.NoError(t, err)
	server.Fail(smtp.Fault{Where: smtp.Rcpt, Reset: true})
	_, err = sender.Send(t.Context(), textTo(user))
	channeltest.RequireError(t, err, channels.Transient, "connection_lost")
	require.Equal(t, 2, server.Requests(smtp.Rcpt))
}

// A refused mail leaves nothing behind for the next one.
func TestNextMailAfterARefusal(t *testing.T) {
	t.Parallel()
	for _, where := range []string{smtp.Mail, smtp.Rcpt, smtp.Data} {
		server, sender := setup(t, nil)
		server.Fail(smtp.Fault{Where: where, Times: 1, Code: "451", Message: "later"})
		_, err := sender.Send(t.Context(), textTo("first@example.com"))
		channeltest.RequireError(t, err, channels.Transient, "smtp_451")
		_, err = sender.Send(t.Context(), textTo(user))
		require.NoError(t, err)
		require.Equal(t, 1, server.Inbox().Total())
		require.Equal(t, user, server.Inbox().Arrivals()[0].To)
	}
}

func TestConcurrentSends(t *testing.T) {
	t.Parallel()
	server, sender := setup(t, nil)
	const senders = 100
	errs := make(chan error, senders)
	var wg sync.WaitGroup
	for n := range senders {
		wg.Go(func() {
			m := textTo(fmt.Sprintf("user%d@example.com", n))
			_, err := sender.Send(t.Context(), m)
			if err == nil && server.Inbox().Mark(m.DeliveryID.String()) != (vendors.Mark{Requests: 1, Arrivals: 1}) {
				err = fmt.Errorf("%s: not one mail", m.DeliveryID)
			}
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, senders, server.Inbox().Total())
	require.LessOrEqual(t, server.Requests(smtp.Hello), 10)
}

// The connections are bounded. A mail that gets none in time was not sent.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	server, sender := setup(t, func(c *email.Config) { c.MaxConnections = 4 })
	const most = 4
	hang := server.Fail(smtp.Fault{Where: smtp.Data, Times: most, Hang: true})
	errs := make(chan error, most)
	for range most {
		go func() {
			_, err := sender.Send(t.Context(), textTo(user))
			errs <- err
		}()
	}
	limit.Count(t, hang, most, "hanging mails")
	requireBusy(t, sender)
	require.Equal(t, most, server.Requests(smtp.Hello))

	hang.Lift()
	for range most {
		require.NoError(t, limit.Receive(t, errs, "a mail"))
	}
	_, err := sender.Send(t.Context(), textTo(user))
	require.NoError(t, err)
	require.Equal(t, most, server.Requests(smtp.Hello))
}

// requireBusy requires that a mail gets no connection.
func requireBusy(t *testing.T, sender channels.Sender) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := sender.Send(ctx, textTo(user))
	channeltest.RequireError(t, err, channels.Throttled, "connections_busy")
}

// A call that was given up keeps its place until the server is done with its connection,
// and sends nothing more.
func TestGivenUpCallKeepsItsPlace(t *testing.T) {
	t.Parallel()
	for where, tc := range map[string]struct {
		class   channels.Class
		arrived int
	}{
		smtp.Hello: {channels.Transient, 0},
		smtp.Auth:  {channels.Transient, 0},
		smtp.Mail:  {channels.Transient, 0},
		smtp.Rcpt:  {channels.Transient, 0},
		smtp.Data:  {channels.Uncertain, 2},
	} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			const most = 2
			server, sender := setup(t, func(c *email.Config) { c.MaxConnections = most })
			hang := server.Fail(smtp.Fault{Where: where, Times: most, Hang: true})
			for range most {
				requireTimeout(t, sender, tc.class)
			}
			limit.Count(t, hang, most, "hanging mails")
			requireBusy(t, sender)

			hang.Lift()
			for range most {
				_, err := sender.Send(limit.Context(t), textTo(user))
				require.NoError(t, err)
			}
			limit.Count(t, server.Inbox(), most+tc.arrived, "mails")
			open, _ := server.Connections()
			require.LessOrEqual(t, open, most)
		})
	}
}

// The wait for a connection has a limit of its own. Neither it nor the opening of the
// connection is part of the call.
func TestWaitIsNotPartOfTheCall(t *testing.T) {
	t.Parallel()
	server, sender := setup(t, func(c *email.Config) { c.MaxConnections = 1 })
	connector := sender.(channels.Connector)
	first, err := connector.Reserve(t.Context(), nil)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = connector.Reserve(ctx, nil)
	require.ErrorIs(t, err, channels.ErrBusy)
	require.Zero(t, server.Requests(smtp.Hello), "nobody needs the connection yet")

	got := make(chan channels.Connection, 1)
	go func() {
		c, _ := connector.Reserve(limit.Context(t), nil)
		got <- c
	}()
	require.NoError(t, first.Connect(t.Context(), textTo(user)))
	require.Equal(t, 1, server.Requests(smtp.Auth))
	require.Zero(t, server.Requests(smtp.Mail))
	_, err = first.Send(t.Context(), textTo(user))
	require.NoError(t, err)
	first.Release()
	second := limit.Receive(t, got, "the connection")
	require.NoError(t, second.Connect(t.Context(), textTo(user)))
	_, err = second.Send(t.Context(), textTo(user))
	require.NoError(t, err)
	second.Release()
	require.Equal(t, 1, server.Requests(smtp.Hello))
}

// A call that is given up in the middle of the mail's text ends it without its end.
func TestGivenUpInTheText(t *testing.T) {
	t.Parallel()
	begun, goOn, heard := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	l := serve(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "220 hi\r\n250 hi\r\n250 ok\r\n250 ok\r\n354 go on\r\n")
		begin := make([]byte, 1<<10)
		n, _ := io.ReadFull(c, begin)
		close(begun)
		<-goOn
		rest, _ := io.ReadAll(c)
		heard <- string(begin[:n]) + string(rest)
	})
	sender := open(t, l.Addr(), func(c *email.Config) { c.Username, c.Password = "", "" })
	m := textTo(user)
	m.Body = strings.Repeat("a long text\n", 1<<20) // more than the network buffers
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	go func() {
		_, err := sender.Send(ctx, m)
		sent <- err
	}()
	limit.Receive(t, begun, "the mail")
	cancel()
	channeltest.RequireError(t, limit.Receive(t, sent, "the call"), channels.Transient, "timeout")
	close(goOn)
	require.NotContains(t, limit.Receive(t, heard, "the end of the connection"), "\r\n.\r\n")
}

func TestSameMarkOnEachAttempt(t *testing.T) {
	t.Parallel()
	server, sender := setup(t, nil)
	server.Fail(smtp.Fault{Where: smtp.Data, Times: 1, After: true, Reset: true})
	m := textTo(user)
	_, err := sender.Send(t.Context(), m)
	channeltest.RequireError(t, err, channels.Uncertain, "no_answer")
	m.Attempt = 2
	_, err = sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, vendors.Mark{Requests: 2, Arrivals: 2}, server.Inbox().Mark(m.DeliveryID.String()))
}

func TestProbe(t *testing.T) {
	t.Parallel()
	server, sender := setup(t, nil)
	probe := func(s channels.Sender) error { return s.(channels.Prober).Probe(t.Context()) }
	require.NoError(t, probe(sender))
	for _, where := range []string{smtp.Auth, smtp.Mail, smtp.Rcpt} {
		require.Equal(t, 1, server.Requests(where))
	}
	require.Zero(t, server.Inbox().Total())

	_, sender = setup(t, func(c *email.Config) { c.Password = "wrong" })
	channeltest.RequireError(t, probe(sender), channels.Misconfigured, "smtp_5.7.8")

	server, sender = setup(t, nil)
	server.Fail(smtp.Fault{Where: smtp.Mail, Code: "553", Message: "5.7.1 sender address rejected: not owned by user " + username})
	err := probe(sender)
	channeltest.RequireError(t, err, channels.Misconfigured, "smtp_5.7.1")
	require.NotContains(t, err.Error(), username)

	// What Postfix has against the client comes at RCPT.
	server, sender = setup(t, nil)
	server.Fail(smtp.Fault{Where: smtp.Rcpt, Code: "504", Message: "5.5.2 <pod-1>: Helo command rejected: need fully-qualified hostname"})
	channeltest.RequireError(t, probe(sender), channels.Misconfigured, "smtp_5.5.2")

	// The sender's address need not be a mailbox.
	server, sender = setup(t, nil)
	server.Fail(smtp.Fault{Where: smtp.Rcpt, Code: "550", Message: "5.1.1 no such user"})
	require.NoError(t, probe(sender))

	// A server without a place is no mistake in the configuration.
	server, sender = setup(t, nil)
	server.Limit(smtp.Limits{Places: 1})
	_, err = sender.Send(t.Context(), textTo(user))
	require.NoError(t, err)
	channeltest.RequireError(t, probe(sender), channels.Throttled, "smtp_4.3.2")
}

// EHLO says who we are: the domain of from, unless the key is set.
func TestHelo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ from, helo, name string }{
		{"notify@example.com", "", "example.com"},
		{"Notify <notify@Mail.Example.com>", "", "mail.example.com"},
		{"notify@例子.cn", "", "xn--fsqu00a.cn"},
		{"notify@[10.0.0.1]", "", "[10.0.0.1]"},
		{"notify@example.com", "mx.example.org", "mx.example.org"},
		{"notify@example.com", "[10.0.0.1]", "[10.0.0.1]"},
		{"notify@example.com", "[IPv6:fd00::1]", "[IPv6:fd00::1]"},
	} {
		heard := make(chan string, 1)
		l := serve(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "220 hi\r\n250 hi\r\n550 no\r\n221 bye\r\n")
			all, _ := io.ReadAll(c)
			heard <- string(all)
		})
		sender := open(t, l.Addr(), func(c *email.Config) {
			c.From, c.Helo, c.Username, c.Password = tc.from, tc.helo, "", ""
		})
		_, err := sender.Send(t.Context(), textTo(user))
		require.Error(t, err)
		require.True(t, strings.HasPrefix(limit.Receive(t, heard, "the client"), "EHLO "+tc.name+"\r\n"), tc.name)
	}
}
