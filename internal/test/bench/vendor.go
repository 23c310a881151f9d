package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/feishuapp"
	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// vendor is a simulated Feishu in the bench's process, served over HTTP.
type vendor struct {
	*feishu.Platform
	url    string
	server *http.Server
}

// newVendor starts a vendor that delivers to the inbox.
func newVendor(ctx context.Context, inbox *vendors.Inbox) (*vendor, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	platform := feishu.New(feishuID, feishuSecret, inbox)
	v := &vendor{
		Platform: platform, url: "http://" + listener.Addr().String(),
		server: &http.Server{Handler: platform, ReadHeaderTimeout: time.Minute},
	}
	go func() { _ = v.server.Serve(listener) }() // close ends it
	return v, nil
}

func (v *vendor) close() { _ = v.server.Close() }

// vendorAlone measures sends with the channel's sender alone: the cost of the Feishu
// SDK and the simulated platform, which every delivery pays.
func (b *bench) vendorAlone(ctx context.Context, record record) error {
	v, err := newVendor(ctx, vendors.NewInbox())
	if err != nil {
		return err
	}
	defer v.close()
	config := feishuapp.Type.NewConfig().(*feishuapp.Config)
	config.AppID, config.AppSecret, config.BaseURL = feishuID, feishuSecret, v.url
	sender, err := config.Open()
	if err != nil {
		return err
	}
	rate, err := closedLoop(ctx, 100, b.span, func(i int) error {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		_, err = sender.Send(ctx, channels.Message{
			DeliveryID: id, Attempt: 1, MsgType: "text", Body: "[alert] the primary database is down (severity P0)",
			Recipient: channels.Recipient{Type: channels.RecipientFeishuUserID, Value: recipient(i)},
		})
		return err
	})
	record("vendor", rate)
	return err
}
