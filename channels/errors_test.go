package channels_test

import (
	"errors"
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

// Control characters of both sets (C0, C1), those that turn the direction of the text, and
// those that nobody sees.
func TestCleanText(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a b c d e f g h", channels.CleanText("a\x00b\u0085c\u009bd\u202ee\u2066f\u200fg\u2028h"))
	require.Equal(t, "550 数据库 é", channels.CleanText("550 数据库 é"))
	require.Equal(t, "\uFFFD x", channels.CleanText("\xff\u061cx"))
}

func TestPermanentError(t *testing.T) {
	t.Parallel()
	e := channels.AsError(errors.Join(channels.PermanentError("too_long", "the message is too long")))
	require.Equal(t, channels.Permanent, e.Class)
	require.Equal(t, "too_long (permanent): the message is too long", e.Error())
}
