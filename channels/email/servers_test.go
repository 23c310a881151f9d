package email_test

import (
	"net/mail"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/email"
	"github.com/labring/sealos-notify/internal/test/channeltest"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/mailservers"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
)

// realConfig returns the configuration of a real server.
func realConfig(port int, ca string, useTLS bool) *email.Config {
	c := newConfig()
	c.Host, c.Port, c.CA, c.UseTLS = mailservers.Host, port, ca, useTLS
	c.Username, c.Password = mailservers.Username, mailservers.Password
	return c
}

// requireArrived sends a text and an HTML mail and compares what arrived.
func requireArrived(t *testing.T, sender channels.Sender, messages func(testing.TB) [][]byte) {
	t.Helper()
	for _, m := range []channels.Message{textTo(user), htmlTo(user)} {
		before := time.Now().Truncate(time.Second)
		receipt, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
		id := m.DeliveryID.String() + "@example.com"
		require.Equal(t, id, receipt.Details["message_id"])
		require.NotEmpty(t, receipt.Details["response"])

		var got smtp.Message
		for _, raw := range messages(t) {
			parsed, err := smtp.Parse(raw)
			require.NoError(t, err, string(raw))
			if parsed.Header.Get("Message-Id") == "<"+id+">" {
				got = parsed
			}
		}
		require.NotNil(t, got.Header, "it did not arrive")
		require.Equal(t, subject, got.Subject)
		require.Equal(t, "auto-generated", got.Header.Get("Auto-Submitted"))
		require.Empty(t, got.Header.Get("User-Agent")+got.Header.Get("X-Mailer"))
		date, err := got.Header.Date()
		require.NoError(t, err)
		require.WithinRange(t, date, before, time.Now())
		from, err := got.Header.AddressList("From")
		require.NoError(t, err)
		require.Equal(t, []*mail.Address{{Name: "Sealos 通知", Address: "notify@example.com"}}, from)
		to, err := got.Header.AddressList("To")
		require.NoError(t, err)
		require.Equal(t, []*mail.Address{{Address: user}}, to)
		if m.MsgType == "html" {
			require.Equal(t, m.Body, got.HTML)
			require.Equal(t, htmlAsText, strings.TrimSpace(got.Text))
		} else {
			require.Empty(t, got.HTML)
			require.Equal(t, strings.TrimSpace(m.Body), strings.TrimSpace(got.Text))
		}
	}
}

// requireTLSChecked requires that another CA's certificate is refused.
func requireTLSChecked(t *testing.T, c *email.Config) {
	t.Helper()
	c.CA = ""
	_, err := openConfig(t, c).Send(t.Context(), textTo(user))
	channeltest.RequireError(t, err, channels.Misconfigured, "tls_failed")
	require.ErrorContains(t, err, "certificate")
}

func TestMailpit(t *testing.T) {
	t.Parallel()
	for mode, useTLS := range map[mailservers.TLSMode]bool{mailservers.ImplicitTLS: true, mailservers.StartTLS: false} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			server := mailservers.Mailpit(t, mode)
			config := func() *email.Config { return realConfig(server.Port, server.CA, useTLS) }
			sender := openConfig(t, config())
			requireArrived(t, sender, server.Messages)
			require.NoError(t, sender.(channels.Prober).Probe(t.Context()))

			wrong := config()
			wrong.Password = "wrong"
			_, err := openConfig(t, wrong).Send(t.Context(), textTo(user))
			channeltest.RequireError(t, err, channels.Misconfigured, "smtp_5.7.8")
			requireTLSChecked(t, config())

			arrived := len(server.Messages(t))
			for _, tc := range []struct {
				chaos mailservers.Chaos
				class channels.Class
				code  string
			}{
				{mailservers.Chaos{Recipient: 451}, channels.Transient, "smtp_451"},
				{mailservers.Chaos{Recipient: 550}, channels.Permanent, "smtp_550"},
				{mailservers.Chaos{Sender: 451}, channels.Transient, "smtp_451"},
				{mailservers.Chaos{Sender: 550}, channels.Misconfigured, "smtp_550"},
			} {
				server.Fail(t, tc.chaos)
				_, err := sender.Send(t.Context(), textTo(user))
				channeltest.RequireError(t, err, tc.class, tc.code)
			}
			server.Fail(t, mailservers.Chaos{Authentication: 535})
			_, err = openConfig(t, config()).Send(t.Context(), textTo(user))
			channeltest.RequireError(t, err, channels.Misconfigured, "smtp_535")
			require.Len(t, server.Messages(t), arrived)

			server.Fail(t, mailservers.Chaos{})
			requireArrived(t, sender, server.Messages)
		})
	}
}

