package accepting_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/builtin"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/store"
)

func TestCheckRecipient(t *testing.T) {
	t.Parallel()
	types := channels.RecipientTypesOf(builtin.Types()...)
	for _, r := range []store.Recipient{
		{Type: "email", Value: "alice@example.com"},
		{Type: "email", Value: "a.b+c@sub.example.co"},
		{Type: "phone", Value: "+8613800000000"},
		{Type: "user_id", Value: "u-1"},
		{Type: "feishu_user_id", Value: "ou_7d8a6e6df7621556ce0d21922b676706ccs"},
		{Type: "feishu_chat_id", Value: "oc_84983ff6516d731e5b5f68d4ea2e1da5"},
		{Type: "feishu_group", Value: "team-a"},
	} {
		require.NoError(t, accepting.CheckRecipient(types, r), "%v", r)
	}
	for _, r := range []store.Recipient{
		{Type: "email", Value: ""}, {Type: "email", Value: "alice"}, {Type: "email", Value: "a@b@c"},
		{Type: "email", Value: "Alice <a@example.com>"}, {Type: "email", Value: "a@example.com,b@example.com"},
		{Type: "email", Value: "a@example.com\r\nBcc: b@example.com"},
		{Type: "email", Value: strings.Repeat("a", 320) + "@example.com"},
		{Type: "phone", Value: "13912345678"}, {Type: "phone", Value: "+86138,+86139"}, {Type: "phone", Value: "+0138000000"},
		{Type: "phone", Value: "+1"}, {Type: "phone", Value: "+1234567890123456"}, {Type: "phone", Value: "+86 138 0000 0000"},
		{Type: "user_id", Value: ""}, {Type: "user_id", Value: strings.Repeat("u", 129)}, {Type: "user_id", Value: "a\x00b"},
		{Type: "feishu_chat_id", Value: "ou_7d8a6e6df7621556"}, {Type: "feishu_chat_id", Value: "oc_"}, {Type: "feishu_chat_id", Value: `oc_"7d8a"`},
		{Type: "feishu_chat_id", Value: "oc_" + strings.Repeat("a", 126)},
		{Type: "feishu_group", Value: ""}, {Type: "feishu_group", Value: "team/a"}, {Type: "feishu_group", Value: "组"},
		{Type: "feishu_group", Value: strings.Repeat("g", 65)},
		{Type: "", Value: "x"}, {Type: "pigeon", Value: "x"},
	} {
		err := accepting.CheckRecipient(types, r)
		require.Error(t, err, "%v", r)
		if len(r.Value) > 5 {
			require.NotContains(t, err.Error(), r.Value, "the error does not show the address")
		}
	}
}
