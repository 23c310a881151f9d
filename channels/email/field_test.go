package email_test

import (
	"net/mail"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/email"
	"github.com/labring/sealos-notify/internal/test/mailservers"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
)

// subjects are hard to write into a header. Each must arrive as it is.
var subjects = map[string]string{
	"of 1,126 octets without a space": strings.Repeat("0123456789abcd", 80) + "012345",
	"of 1,126 spaces":                 "a" + strings.Repeat(" ", 1124) + "b",
	"of long words":                   strings.Repeat(strings.Repeat("w", 300)+" ", 5) + "end",
	"in Chinese":                      strings.Repeat("数据库主节点不可用", 40),
	"in Chinese behind English":       "[P0] node is down: " + strings.Repeat("数据库主节点不可用", 10) + " (see wiki)",
	"encoded word":                    "=?utf-8?q?x=0D=0ABcc:_y?=",
	"encoded word in base64":          "=?UTF-8?B?eA0KQmNjOiB5?=",
	"encoded word in the middle":      "disk =?utf-8?q?x=0D=0ABcc:_y?= is full",
	"encoded word within a word":      "x=?utf-8?q?x=0D=0ABcc:_y?=x",
	"encoded words beside Chinese":    "警 =?utf-8?q?x?= 报 =?utf-8?q?y?=",
	"parts of an encoded word":        "=?utf-8?q? a ?= b =? c ?=",
	"spaces":                          "  a  b   警 ",
	"space":                           " ",
	"tab":                             "a\tb",
	"control characters":              "a\x1b[31m\x7f\u0085\u2028b",
	"emoji":                           strings.Repeat("👩‍👩‍👧‍👦", 30),
	"one long word":                   "https://grafana.example.com/d/" + strings.Repeat("x", 90),
	"plain":                           "disk sda is full",
}

func TestSubjectArrivesAsItIs(t *testing.T) {
	t.Parallel()
	mailpit := mailservers.Mailpit(t, mailservers.StartTLS)
	exim := mailservers.Exim(t)
	for name, server := range map[string]struct {
		sender   channels.Sender
		messages func(testing.TB) [][]byte
	}{
		"Exim":    {openConfig(t, realConfig(exim.Port, exim.CA, false)), exim.Messages},
		"Mailpit": {openConfig(t, realConfig(mailpit.Port, mailpit.CA, false)), mailpit.Messages},
	} {
		sent := map[string]string{} // subject by Message-ID
		for _, subject := range subjects {
			m := textTo(user)
			m.Subject = subject
			_, err := server.sender.Send(t.Context(), m)
			require.NoError(t, err, "%s: %q", name, subject)
			sent["<"+m.DeliveryID.String()+"@example.com>"] = subject
		}
		for _, raw := range server.messages(t) {
			parsed, err := smtp.Parse(raw)
			require.NoError(t, err)
			id := parsed.Header.Get("Message-Id")
			require.Equal(t, sent[id], parsed.Subject, name)
			require.Empty(t, parsed.Header.Get("Bcc"))
			requireLines(t, raw)
			delete(sent, id)
		}
		require.Empty(t, sent, "%s: they did not arrive", name)
	}
}

// emptyLine matches a header line without text, and a field that begins with one.
var emptyLine = regexp.MustCompile(`(?m)^\s+$|^[A-Z][\w-]*:\s*\n\s`)

// requireLines requires that the header is folded as RFC 5322 and RFC 2047 have it.
func requireLines(t *testing.T, raw []byte) {
	t.Helper()
	header, _, _ := strings.Cut(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n\n")
	require.NotRegexp(t, emptyLine, header)
	require.NotContains(t, header, "\r")
	for line := range strings.SplitSeq(header, "\n") {
		require.LessOrEqual(t, len(line), 998)
		if strings.Contains(line, "=?") {
			require.LessOrEqual(t, len(line), 76, line)
		}
	}
}

// sendRaw sends a mail through a simulated server and returns it as it was sent.
func sendRaw(t *testing.T, change func(*email.Config), m channels.Message) (smtp.Message, []byte) {
	t.Helper()
	server, sender := setup(t, change)
	_, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	raw := server.Raw()
	require.Len(t, raw, 1)
	requireLines(t, raw[0])
	parsed, err := smtp.Parse(raw[0])
	require.NoError(t, err)
	return parsed, raw[0]
}

func TestDisplayNameArrivesAsItIs(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Sealos", "Sealos 通知", "a, b: <c> \"d\" \\", strings.Repeat("x", 1200), strings.Repeat("\"", 1200), strings.Repeat("通知", 300),
		strings.Repeat("word ", 300) + "end", "a  b", "=?utf-8?q?x?=", "x =?utf-8?q?x?= y",
	} {
		from := (&mail.Address{Name: name, Address: "notify@example.com"}).String()
		if strings.Contains(name, "=?") {
			from = `"` + name + `" <notify@example.com>` // quoted, it is no encoded word
		}
		m, _ := sendRaw(t, func(c *email.Config) { c.From = from }, textTo(user))
		got, err := m.Header.AddressList("From")
		require.NoError(t, err)
		require.Equal(t, []*mail.Address{{Name: name, Address: "notify@example.com"}}, got)
	}
}

func TestLongAddresses(t *testing.T) {
	t.Parallel()
	domain := strings.Repeat(strings.Repeat("y", 60)+".", 3) + "example"
	to := strings.Repeat("x", 64) + "@" + domain
	message := textTo(to)
	m, _ := sendRaw(t, func(c *email.Config) { c.From = `"a@b"@` + domain }, message)
	require.Equal(t, "<"+message.DeliveryID.String()+"@"+domain+">", m.Header.Get("Message-Id"))
	got, err := m.Header.AddressList("To")
	require.NoError(t, err)
	require.Equal(t, []*mail.Address{{Address: to}}, got)
}
