package email_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/email"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
)

func TestReplyCodes(t *testing.T) {
	t.Parallel()
	const provider, mail = "hello auth mail", "rcpt data"
	for _, tc := range []struct {
		reply string
		where string
		class channels.Class
		code  string
	}{
		{"421 4.3.2 shutting down", provider + " " + mail, channels.Transient, "smtp_4.3.2"},
		{"450 4.2.1 mailbox busy", mail, channels.Transient, "smtp_4.2.1"},
		{"451 local error", provider + " " + mail, channels.Transient, "smtp_451"},
		{"452 4.3.1 disk full", provider + " " + mail, channels.Transient, "smtp_4.3.1"},
		{"454 4.7.0 temporary authentication failure", provider + " " + mail, channels.Transient, "smtp_4.7.0"},
		{"454 Throttling failure: Maximum sending rate exceeded.", mail, channels.Throttled, "smtp_454"},
		{"500 unknown command", mail, channels.Permanent, "smtp_500"},
		{"501 5.5.4 bad parameter", mail, channels.Permanent, "smtp_5.5.4"},
		{"550 5.1.1 no such user", mail, channels.Permanent, "smtp_5.1.1"},
		{"550 no such user", mail, channels.Permanent, "smtp_550"},
		{"552 5.3.4 too large", mail, channels.Permanent, "smtp_5.3.4"},
		{"554 5.7.1 spam", mail, channels.Permanent, "smtp_5.7.1"},
		{"554 5.7.1 your address is blocked", provider, channels.Misconfigured, "smtp_5.7.1"},
		{"553 5.7.1 not your sender", "mail", channels.Misconfigured, "smtp_5.7.1"},
		{"530 5.7.0 log in first", "mail " + mail, channels.Misconfigured, "smtp_5.7.0"},
		{"534 5.7.9 mechanism too weak", provider + " " + mail, channels.Misconfigured, "smtp_5.7.9"},
		{"535 5.7.8 bad credentials", provider + " " + mail, channels.Misconfigured, "smtp_5.7.8"},
		{"538 encryption required", provider + " " + mail, channels.Misconfigured, "smtp_538"},
		{"550 line one\n5.1.1 line two", mail, channels.Permanent, "smtp_5.1.1"},
		{"550 5.1.10000 no code", mail, channels.Permanent, "smtp_550"},
		{"354 what", "data", channels.Uncertain, "smtp_354"},
		{"354 what", "rcpt", channels.Transient, "smtp_354"},
	} {
		for where := range strings.FieldsSeq(tc.where) {
			t.Run(where+" "+tc.reply, func(t *testing.T) {
				t.Parallel()
				server, sender := setup(t, nil)
				code, text, _ := strings.Cut(tc.reply, " ")
				server.Fail(smtp.Fault{Where: where, Code: code, Message: text})
				_, err := sender.Send(t.Context(), textTo(user))
				channeltest.RequireError(t, err, tc.class, tc.code)
				require.Contains(t, err.Error(), strings.ReplaceAll(tc.reply, "\n", " "))
				require.Zero(t, server.Inbox().Total())
				require.LessOrEqual(t, server.Requests(where), 2, "HELO follows EHLO, and nothing else is repeated")
			})
		}
	}
}

func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		where string
		class channels.Class
		code  string
	}{
		{smtp.Hello, channels.Transient, "connect_failed"},
		{smtp.Auth, channels.Transient, "connect_failed"},
		{smtp.Mail, channels.Transient, "connect_failed"},
		{smtp.Rcpt, channels.Transient, "connection_lost"},
		{smtp.Data, channels.Uncertain, "no_answer"},
	} {
		t.Run("reset at "+tc.where, func(t *testing.T) {
			t.Parallel()
			server, sender := setup(t, nil)
			server.Fail(smtp.Fault{Where: tc.where, Reset: true})
			_, err := sender.Send(t.Context(), textTo(user))
			channeltest.RequireError(t, err, tc.class, tc.code)
		})
		t.Run("hangs at "+tc.where, func(t *testing.T) {
			t.Parallel()
			server, sender := setup(t, nil)
			server.Fail(smtp.Fault{Where: tc.where, Hang: true})
			requireTimeout(t, sender, tc.class)
		})
		t.Run("hangs on a reused connection at "+tc.where, func(t *testing.T) {
			t.Parallel()
			server, sender := setup(t, nil)
			_, err := sender.Send(t.Context(), textTo(user))
			require.NoError(t, err)
			server.Fail(smtp.Fault{Where: tc.where, Hang: true})
			if tc.where == smtp.Hello || tc.where == smtp.Auth {
				_, err = sender.Send(t.Context(), textTo(user))
				require.NoError(t, err)
				return
			}
			requireTimeout(t, sender, tc.class)
			// The next one has a connection of its own.
			requireTimeout(t, sender, tc.class)
			require.Equal(t, 2, server.Requests(smtp.Hello))
		})
	}
}

// requireTimeout requires that a send ends with its deadline and with a cancelled
// context.
func requireTimeout(t *testing.T, sender channels.Sender, class channels.Class) {
	t.Helper()
	const allowed = 100 * time.Millisecond
	started := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), allowed)
	defer cancel()
	_, err := sender.Send(ctx, textTo(user))
	channeltest.RequireError(t, err, class, "timeout")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.GreaterOrEqual(t, time.Since(started), allowed)
	require.Less(t, time.Since(started), allowed+quitTime, "it does not wait for a farewell")
}

