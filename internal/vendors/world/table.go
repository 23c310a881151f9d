package world

import (
	"fmt"
	"strings"

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

// channel is the simulated vendor of a channel, and the provider that calls it.
type channel struct {
	name     string
	provider string
	faults   map[string]vendors.Fault // by name
	start    func(w *World) vendor
	// keys are the provider's, one on a line, for the vendor's address and the path of the
	// kubeconfig file.
	keys func(w *World, address, kubeconfig string) string
}

var table = []channel{
	{
		name: "inapp", provider: "sealos-inapp", faults: k8s.Faults,
		start: func(w *World) vendor {
			w.Cluster = k8s.New("", w.Inbox)
			return w.Cluster
		},
		keys: func(_ *World, _, kubeconfig string) string {
			return fmt.Sprintf(`
				type: inapp_crd
				kubeconfig: %q`, kubeconfig)
		},
	},
	{
		name: "email", provider: "smtp-default", faults: smtp.Faults,
		start: func(w *World) vendor {
			w.Mail = smtp.New(w.id, w.secret, w.Inbox)
			return w.Mail
		},
		keys: func(w *World, address, _ string) string {
			host, port, _ := strings.Cut(address, ":")
			return fmt.Sprintf(`
				type: smtp
				host: %s
				port: %s
				username: %q
				password: %q
				from: "Sealos <notify@example.com>"
				startTLS: "off"`, host, port, w.id, w.secret)
		},
	},
	{
		name: "sms", provider: "aliyun-sms", faults: aliyun.Faults,
		start: func(w *World) vendor {
			w.SMS = aliyun.New(w.id, w.secret, w.Inbox)
			return w.SMS
		},
		keys: func(w *World, address, _ string) string {
			return fmt.Sprintf(`
				type: aliyun_sms
				endpoint: "http://%s"
				accessKeyId: %q
				accessKeySecret: %q
				signName: "Sealos"`, address, w.id, w.secret)
		},
	},
	{
		name: "voice", provider: "volcengine-vms", faults: volcengine.Faults,
		start: func(w *World) vendor {
			w.Voice = volcengine.New(w.id, w.secret, w.Inbox)
			return w.Voice
		},
		keys: func(w *World, address, _ string) string {
			return fmt.Sprintf(`
				type: volcengine_vms
				endpoint: "http://%s"
				accessKeyId: %q
				accessKeySecret: %q
				numberPool: "NP001"`, address, w.id, w.secret)
		},
	},
	{
		name: "feishu_webhook", provider: "feishu-group", faults: feishubot.Faults,
		start: func(w *World) vendor {
			w.Bot = feishubot.New(w.id, w.secret, w.Inbox)
			return w.Bot
		},
		keys: func(w *World, address, _ string) string {
			return fmt.Sprintf(`
				type: feishu_webhook
				webhookUrl: "http://%s%s"
				secret: %q
				allowedHosts: [%q]
				allowPrivateNetworks: true # the simulated bot runs on this machine`, address, feishubot.Path(w.id), w.secret, address)
		},
	},
	{
		name: "feishu_app", provider: "feishu-app-urgent", faults: feishu.Faults,
		start: func(w *World) vendor {
			w.Feishu = feishu.New(w.id, w.secret, w.Inbox)
			return w.Feishu
		},
		keys: func(w *World, address, _ string) string {
			return fmt.Sprintf(`
				type: feishu_app
				appId: %q
				appSecret: %q
				baseUrl: "http://%s"
				urgentType: app`, w.id, w.secret, address)
		},
	},
	{
		name: "dingtalk_group", provider: "dingtalk-group", faults: dingtalk.Faults,
		start: func(w *World) vendor {
			w.DingTalk = dingtalk.New(w.id, w.secret, w.Inbox)
			return w.DingTalk
		},
		keys: func(w *World, address, _ string) string {
			return fmt.Sprintf(`
				type: dingtalk_group
				webhookUrl: "http://%s%s"
				secret: %q
				allowedHosts: [%q]
				allowPrivateNetworks: true # the simulated robot runs on this machine`, address, dingtalk.Path(w.id), w.secret, address)
		},
	},
	{
		name: "wecom_group", provider: "wecom-group", faults: wecom.Faults,
		start: func(w *World) vendor {
			w.WeCom = wecom.New(w.id, w.Inbox)
			return w.WeCom
		},
		keys: func(w *World, address, _ string) string {
			return fmt.Sprintf(`
				type: wecom_group
				webhookUrl: "http://%s%s"
				allowedHosts: [%q]
				allowPrivateNetworks: true # the simulated robot runs on this machine`, address, wecom.Path(w.id), address)
		},
	},
	{
		name: "webhook", provider: "ticket-system", faults: webhook.Faults,
		start: func(w *World) vendor {
			w.Webhook = webhook.New(w.secret, w.Inbox)
			return w.Webhook
		},
		keys: func(w *World, address, _ string) string {
			return fmt.Sprintf(`
				type: webhook
				url: "http://%s%s"
				authorization: "Bearer %s"
				secret: %q
				success: {path: "$.ok", value: "true"}
				allowedHosts: [%q]
				allowPrivateNetworks: true # the simulated receiver runs on this machine`,
				address, webhook.Path, w.secret, webhook.Secret(w.secret), address)
		},
	},
}
