package dev

import (
	"net/http"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// Credentials of the simulated vendors.
const (
	feishuAppID     = "cli_dev"
	feishuAppSecret = "dev-feishu-secret" //nolint:gosec // of a vendor that is simulated
)

// simulatedVendors are all vendors behind one address, with one inbox.
type simulatedVendors struct {
	inbox  *vendors.Inbox
	feishu *feishu.Platform
}

func newVendors() *simulatedVendors {
	inbox := vendors.NewInbox()
	return &simulatedVendors{inbox: inbox, feishu: feishu.New(feishuAppID, feishuAppSecret, inbox)}
}

func (v *simulatedVendors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.feishu.ServeHTTP(w, r)
}
