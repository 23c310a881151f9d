package dev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/aliyun"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/internal/vendors/feishubot"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
	"github.com/labring/sealos-notify/internal/vendors/volcengine"
)

// Credentials of the simulated vendors: the same id and secret for all.
const (
	vendorID     = "dev-id"
	vendorSecret = "dev-vendor-secret" //nolint:gosec // of vendors that are simulated
)

// simulatedVendors are all vendors, each at an address of its own, with one inbox.
type simulatedVendors struct {
	inbox *vendors.Inbox

	inboxURL, feishu, bot, sms, voice, kubernetes string // URLs
	mail                                          *net.TCPAddr

	closers []func() error
}

// startVendors starts all vendors. The inbox is shown at the address.
func startVendors(ctx context.Context, address string) (_ *simulatedVendors, err error) {
	v := &simulatedVendors{inbox: vendors.NewInbox()}
	defer func() {
		if err != nil {
			err = errors.Join(err, v.close())
		}
	}()
	for _, s := range []struct {
		url     *string
		address string
		handler http.Handler
	}{
		{&v.inboxURL, address, inboxPage(v.inbox)},
		{&v.feishu, "", feishu.New(vendorID, vendorSecret, v.inbox)},
		{&v.bot, "", feishubot.New(vendorID, vendorSecret, v.inbox)},
		{&v.sms, "", aliyun.New(vendorID, vendorSecret, v.inbox)},
		{&v.voice, "", volcengine.New(vendorID, vendorSecret, v.inbox)},
		{&v.kubernetes, "", k8s.New("", v.inbox)},
	} {
		l, err := v.listen(ctx, s.address)
		if err != nil {
			return nil, err
		}
		server := &http.Server{Handler: s.handler, ReadHeaderTimeout: 5 * time.Second}
		go func() { _ = server.Serve(l) }() // it ends with close
		v.closers = append(v.closers, server.Close)
		*s.url = "http://" + l.Addr().String()
	}

	l, err := v.listen(ctx, "")
	if err != nil {
		return nil, err
	}
	mail := smtp.New(vendorID, vendorSecret, v.inbox)
	go func() { _ = mail.Serve(l) }() // it ends with close
	v.closers = append(v.closers, mail.Close)
	v.mail = l.Addr().(*net.TCPAddr)
	return v, nil
}

// listen listens on the address, or on any free one of this machine.
func (v *simulatedVendors) listen(ctx context.Context, address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("simulated vendors: %w", err)
	}
	return l, nil
}

func (v *simulatedVendors) close() error {
	var problems []error
	for _, c := range v.closers {
		problems = append(problems, c())
	}
	return errors.Join(problems...)
}

func inboxPage(inbox *vendors.Inbox) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /inbox", inbox)
	mux.Handle("GET /inbox.json", inbox)
	mux.Handle("GET /{$}", http.RedirectHandler("/inbox", http.StatusFound))
	return mux
}
