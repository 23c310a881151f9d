package feishu_test

import (
	"context"
	"net/http/httptest"
	"testing"

	larkcore "github.com/larksuite/oapi-sdk-go/v3/core"
	"github.com/larksuite/oapi-sdk-go/v3/event/dispatcher"
	"github.com/larksuite/oapi-sdk-go/v3/event/dispatcher/callback"
	larkim "github.com/larksuite/oapi-sdk-go/v3/service/im/v1"
	larkws "github.com/larksuite/oapi-sdk-go/v3/ws"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// The long connection is the one that the platform's SDK speaks. Its client is left behind: it has
// no end.
func TestSDKListens(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	id := b.send(t, "u1")
	server := httptest.NewServer(b)
	defer server.Close()
	b.Split(3)

	read := make(chan *larkim.P2MessageReadV1, 1)
	handler := dispatcher.NewEventDispatcher("", "").
		OnP2MessageReadV1(func(_ context.Context, event *larkim.P2MessageReadV1) error {
			read <- event
			return nil
		}).
		OnP2CardActionTrigger(func(_ context.Context, event *callback.CardActionTriggerEvent) (*callback.CardActionTriggerResponse, error) {
			return &callback.CardActionTriggerResponse{Toast: &callback.Toast{
				Type: "info", Content: event.Event.Operator.OpenID + " " + event.Event.Action.Value["k"].(string) + " " + event.Event.Context.OpenMessageID,
			}}, nil
		})
	for range 2 {
		client := larkws.NewClient("cli_1", "secret", larkws.WithEventHandler(handler), larkws.WithDomain(server.URL),
			larkws.WithAutoReconnect(false), larkws.WithLogLevel(larkcore.LogLevelError))
		go func() { _ = client.Start(context.Background()) }() // it never returns
	}
	require.NoError(t, b.WaitConnections(t.Context(), 2))

	require.NoError(t, b.Read(t.Context(), "ou_1", id))
	event := <-read
	require.Equal(t, []string{id}, event.Event.MessageIdList)
	require.Equal(t, "ou_1", *event.Event.Reader.ReaderId.OpenId)
	toast, err := b.Press(t.Context(), "ou_2", id, map[string]any{"k": "v"})
	require.NoError(t, err)
	require.Equal(t, feishu.Toast{Type: "info", Content: "ou_2 v " + id}, toast)
	_, err = b.Send(t.Context(), "im.message.receive_v1", "1", map[string]any{})
	require.ErrorIs(t, err, feishu.ErrFailed)

	b.Disconnect()
	require.NoError(t, b.WaitConnections(t.Context(), 0))
}

// The SDK gives up where its constants say so.
func TestSDKIsRefused(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	server := httptest.NewServer(b)
	defer server.Close()
	start := func(secret string) error {
		return larkws.NewClient("cli_1", secret, larkws.WithDomain(server.URL), larkws.WithAutoReconnect(false),
			larkws.WithLogLevel(larkcore.LogLevelError+1)).Start(t.Context())
	}
	var refused *larkws.ClientError
	require.ErrorAs(t, start("wrong"), &refused)
	require.Equal(t, 1000040345, refused.Code)
	b.Fail(feishu.Fault{Where: feishu.Connect, Times: 1, Code: "1000040350"})
	require.ErrorAs(t, start("secret"), &refused)
	b.Fail(feishu.Fault{Where: feishu.Connect, Times: 1, Code: "514"})
	var failed *larkws.ServerError
	require.ErrorAs(t, start("secret"), &failed)
	require.Equal(t, 514, failed.Code)
}
