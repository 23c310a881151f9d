package email_test

import (
	"fmt"
	"net/mail"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels/email"
	"github.com/labring/sealos-notify/internal/test/mailservers"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
)

func TestHeadersArrive(t *testing.T) {
	t.Parallel()
	var references []string
	for n := range 60 {
		references = append(references, fmt.Sprintf("<%d.%s@example.com>", n, strings.Repeat("r", 20)))
	}
	headers := map[string]string{
		"X-Team":           "值班 =?utf-8?q?x=0D=0ABcc:_y?= team",
		"X-Spaced":         " a \t b  c ",
		"List-Id":          "平台 通知 <notify.example.com>",
		"List-Unsubscribe": "<https://example.com/u?id=1>,  <mailto:leave@example.com?subject=leave>",
		"References":       strings.Join(references, " "),
		"X-Long-Word":      strings.Repeat("w", 900),
		"X-Long-Chinese-Name-That-Leaves-No-Room-For-A-Word": strings.Repeat("通知", 300),
	}
	config := func(c *email.Config) {
		c.Headers = headers
		c.ReplyTo = "值班 <help@例子.cn>"
	}
	parsed, _ := sendRaw(t, config, textTo(user))
	requireHeaders(t, parsed, headers, references)

	server := mailservers.Exim(t)
	c := realConfig(server.Port, server.CA, false)
	config(c)
	_, err := openConfig(t, c).Send(t.Context(), htmlTo(user))
	require.NoError(t, err)
	raw := server.Messages(t)
	require.Len(t, raw, 1)
	requireLines(t, raw[0])
	parsed, err = smtp.Parse(raw[0])
	require.NoError(t, err)
	requireHeaders(t, parsed, headers, references)
}

func requireHeaders(t *testing.T, m smtp.Message, headers map[string]string, references []string) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Team": headers["X-Team"], "X-Spaced": "a b c", "X-Long-Word": headers["X-Long-Word"],
		"List-Id":               headers["List-Id"],
		"List-Unsubscribe":      "<https://example.com/u?id=1>, <mailto:leave@example.com?subject=leave>",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"References":            strings.Join(references, " "),
		"X-Long-Chinese-Name-That-Leaves-No-Room-For-A-Word": strings.Repeat("通知", 300),
	} {
		got, err := smtp.Decode(m.Header.Get(name))
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	require.True(t, strings.HasSuffix(m.Header.Get("List-Id"), " <notify.example.com>"), "its structure is not encoded")
	replyTo, err := m.Header.AddressList("Reply-To")
	require.NoError(t, err)
	require.Equal(t, []*mail.Address{{Name: "值班", Address: "help@xn--fsqu00a.cn"}}, replyTo)
}

func TestUnsubscribeByMailAlone(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"<mailto:leave@example.com>", "<http://example.com/u>"} {
		m, _ := sendRaw(t, func(c *email.Config) { c.Headers = map[string]string{"list-unsubscribe": value} }, textTo(user))
		require.Equal(t, value, m.Header.Get("List-Unsubscribe"))
		require.Empty(t, m.Header.Get("List-Unsubscribe-Post"), "nobody takes its POST")
	}
}

func TestHeadersAreValidated(t *testing.T) {
	t.Parallel()
	for name, values := range map[string][]string{
		"X-A":                          {"", " ", "a\r\nBcc: x", "a\nb", "a\rb", "a\x00b", "a\x1bb", "a\u0085b", "a\xffb", strings.Repeat("a", 901), strings.Repeat("a ", 2001)},
		"":                             {"a"},
		"X A":                          {"a"},
		"X-A:":                         {"a"},
		"X-A\r\nBcc":                   {"a"},
		"X-值":                          {"a"},
		"X-" + strings.Repeat("a", 49): {"a"},
		"From":                         {"a@example.com"},
		"sender":                       {"a@example.com"},
		"REPLY-TO":                     {"a@example.com"},
		"To":                           {"a@example.com"},
		"cc":                           {"a@example.com"},
		"bCC":                          {"a@example.com"},
		"Subject":                      {"a"},
		"Date":                         {"a"},
		"Message-ID":                   {"<a@b>"},
		"Auto-Submitted":               {"no"},
		"MIME-Version":                 {"1.0"},
		"Content-Type":                 {"text/html"},
		"Content-Disposition":          {"inline"},
		"Received":                     {"a"},
		"Received-SPF":                 {"a"},
		"Return-Path":                  {"<a@b>"},
		"DKIM-Signature":               {"a"},
		"ARC-Seal":                     {"a"},
		"Resent-To":                    {"a@example.com"},
		"Authentication-Results":       {"a"},
		"List-Unsubscribe-Post":        {"List-Unsubscribe=One-Click"},
		"List-Unsubscribe": {
			"https://example.com/u", "<https://example.com/u> <mailto:a@b>", "<ftp://example.com/u>", "<https:///u>", "<mailto:a>",
			"<https://example.com/u", "<https://example.com/退订>", "<javascript:alert(1)>", "<https://example.com/u>,",
		},
	} {
		for _, value := range values {
			c := newConfig()
			c.Headers = map[string]string{name: value}
			err := c.Validate()
			require.ErrorContains(t, err, "headers:", "%q: %q", name, value)
			require.NotContains(t, err.Error(), "Bcc: x")
		}
	}
	c := newConfig()
	c.Headers = map[string]string{"X-A": "a", "x-a": "b"}
	require.ErrorContains(t, c.Validate(), "given twice")
	for n := range 21 {
		c.Headers[fmt.Sprintf("X-%d", n)] = "a"
	}
	require.ErrorContains(t, c.Validate(), "at most 20")

	for _, replyTo := range []string{"help", "a@example.com, b@example.com", "帮助@example.com", "a@foo_bar.例子.cn", "a\r\n b <a@example.com>"} {
		c := newConfig()
		c.ReplyTo = replyTo
		require.ErrorContains(t, c.Validate(), "replyTo:")
	}
}

// A mail that can be unsubscribed from has both fields, once, and none of the provider's.
func TestUnsubscribeOfAMail(t *testing.T) {
	t.Parallel()
	link := "https://notify.example.com/unsubscribe/" + strings.Repeat("A", 700)
	for _, headers := range []map[string]string{nil, {"List-Unsubscribe": "<https://example.com/u>", "X-Team": "a"}} {
		m := textTo(user)
		m.Unsubscribe = link
		got, raw := sendRaw(t, func(c *email.Config) { c.Headers = headers }, m)
		require.Equal(t, []string{"<" + link + ">"}, got.Header["List-Unsubscribe"])
		require.Equal(t, []string{"List-Unsubscribe=One-Click"}, got.Header["List-Unsubscribe-Post"])
		require.Equal(t, headers["X-Team"], got.Header.Get("X-Team"))
		requireLines(t, raw)
	}
}
