package channels_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	require.Equal(t, "no *** by *** (***)", channels.Redact("no Ada@x.org by k.y+ (ADA@X.ORG)", "ada@x.org", "", "k.y+"))
	require.Equal(t, "key is fine", channels.Redact("key is fine", "k.y"), "values are not patterns")
	require.Equal(t, "nothing", channels.Redact("nothing"))
}

func TestPermanentError(t *testing.T) {
	t.Parallel()
	e := channels.AsError(errors.Join(channels.PermanentError("too_long", "the message is too long")))
	require.Equal(t, channels.Permanent, e.Class)
	require.Equal(t, "too_long (permanent): the message is too long", e.Error())
}

// hidden are characters that a terminal obeys or that do not show.
const hidden = "\x00\x1b[31m\x7f\u0080\u0085\u009b2J\u009f" + // controls
	"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069" + // bidi
	"\u00ad\u034f\u115f\u180e\u200b\u200c\u200d\u2060\u2064\u3164\ufe0f\ufeff\uffa0\ufffb\U000e0001\U000e0041\U000e0100" + // invisible
	"\u2028\u2029\ue000\uffff\U0010ffff\xff" // line breaks, private, unassigned, no UTF-8

func TestCleanText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"no such user 用户不存在 é ü ✗ 🔔 a\u0301": "no such user 用户不存在 é ü ✗ 🔔 a\u0301",
		"a\r\nb\tc\u3000d":            "a  b c d",
		"pay\u202egnp.exe\u200b load": "paygnp.exe load",
		"\xff":                        "\uFFFD",
	} {
		require.Equal(t, want, channels.CleanText(text))
	}
	require.Regexp(t, "^[ \\[312mJ\uFFFD]+$", channels.CleanText(hidden))
	long := channels.CleanText(strings.Repeat("警", 1000))
	require.LessOrEqual(t, len(long), 2000+len("…"))
	require.True(t, strings.HasSuffix(long, "警…"))
	e := &channels.Error{Class: channels.Transient, Code: "a" + hidden, Message: "b" + hidden}
	require.Equal(t, e.Error(), channels.CleanText(e.Error()))
}

// An invisible character in a secret does not hide it.
func TestRedactSeesThroughInvisibleCharacters(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"no canary!", "no can\u200bary!", "no c\u202eanar\ufeffy!"} {
		require.Equal(t, "no ***!", channels.Redact(text, "canary"))
	}
}
