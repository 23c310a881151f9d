// Package world runs all simulated vendors with one inbox, each at its own address,
// and returns the configuration of a service that uses them.
package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/aliyun"
	"github.com/labring/sealos-notify/internal/vendors/dingtalk"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/internal/vendors/feishubot"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
	"github.com/labring/sealos-notify/internal/vendors/volcengine"
	"github.com/labring/sealos-notify/internal/vendors/webhook"
	"github.com/labring/sealos-notify/internal/vendors/wecom"
)

// World is all vendors, running.
type World struct {
	Inbox *vendors.Inbox

	Cluster *k8s.Cluster
	Mail    *smtp.Server
	SMS     *aliyun.SMS
	Voice   *volcengine.VMS
	Bot     *feishubot.Bot
	Feishu  *feishu.Platform

	DingTalk *dingtalk.Robot
	WeCom    *wecom.Robot
	Webhook  *webhook.Receiver

	Addresses Addresses

	vendors    map[string]vendor // by channel
	id, secret string
	closers    []func() error
}

// Addresses are where the vendors listen, as host:port, by channel.
type Addresses map[string]string

// vendor is a simulated vendor. It is an http.Handler or a server.
type vendor interface {
	Fail(f vendors.Fault) *vendors.Injection
}

// Start starts all vendors on free ports of this machine. All have the same id and
// secret.
func Start(ctx context.Context, id, secret string) (_ *World, err error) {
	w := &World{Inbox: vendors.NewInbox(), Addresses: Addresses{}, vendors: map[string]vendor{}, id: id, secret: secret}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	for _, c := range table {
		v := c.start(w)
		s, is := v.(server)
		if !is {
			s = &http.Server{Handler: v.(http.Handler), ReadHeaderTimeout: 5 * time.Second}
		}
		w.vendors[c.name] = v
		if w.Addresses[c.name], err = w.serve(ctx, s); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// Handler returns the vendor of a channel whose vendor speaks HTTP; nil for others.
func (w *World) Handler(channel string) http.Handler {
	handler, _ := w.vendors[channel].(http.Handler)
	return handler
}

// server is an http.Server or an SMTP server.
type server interface {
	Serve(l net.Listener) error
	Close() error
}

// serve serves until Close and returns the server's address.
func (w *World) serve(ctx context.Context, s server) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("simulated vendors: %w", err)
	}
	go func() { _ = s.Serve(l) }() // it ends with Close
	w.closers = append(w.closers, s.Close)
	return l.Addr().String(), nil
}

// Close stops all vendors and closes their connections.
func (w *World) Close() error {
	var problems []error
	for _, c := range w.closers {
		problems = append(problems, c())
	}
	return errors.Join(problems...)
}
