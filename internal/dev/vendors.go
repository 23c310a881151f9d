package dev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/labring/sealos-notify/internal/vendors/world"
)

// Credentials of the simulated vendors: the same id and secret for all.
const (
	vendorID     = "dev-id"
	vendorSecret = "dev-vendor-secret" //nolint:gosec // of vendors that are simulated
)

// simulatedVendors is all vendors and the page that shows their inbox.
type simulatedVendors struct {
	*world.World
	page     *http.Server
	inbox    *inbox
	inboxURL string
}

// startVendors starts all vendors, and serves their inbox at the address.
func startVendors(ctx context.Context, address string) (*simulatedVendors, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("inbox of the simulated vendors: %w", err)
	}
	all, err := world.Start(ctx, vendorID, vendorSecret)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	inbox := newInbox(all.Inbox, all.Feishu)
	page := &http.Server{Handler: inbox.handler(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = page.Serve(l) }() // it ends with close
	return &simulatedVendors{World: all, page: page, inbox: inbox, inboxURL: "http://" + l.Addr().String()}, nil
}

func (v *simulatedVendors) close() error { return errors.Join(v.page.Close(), v.Close()) }
