package builtin

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/channels"
)

// Each channel has one type, names are unique, and each type describes itself
// completely.
func TestTypes(t *testing.T) {
	t.Parallel()
	names, served := map[string]bool{}, map[string]bool{}
	for _, typ := range Types() {
		require.False(t, names[typ.Name], "type %s is there twice", typ.Name)
		require.False(t, served[typ.Channel], "channel %s is served twice", typ.Channel)
		names[typ.Name], served[typ.Channel] = true, true
		require.NotEmpty(t, typ.RecipientTypes, typ.Name)
		require.NotEmpty(t, typ.MsgTypes, typ.Name)
		require.Contains(t, []channels.OnUncertain{channels.Resend, channels.Hold}, typ.OnUncertain, typ.Name)
		require.NotSame(t, typ.NewConfig(), typ.NewConfig(), "each provider has a configuration of its own")
		fields := reflect.TypeOf(typ.NewConfig()).Elem()
		for i := range fields.NumField() {
			f := fields.Field(i)
			require.NotEmpty(t, f.Tag.Get("yaml"), "%s.%s", typ.Name, f.Name)
			if !f.Anonymous {
				require.NotEmpty(t, f.Tag.Get("doc"), "%s.%s", typ.Name, f.Name)
			}
		}
	}
	require.Len(t, served, 6)
}

// The channels of each recipient type.
func TestRecipientMatrix(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		channels.RecipientEmail:        {"email", "feishu_webhook", "feishu_app"},
		channels.RecipientPhone:        {"sms", "voice"},
		channels.RecipientUserID:       {"inapp"},
		channels.RecipientFeishuUserID: {"feishu_webhook", "feishu_app"},
	}
	got := map[string][]string{}
	for _, typ := range Types() {
		for _, recipient := range typ.RecipientTypes {
			got[recipient] = append(got[recipient], typ.Channel)
		}
	}
	require.Equal(t, want, got)
}