const quitTime = 2 * time.Second

func TestCancelledWhileItWaits(t *testing.T) {
	t.Parallel()
	server, sender := setup(t, nil)
	hang := server.Fail(smtp.Fault{Where: smtp.Data, Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := sender.Send(ctx, textTo(user))
		done <- err
	}()
	require.NoError(t, hang.Wait(t.Context(), 1))
	cancel()
	err := <-done
	channeltest.RequireError(t, err, channels.Uncertain, "timeout")
	require.ErrorIs(t, err, context.Canceled)
}

func TestNoMailServer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		serve func(net.Conn)
		class channels.Class
		code  string
	}{
		{"closes at once", func(net.Conn) {}, channels.Transient, "connect_failed"},
		{"says nothing", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, channels.Transient, "timeout"},
		{"speaks HTTP", say("HTTP/1.1 400 Bad Request\r\n\r\n"), channels.Transient, "not_smtp"},
		{"takes no mail", say("554 5.7.1 no service here\r\n"), channels.Misconfigured, "smtp_5.7.1"},
		{"is busy", say("421 too many connections\r\n"), channels.Transient, "smtp_421"},
		{"is cut in the greeting", say("220 mail.exa"), channels.Transient, "connect_failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			sender := open(t, serve(t, tc.serve).Addr(), nil)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := sender.Send(ctx, textTo(user))
			channeltest.RequireError(t, err, tc.class, tc.code)
		})
	}
}

func say(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

// serve serves one connection and closes it.
func serve(t *testing.T, serve func(net.Conn)) net.Listener {
	t.Helper()
	l := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err == nil {
			serve(conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l := listen(t)
	require.NoError(t, l.Close())
	_, err := open(t, l.Addr(), nil).Send(t.Context(), textTo(user))
	channeltest.RequireError(t, err, channels.Transient, "connect_failed")

	sender := open(t, l.Addr(), func(c *email.Config) { c.Host, c.StartTLS = "no..such..host", "required" })
	_, err = sender.Send(t.Context(), textTo(user))
	channeltest.RequireError(t, err, channels.Transient, "connect_failed")
}

// A server without STARTTLS or a known AUTH mechanism gets no password.
func TestServerLacksWhatIsRequired(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, extensions, startTLS, code string
	}{
		{"no STARTTLS", "250 AUTH PLAIN\r\n", "required", "starttls_missing"},
		{"no AUTH", "250 SIZE\r\n", "off", "auth_missing"},
		{"no known AUTH", "250 AUTH GSSAPI NTLM\r\n", "optional", "auth_missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			heard := make(chan string, 1)
			l := serve(t, func(c net.Conn) {
				_, _ = io.WriteString(c, "220 hi\r\n250-hi\r\n"+tc.extensions+"221 bye\r\n")
				all, _ := io.ReadAll(c)
				heard <- string(all)
			})
			_, err := open(t, l.Addr(), func(c *email.Config) { c.StartTLS = tc.startTLS }).Send(t.Context(), textTo(user))
			channeltest.RequireError(t, err, channels.Misconfigured, tc.code)
			said := <-heard
			require.True(t, strings.HasPrefix(said, "EHLO "), said)
			require.True(t, strings.HasSuffix(said, "\r\nQUIT\r\n"), said)
			require.Equal(t, 2, strings.Count(said, "\r\n"), said)
		})
	}
}

// The server may repeat the recipient and all it was sent.
func TestNothingSecretIsRepeated(t *testing.T) {
	t.Parallel()
	local, _, _ := strings.Cut(user, "@")
	for _, where := range []string{smtp.Hello, smtp.Auth, smtp.Mail, smtp.Rcpt, smtp.Data} {
		for _, code := range []string{"421", "450", "550", "535"} {
			t.Run(where+" "+code, func(t *testing.T) {
				t.Parallel()
				server, sender := setup(t, nil)
				server.Fail(smtp.Fault{Where: where, Code: code, Message: fmt.Sprintf(
					"5.0.0 <%s>, %s: mailbox of %s (%s) unknown; you are %s with %s, AGNhbmFyeS1hY2NvdW50QGV4YW1wbGUuY29tAGNhbmFyeS1wYXNzd29yZC0xOWZl",
					user, strings.ToLower(user), local, strings.ToUpper(local), username, password)})
				_, err := sender.Send(t.Context(), textTo(user))
				require.ErrorContains(t, err, "mailbox of *** (***) unknown")
				for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), channels.AsError(err).Message} {
					require.NotContains(t, strings.ToLower(text), "canary")
					require.NotContains(t, text, "AGNhbmFy")
				}
			})
		}
	}
}

func TestReceiptHoldsNoAddress(t *testing.T) {
	t.Parallel()
	server, sender := setup(t, nil)
	server.Fail(smtp.Fault{Where: smtp.Data, Times: 1, Code: "250", Message: "2.0.0 queued for " + user + "\x01"})
	receipt, err := sender.Send(t.Context(), textTo(user))
	require.NoError(t, err)
	require.Equal(t, "2.0.0 queued for *** ", receipt.Details["response"])
}
