package world

import (
	"fmt"
	"strings"

	"github.com/labring/sealos-notify/internal/vendors/feishubot"
	"github.com/labring/sealos-notify/internal/vendors/k8s"
)

// Channels is the `channels` section for Providers. All six channels are enabled.
const Channels = `
  inapp: {enabled: true, provider: sealos-inapp}
  email: {enabled: true, provider: smtp-default}
  sms: {enabled: true, provider: aliyun-sms}
  voice: {enabled: true, provider: volcengine-vms}
  feishu_webhook: {enabled: true, provider: feishu-group}
  feishu_app: {enabled: true, provider: feishu-app-urgent}
`

// Kubeconfig returns the in-app provider's kubeconfig file for the addresses.
func Kubeconfig(at Addresses) []byte { return k8s.Kubeconfig("http://"+at.Cluster, "", nil) }

// Providers returns the `providers` section for the addresses and the path of the
// kubeconfig file. Each provider also gets the common keys, such as
// "rateLimit: {perSecond: 0}".
func (w *World) Providers(at Addresses, kubeconfig string, common ...string) string {
	mailHost, mailPort, _ := strings.Cut(at.Mail, ":")
	account := fmt.Sprintf("accessKeyId: %q\n    accessKeySecret: %q", w.id, w.secret)
	var b strings.Builder
	for _, p := range []struct{ name, keys string }{
		{"sealos-inapp", fmt.Sprintf(`type: inapp_crd
    kubeconfig: %q`, kubeconfig)},
		{"smtp-default", fmt.Sprintf(`type: smtp
    host: %s
    port: %s
    username: %q
    password: %q
    from: "Sealos <notify@example.com>"
    startTLS: "off"`, mailHost, mailPort, w.id, w.secret)},
		{"aliyun-sms", fmt.Sprintf(`type: aliyun_sms
    endpoint: "http://%s"
    %s
    signName: "Sealos"`, at.SMS, account)},
		{"volcengine-vms", fmt.Sprintf(`type: volcengine_vms
    endpoint: "http://%s"
    %s
    numberPool: "NP001"`, at.Voice, account)},
		{"feishu-group", fmt.Sprintf(`type: feishu_webhook
    webhookUrl: "http://%s%s"
    secret: %q
    allowedHosts: [%q]
    allowPrivateNetworks: true # the simulated bot runs on this machine`, at.Bot, feishubot.Path(w.id), w.secret, at.Bot)},
		{"feishu-app-urgent", fmt.Sprintf(`type: feishu_app
    appId: %q
    appSecret: %q
    baseUrl: "http://%s"
    urgentType: app`, w.id, w.secret, at.Feishu)},
	} {
		fmt.Fprintf(&b, "\n  %s:\n    %s", p.name, p.keys)
		for _, line := range common {
			b.WriteString("\n    " + line)
		}
	}
	return b.String() + "\n"
}
