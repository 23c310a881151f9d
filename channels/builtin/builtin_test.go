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
	names, served, recipients := map[string]bool{}, map[string]bool{}, map[string]*channels.RecipientType{}
	for _, typ := range Types() {
		require.False(t, names[typ.Name], "type %s is there twice", typ.Name)
		require.False(t, served[typ.Channel], "channel %s is served twice", typ.Channel)
		names[typ.Name], served[typ.Channel] = true, true
		require.NotEmpty(t, typ.RecipientTypes, typ.Name)
		for _, r := range typ.RecipientTypes {
			require.NotEmpty(t, r.Name, typ.Name)
			require.NoError(t, r.Check(r.Example), "%s: the example of %s", typ.Name, r.Name)
			if known, is := recipients[r.Name]; is {
				require.Same(t, known, r, "%s has a recipient type %s of its own", typ.Name, r.Name)
			}
			recipients[r.Name] = r
		}
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
}

// The recipient types of the service's own channels. Others may be added.
func TestRecipientTypes(t *testing.T) {
	t.Parallel()
	accepted := map[string][]string{}
	for _, typ := range Types() {
		accepted[typ.Channel] = channels.RecipientTypeNames(typ)
	}
	for channel, want := range map[string][]string{
		"inapp":          {channels.RecipientUserID},
		"email":          {channels.RecipientEmail},
		"sms":            {channels.RecipientPhone},
		"voice":          {channels.RecipientPhone},
		"feishu_webhook": {channels.RecipientFeishuUserID, channels.RecipientEmail, channels.RecipientFeishuGroup},
		"feishu_app":     {channels.RecipientFeishuUserID, channels.RecipientEmail, channels.RecipientFeishuChatID},
	} {
		require.Equal(t, want, accepted[channel], channel)
	}
}