func TestExim(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]func(*mailservers.EximServer) *email.Config{
		"implicit TLS": func(s *mailservers.EximServer) *email.Config { return realConfig(s.TLSPort, s.CA, true) },
		"STARTTLS":     func(s *mailservers.EximServer) *email.Config { return realConfig(s.Port, s.CA, false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := mailservers.Exim(t)
			config := func() *email.Config { return config(server) }
			sender := openConfig(t, config())
			requireArrived(t, sender, server.Messages)
			require.NoError(t, sender.(channels.Prober).Probe(t.Context()))

			for _, tc := range []struct {
				to, body string
				class    channels.Class
				code     string
			}{
				{"full.canary@example.com", "", channels.Transient, "smtp_4.2.2"},
				{"nobody.canary@example.com", "", channels.Permanent, "smtp_5.1.1"},
				{"canary@elsewhere.example", "", channels.Misconfigured, "smtp_5.7.1"},
				{user, "this is unwanted", channels.Permanent, "smtp_5.7.1"},
			} {
				m := textTo(tc.to)
				m.Body += tc.body
				_, err := sender.Send(t.Context(), m)
				channeltest.RequireError(t, err, tc.class, tc.code)
				require.NotContains(t, err.Error(), "canary")
			}

			wrong := config()
			wrong.Password = "wrong"
			_, err := openConfig(t, wrong).Send(t.Context(), textTo(user))
			channeltest.RequireError(t, err, channels.Misconfigured, "smtp_535")
			nobody := config()
			nobody.Username, nobody.Password = "", ""
			_, err = openConfig(t, nobody).Send(t.Context(), textTo(user))
			channeltest.RequireError(t, err, channels.Misconfigured, "smtp_5.7.0")
			requireTLSChecked(t, config())

			before := server.Connections(t)
			for range 5 {
				_, err := sender.Send(t.Context(), textTo(user))
				require.NoError(t, err)
			}
			require.Equal(t, before+1, server.Connections(t), "the refusals above have left none")
		})
	}
}

// postfixConfig returns the configuration of a Postfix.
func postfixConfig(server *mailservers.PostfixServer) *email.Config {
	c := realConfig(server.Port, server.CA, false)
	c.Username, c.Password = "", ""
	return c
}

func TestPostfix(t *testing.T) {
	t.Parallel()
	server := mailservers.Postfix(t)
	sender := openConfig(t, postfixConfig(server))
	arrived := 0
	requireArrived(t, sender, func(t testing.TB) (messages [][]byte) {
		arrived++
		require.Eventually(t, func() bool {
			messages = server.Messages(t)
			return len(messages) == arrived
		}, limit.Wait, 20*time.Millisecond, "mails are delivered")
		return messages
	})
	require.NoError(t, sender.(channels.Prober).Probe(t.Context()))
	require.Eventually(t, func() bool {
		return strings.Contains(server.Log(t), "ehlo=2 starttls=1 mail=1 rcpt=1 rset=1 quit=1")
	}, limit.Wait, 20*time.Millisecond, "the probe goes through RCPT")

	_, err := sender.Send(t.Context(), textTo("canary@elsewhere.example"))
	channeltest.RequireError(t, err, channels.Misconfigured, "smtp_5.7.1")
	require.ErrorContains(t, err, "Relay access denied")
}

// Postfix refuses the client at RCPT. That is about us, and the probe finds it.
func TestPostfixRefusesUs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, helo, change, code, text string }{
		{"HELO", "pod-1", "", "smtp_5.5.2", "Helo command rejected: need fully-qualified hostname"},
		{"client", "", "smtpd_client_restrictions = reject", "smtp_5.7.1", "Client host rejected: Access denied"},
		{"sender", "", "smtpd_sender_restrictions = reject", "smtp_5.7.1", "Sender address rejected: Access denied"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			config := postfixConfig(mailservers.Postfix(t, tc.change))
			config.Helo = tc.helo
			sender := openConfig(t, config)
			_, err := sender.Send(t.Context(), textTo(user))
			channeltest.RequireError(t, err, channels.Misconfigured, tc.code)
			require.ErrorContains(t, err, tc.text)
			channeltest.RequireError(t, sender.(channels.Prober).Probe(t.Context()), channels.Misconfigured, tc.code)
		})
	}
}

// The servers turn the fourth connection away. Every mail arrives in the end, and only the
// first ones are turned away.
func TestThreePlaces(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) channels.Sender{
		"Postfix": func(t *testing.T) channels.Sender { return openConfig(t, postfixConfig(mailservers.Postfix(t))) },
		"Exim": func(t *testing.T) channels.Sender {
			server := mailservers.Exim(t, "smtp_accept_max_per_host = 3")
			return openConfig(t, realConfig(server.Port, server.CA, false))
		},
		"simulated": func(t *testing.T) channels.Sender {
			server, sender := setup(t, nil)
			server.Limit(smtp.Limits{Places: 3})
			return sender
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sender := open(t)
			const mails = 50
			var turnedAway atomic.Int64
			var wg sync.WaitGroup
			errs := make(chan error, mails)
			for range mails {
				wg.Go(func() {
					m := textTo(user)
					for {
						_, err := sender.Send(t.Context(), m)
						if err == nil || channels.AsError(err).Class != channels.Throttled {
							errs <- err
							return
						}
						turnedAway.Add(1)
						time.Sleep(100 * time.Millisecond) // the queue waits longer
					}
				})
			}
			limit.Group(t, &wg, "the mails")
			close(errs)
			for err := range errs {
				require.NoError(t, err)
			}
			require.Positive(t, turnedAway.Load())
			require.Less(t, turnedAway.Load(), int64(25))
		})
	}
}

func TestCRAMMD5(t *testing.T) {
	t.Parallel()
	server := mailservers.Exim(t)
	c := realConfig(server.CRAMPort, server.CA, false)
	requireArrived(t, openConfig(t, c), server.Messages)
	c.Password = "wrong"
	_, err := openConfig(t, c).Send(t.Context(), textTo(user))
	channeltest.RequireError(t, err, channels.Misconfigured, "smtp_535")
}

// Both sides begin with TLS, or neither.
func TestTLSModesThatDoNotFit(t *testing.T) {
	t.Parallel()
	server := mailservers.Exim(t)
	_, err := openConfig(t, realConfig(server.Port, server.CA, true)).Send(t.Context(), textTo(user))
	channeltest.RequireError(t, err, channels.Misconfigured, "tls_failed")
}
