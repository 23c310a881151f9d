package accepting_test

import (
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
)

var phoneNumber = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// refusals are all errors of CheckRecipient for an address of a known type.
var refusals = []string{
	"must not contain spaces, control characters or invalid UTF-8",
	"is not a plain e-mail address such as alice@example.com",
	"is not a phone number in international form such as +8613800000000",
	"must have 1 to 128 characters",
	"is not the id of a Feishu chat, such as oc_84983ff6516d731e5b5f68d4ea2e1da5",
	"is not the name of a provider: letters, digits, '.', '_' and '-', at most 64",
	"is not the id of a user: letters, digits, '.', '_', '@' and '-', at most 64",
}

// FuzzCheckRecipient checks that an accepted address is one address that is safe in a
// header and a command of any vendor, and that an error does not show the address.
func FuzzCheckRecipient(f *testing.F) {
	types := []string{channels.RecipientEmail, channels.RecipientPhone, channels.RecipientUserID, channels.RecipientFeishuUserID,
		channels.RecipientFeishuChatID, channels.RecipientFeishuGroup, channels.RecipientDingTalkUserID, channels.RecipientWebhook}
	for _, value := range []string{
		"alice@example.com", `"a@b"@example.com`, "a@[127.0.0.1]", "用户@例子.公司", "a@example.com,b@example.com",
		"a@example.com\r\nBcc: b@example.com", "Alice <a@example.com>", "=?utf-8?q?a?=@example.com", "a@b>", "(c)a@b",
		"+8613800000000", "+86138,+86139", "+٠١٢٣٤٥٦٧", "ou_7d8a", "oc_84983ff6516d731e5b5f68d4ea2e1da5", "team-a", "oc_\"", "../x", "-x", "a\x00b", "\xff@b", "",
	} {
		for i := range types {
			f.Add(i, value)
		}
	}
	known := channels.RecipientTypesOf(builtin.Types()...)
	f.Fuzz(func(t *testing.T, i int, value string) {
		r := store.Recipient{Type: types[uint(i)%uint(len(types))], Value: value}
		start := time.Now()
		err := accepting.CheckRecipient(known, r)
		require.Less(t, time.Since(start), 10*time.Second)
		if err != nil {
			require.Contains(t, refusals, err.Error()) // fixed texts, without the address
			return
		}
		require.NotEmpty(t, value)
		require.True(t, utf8.ValidString(value))
		require.Negative(t, strings.IndexFunc(value, func(c rune) bool { return unicode.IsControl(c) || unicode.IsSpace(c) }))
		switch r.Type {
		case channels.RecipientEmail:
			list, err := mail.ParseAddressList(value)
			require.NoError(t, err)
			require.Equal(t, []*mail.Address{{Address: value}}, list)
			require.LessOrEqual(t, len(value), 320)
		case channels.RecipientPhone:
			require.Regexp(t, phoneNumber, value)
		case channels.RecipientFeishuChatID:
			require.Regexp(t, `^oc_[A-Za-z0-9_-]{1,125}$`, value)
		case channels.RecipientDingTalkUserID:
			require.Regexp(t, `^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`, value)
			require.NotEqual(t, "all", strings.ToLower(value))
		case channels.RecipientFeishuGroup, channels.RecipientWebhook:
			require.Regexp(t, `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`, value)
		default:
			require.LessOrEqual(t, len(value), 128)
		}
	})
}
