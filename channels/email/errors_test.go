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

// What a reply is about decides its class, whichever verb it answers. Texts in quotation
// marks are those of real servers; refusal.go names their sources.
func TestReplies(t *testing.T) {
	t.Parallel()
	const provider, mail = "hello auth mail", "rcpt data"
	const anywhere = provider + " " + mail
	quota := func(e *channels.Error) bool { return e.QuotaSpent && e.RetryAfter >= 15*time.Minute }
	for _, tc := range []struct {
		reply string
		where string
		class channels.Class
		code  string
	}{
		// The moment.
		{"451 local error", anywhere, channels.Transient, "smtp_451"},
		{"452 4.3.1 disk full", anywhere, channels.Transient, "smtp_4.3.1"},
		{"450 4.2.1 mailbox busy", mail, channels.Transient, "smtp_4.2.1"},
		{"452 4.2.2 The email account that you tried to reach is over quota", mail, channels.Transient, "smtp_4.2.2"},
		{"454 4.7.0 Cannot authenticate due to temporary system problem. Try again later.", "auth", channels.Transient, "smtp_4.7.0"},
		{"454 4.7.0 temporary authentication failure", anywhere, channels.Transient, "smtp_4.7.0"},
		{"450 4.7.1 <user@example.org>: Recipient address rejected: Greylisted", "rcpt", channels.Transient, "smtp_4.7.1"},
		{"451 greylisted, try again in 300 seconds", mail, channels.Transient, "smtp_451"},
		{"354 what", "rcpt", channels.Transient, "smtp_354"},
		{"354 what", "data", channels.Uncertain, "smtp_354"},

		// Too many connections, or too fast.
		{"421 4.3.2 shutting down", anywhere, channels.Throttled, "smtp_4.3.2"},
		{"421 Service not available, closing transmission channel", provider, channels.Throttled, "smtp_421"},
		{"421 Too many concurrent SMTP connections; please try again later.", anywhere, channels.Throttled, "smtp_421"},
		{"421 4.7.0 mail.example.com Error: too many connections from 10.0.0.1", anywhere, channels.Throttled, "smtp_4.7.0"},
		{"421 4.7.0 Try again later, closing connection.", anywhere, channels.Throttled, "smtp_4.7.0"},
		{"421 4.4.5 Server busy, try again later.", anywhere, channels.Throttled, "smtp_4.4.5"},
		{"432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending", anywhere, channels.Throttled, "smtp_4.3.2"},
		{"432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", "data", channels.Throttled, "smtp_4.3.2"},
		{"450 4.2.1 Peak SMTP relay limit exceeded for customer. This is a temporary error.", mail, channels.Throttled, "smtp_4.2.1"},
		{"450 4.2.1 The user you are trying to contact is receiving mail too quickly.", mail, channels.Throttled, "smtp_4.2.1"},
		{"450 4.7.1 Error: too much mail from 10.0.0.1", mail, channels.Throttled, "smtp_4.7.1"},
		{"451 4.7.500 Server busy. Please try again later", anywhere, channels.Throttled, "smtp_4.7.500"},
		{"452 4.3.2 Connection rate limit exceeded.", anywhere, channels.Throttled, "smtp_4.3.2"},
		{"454 4.7.0 Too many login attempts, please try again later.", "auth", channels.Throttled, "smtp_4.7.0"},
		{"454 Throttling failure: Maximum sending rate exceeded.", mail, channels.Throttled, "smtp_454"},
		{"454 Transient reject by behaviour spam at DATA State", "data", channels.Throttled, "smtp_454"},
		{"451 MI:SFQ 163 smtp5", mail, channels.Throttled, "smtp_451"},
		{"421 HL:ICC 163 mx1", "hello", channels.Throttled, "smtp_421"},
		{"550 Connection frequency limited", mail, channels.Throttled, "smtp_550"},
		{"554 Reject by behaviour spam ANTISPAM_BAT[01201311R196]: too frequently sending", "data", channels.Throttled, "smtp_554"},

		// Our quota.
		{"454 Throttling failure: Daily message quota exceeded.", mail, channels.Throttled, "smtp_454"},
		{"550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go to", anywhere, channels.Throttled, "smtp_5.4.5"},
		{"550 5.4.5 Daily user sending quota exceeded. o65sm25351206pga.71 - gsmtp", mail, channels.Throttled, "smtp_5.4.5"},
		{"550 5.7.1 Daily SMTP relay limit exceeded for user.", anywhere, channels.Throttled, "smtp_5.7.1"},
		{"550 5.7.1 Email quota exceeded.", mail, channels.Throttled, "smtp_5.7.1"},
		{"554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "data", channels.Throttled, "smtp_5.2.0"},
		{"550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients", mail, channels.Throttled, "smtp_5.1.90"},
		{"552 quota exceeded", "data", channels.Throttled, "smtp_552"},
		{"552 5.7.0 sending quota exceeded", mail, channels.Throttled, "smtp_5.7.0"},
		{"554 5.7.1 <DATA>: Data command rejected: limit of 400 rcpts per 24 hours for client reached", "data", channels.Throttled, "smtp_5.7.1"},
		{"550 Domain example.com has exceeded the max emails per hour (100/100 (100%)) allowed.", mail, channels.Throttled, "smtp_550"},
		{"550 User has reached the sending limit", mail, channels.Throttled, "smtp_550"},
		{"504 the number of RCPT attempts is achieved the maximum threshold", "rcpt", channels.Throttled, "smtp_504"},
		{"550 域名当日发信量到达上限", mail, channels.Throttled, "smtp_550"},

		// Us.
		{"504 5.5.2 <pod-1>: Helo command rejected: need fully-qualified hostname", anywhere, channels.Misconfigured, "smtp_5.5.2"},
		{"450 4.7.1 <pod-1>: Helo command rejected: Host not found", "rcpt", channels.Misconfigured, "smtp_4.7.1"},
		{"550 Access denied - Invalid HELO name (See RFC2821 4.1.1.1)", "rcpt", channels.Misconfigured, "smtp_550"},
		{"554 5.7.1 <user@elsewhere.example>: Relay access denied", mail, channels.Misconfigured, "smtp_5.7.1"},
		{"454 4.7.1 <user@elsewhere.example>: Relay access denied", "rcpt", channels.Misconfigured, "smtp_4.7.1"},
		{"550 relay not permitted", "rcpt", channels.Misconfigured, "smtp_550"},
		{"550 5.7.64 TenantAttribution; Relay Access Denied", mail, channels.Misconfigured, "smtp_5.7.64"},
		{"554 5.7.1 <unknown[10.0.0.1]>: Client host rejected: Access denied", anywhere, channels.Misconfigured, "smtp_5.7.1"},
		{"554 5.7.1 Service unavailable; Client host [10.0.0.1] blocked using zen.spamhaus.org", "rcpt", channels.Misconfigured, "smtp_5.7.1"},
		{"553 5.7.1 <notify@example.com>: Sender address rejected: not owned by user me", "mail rcpt", channels.Misconfigured, "smtp_5.7.1"},
		{"450 4.1.8 <notify@example.com>: Sender address rejected: Domain not found", "rcpt", channels.Misconfigured, "smtp_4.1.8"},
		{"550 Sender verify failed", "rcpt", channels.Misconfigured, "smtp_550"},
		{"550 Administrative prohibition", "rcpt", channels.Misconfigured, "smtp_550"},
		{"554 5.2.252 SendAsDenied; notify@example.com not allowed to send as other@example.com", mail, channels.Misconfigured, "smtp_5.2.252"},
		{"550 5.7.60 SMTP; Client does not have permissions to send as this sender", "data", channels.Misconfigured, "smtp_5.7.60"},
		{"554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException", "data", channels.Misconfigured, "smtp_5.2.2"},
		{"554 Message rejected: Email address is not verified.", "data", channels.Misconfigured, "smtp_554"},
		{"550 5.7.26 This message does not have authentication information", "data", channels.Misconfigured, "smtp_5.7.26"},
		{"550 5.7.1 not for you", "rcpt", channels.Misconfigured, "smtp_5.7.1"},
		{"554 5.7.1 your address is blocked", provider, channels.Misconfigured, "smtp_5.7.1"},
		{"530 5.7.0 Must issue a STARTTLS command first", "mail " + mail, channels.Misconfigured, "smtp_5.7.0"},
		{"534 5.7.9 Application-specific password required.", anywhere, channels.Misconfigured, "smtp_5.7.9"},
		{"535 5.7.8 bad credentials", anywhere, channels.Misconfigured, "smtp_5.7.8"},
		{"535 Login fail. Account is abnormal, password is incorrect, login frequency limited", "auth", channels.Misconfigured, "smtp_535"},
		{"526 Authentication failure[0]", "auth", channels.Misconfigured, "smtp_526"},
		{"538 encryption required", anywhere, channels.Misconfigured, "smtp_538"},

		// The recipient or the mail.
		{"500 unknown command", mail, channels.Permanent, "smtp_500"},
		{"501 5.5.4 bad parameter", mail, channels.Permanent, "smtp_5.5.4"},
		{"550 5.1.1 no such user", mail, channels.Permanent, "smtp_5.1.1"},
		{"550 5.1.1 <user@example.org>: Recipient address rejected: User unknown in local recipient table", "rcpt", channels.Permanent, "smtp_5.1.1"},
		{"504 5.5.2 <user>: Recipient address rejected: need fully-qualified address", "rcpt", channels.Permanent, "smtp_5.5.2"},
		{"550 no such user", mail, channels.Permanent, "smtp_550"},
		{"550 5.2.1 The email account that you tried to reach is disabled.", mail, channels.Permanent, "smtp_5.2.1"},
		{"552 5.2.2 The email account that you tried to reach is over quota", mail, channels.Permanent, "smtp_5.2.2"},
		{"552 mailbox is full", mail, channels.Permanent, "smtp_552"},
		{"552 5.3.4 Message size exceeds fixed limit", mail, channels.Permanent, "smtp_5.3.4"},
		{"550 maximum allowed line length is 998 octets, got 1133", "data", channels.Permanent, "smtp_550"},
		{"554 5.4.6 too many hops", "data", channels.Permanent, "smtp_5.4.6"},
		{"554 5.7.1 spam", "data", channels.Permanent, "smtp_5.7.1"},
		{"554 Reject by content spam", "data", channels.Permanent, "smtp_554"},
		{"550 line one\n5.1.1 line two", mail, channels.Permanent, "smtp_5.1.1"},
		{"550 5.1.10000 no code", mail, channels.Permanent, "smtp_550"},
	} {
		for where := range strings.FieldsSeq(tc.where) {
			t.Run(where+" "+tc.reply, func(t *testing.T) {
				t.Parallel()
				server, sender := setup(t, nil)
				code, text, _ := strings.Cut(tc.reply, " ")
				server.Fail(smtp.Fault{Where: where, Code: code, Message: text})
				_, err := sender.Send(t.Context(), textTo(user))
				channeltest.RequireError(t, err, tc.class, tc.code)
				e := channels.AsError(err)
				require.Equal(t, isQuota(tc.reply), quota(e), "our quota")
				require.Zero(t, server.Inbox().Total())
				require.LessOrEqual(t, server.Requests(where), 2, "HELO follows EHLO, and nothing else is repeated")
			})
		}
	}
}

// isQuota reports whether a throttled reply of the table speaks of a quota for a day or an
// hour.
func isQuota(reply string) bool {
	for _, word := range []string{"Daily", "daily", "quota exceeded", "SubmissionQuota", "24 hours", "per hour", "sending limit", "RCPT attempts", "当日"} {
		if strings.Contains(reply, word) {
			return true
		}
	}
	return false
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
		{"is busy", say("421 too many connections\r\n"), channels.Throttled, "smtp_421"},
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

// A server may know the recipient before RCPT, from an earlier try.
func TestFailedConnectionShowsNoAddress(t *testing.T) {
	t.Parallel()
	server, sender := setup(t, nil)
	server.Fail(smtp.Fault{Where: smtp.Auth, Code: "535", Message: "no, because of " + user})
	c, err := sender.(channels.Connector).Reserve(t.Context(), nil)
	require.NoError(t, err)
	defer c.Release()
	err = c.Connect(t.Context(), textTo(user))
	channeltest.RequireError(t, err, channels.Misconfigured, "smtp_535")
	require.ErrorContains(t, err, "no, because of ***")
}

func TestReceiptHoldsNoAddress(t *testing.T) {
	t.Parallel()
	server, sender := setup(t, nil)
	server.Fail(smtp.Fault{Where: smtp.Data, Times: 1, Code: "250", Message: "2.0.0 queued for " + user + "\x01"})
	receipt, err := sender.Send(t.Context(), textTo(user))
	require.NoError(t, err)
	require.Equal(t, "2.0.0 queued for *** ", receipt.Details["response"])
}

// Only a refusal of RCPT that says by its enhanced code that there is no such address counts.
func TestAddressesThatAreGone(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reply, where string
		gone         bool
	}{
		{"550 5.1.1 <user@example.org>: Recipient address rejected: User unknown in local recipient table", "rcpt", true},
		{"551 5.1.6 Mailbox has moved", "rcpt", true},
		{"553 5.1.3 Bad recipient address syntax", "rcpt", true},
		{"550 5.1.2 Bad destination system address", "rcpt", true},
		{"550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", "rcpt", true},
		{"550 line one\n5.1.1 line two", "rcpt", true},
		{"550 no such user", "rcpt", false},
		{"550 5.1.0 Address rejected", "rcpt", false},
		{"550 5.1.10000 no code", "rcpt", false},
		{"554 5.1.1 no such user", "rcpt", false},
		{"450 4.1.1 no such user", "rcpt", false},
		{"550 5.2.1 The email account that you tried to reach is disabled.", "rcpt", false},
		{"552 5.2.2 The email account that you tried to reach is over quota", "rcpt", false},
		{"550 5.7.1 not for you", "rcpt", false},
		{"550 5.1.8 Sender address rejected: Domain not found", "rcpt", false},
		{"550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients", "rcpt", false},
		{"550 5.1.1 no such user", "mail data", false},
	} {
		for where := range strings.FieldsSeq(tc.where) {
			t.Run(where+" "+tc.reply, func(t *testing.T) {
				t.Parallel()
				server, sender := setup(t, nil)
				code, text, _ := strings.Cut(tc.reply, " ")
				server.Fail(smtp.Fault{Where: where, Code: code, Message: text})
				_, err := sender.Send(t.Context(), textTo(user))
				require.Error(t, err)
				require.Equal(t, tc.gone, channels.AsError(err).AddressGone)
			})
		}
	}
}
