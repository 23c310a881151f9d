package world

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/aliyun"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
	"github.com/labring/sealos-notify/internal/vendors/feishubot"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
	"github.com/labring/sealos-notify/internal/vendors/smtp"
	"github.com/labring/sealos-notify/internal/vendors/volcengine"
)

// faults are the vendors' faults, by channel and by name.
var faults = map[string]map[string]vendors.Fault{
	"inapp": k8s.Faults, "email": smtp.Faults, "sms": aliyun.Faults, "voice": volcengine.Faults,
	"feishu_webhook": feishubot.Faults, "feishu_app": feishu.Faults,
}

// CheckFault checks a fault that is written as CHANNEL=NAME. Its error lists the channels,
// or the names.
func CheckFault(fault string) error {
	channel, name, _ := strings.Cut(fault, "=")
	named, known := faults[channel]
	if !known {
		return fmt.Errorf("%q is not CHANNEL=NAME with a channel of %s", fault, list(faults))
	}
	if _, known := named[name]; !known {
		return fmt.Errorf("%q: no such fault; %s has %s", fault, channel, list(named))
	}
	return nil
}

// Fail makes a channel's vendor have a fault, written as CHANNEL=NAME.
func (w *World) Fail(fault string) error {
	if err := CheckFault(fault); err != nil {
		return err
	}
	channel, name, _ := strings.Cut(fault, "=")
	vendor := map[string]interface {
		Fail(f vendors.Fault) *vendors.Injection
	}{
		"inapp": w.Cluster, "email": w.Mail, "sms": w.SMS, "voice": w.Voice, "feishu_webhook": w.Bot, "feishu_app": w.Feishu,
	}[channel]
	vendor.Fail(faults[channel][name])
	return nil
}

func list[T any](m map[string]T) string { return strings.Join(slices.Sorted(maps.Keys(m)), ", ") }
