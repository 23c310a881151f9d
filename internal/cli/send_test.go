package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/client"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	request := func() client.SendRequest {
		return client.SendRequest{Channels: map[string]client.Message{"email": {Template: "mail"}, "feishu_webhook": {Template: "card"}}}
	}
	r := request()
	require.NoError(t, sendCommand{
		To:      []string{"email:a=b@example.com", "feishu_webhook=feishu_group:team-a", "feishu_webhook=email:c=d@example.com"},
		Mention: []string{"feishu_webhook=feishu_user_id:ou_1"},
	}.address(&r))
	require.Equal(t, []client.RecipientRequest{{Type: "email", Value: "a=b@example.com"}}, r.Recipients)
	require.Equal(t, client.Message{Template: "mail"}, r.Channels["email"])
	require.Equal(t, client.Message{
		Template:   "card",
		Recipients: []client.RecipientRequest{{Type: "feishu_group", Value: "team-a"}, {Type: "email", Value: "c=d@example.com"}},
		Mention:    []client.Recipient{{Type: "feishu_user_id", Value: "ou_1"}},
	}, r.Channels["feishu_webhook"])

	r = request()
	delete(r.Channels, "email")
	require.NoError(t, sendCommand{Mention: []string{"feishu_user_id:ou_1"}}.address(&r), "there is one channel")
	require.Len(t, r.Channels["feishu_webhook"].Mention, 1)

	for _, c := range []struct {
		command sendCommand
		text    string
	}{
		{sendCommand{To: []string{"alice"}}, "--to alice: must be TYPE:VALUE"},
		{sendCommand{To: []string{"sms=phone:1"}}, "--to sms=phone:1: name a channel that has a template"},
		{sendCommand{Mention: []string{"feishu_user_id:ou_1"}}, "--mention feishu_user_id:ou_1: name a channel"},
		{sendCommand{Mention: []string{"email="}}, "--mention"},
	} {
		r := request()
		require.ErrorContains(t, c.command.address(&r), c.text)
	}
}

func TestRecipientsOfAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users.json")
	read := func(content string) (r client.SendRequest, err error) {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		err = sendCommand{To: []string{"email:c@example.com"}, ToFile: path}.address(&r)
		return r, err
	}
	r, err := read(`[{"type": "email", "value": "a@example.com", "params": {"amount": 12.50}, "locale": "en"}, {"type": "email", "value": "b@example.com"}]`)
	require.NoError(t, err)
	require.Equal(t, []client.RecipientRequest{
		{Type: "email", Value: "a@example.com", Params: map[string]any{"amount": json.Number("12.50")}, Locale: "en"},
		{Type: "email", Value: "b@example.com"}, {Type: "email", Value: "c@example.com"},
	}, r.Recipients)
	for _, bad := range []string{``, `[]`, `{}`, `[{"type": "email", "address": "x"}]`, `[{"type": "email", "value": "x"}] []`} {
		_, err := read(bad)
		require.ErrorContains(t, err, "--to-file "+path+": not ", bad)
	}
}
