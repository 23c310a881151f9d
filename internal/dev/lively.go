package dev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/vendors/world"
)

// receiver is who gets the alerts that are posted.
const receiver = "dev"

// livelyTemplates are those that the console has something to show with.
var livelyTemplates = []client.TemplateRequest{
	{Name: "alert-card", Channel: "feishu_app", MsgType: "interactive", Body: `{
  "header": {"template": "{{ if eq .status "resolved" }}green{{ else }}red{{ end }}", "title": {"tag": "plain_text", "content": "{{ .title }}"}},
  "elements": [
    {"tag": "markdown", "content": "{{ range $alert := .alerts }}**{{ index $alert.labels "alertname" | default "alert" | plain }}**\n{{ with index $alert.annotations "summary" }}{{ plain . }}\n{{ end }}{{ end }}"},
    {"tag": "note", "elements": [{"tag": "plain_text", "content": "{{ .firing }} firing, {{ .resolved }} resolved · {{ .receiver }}"}]}
  ]
}`},
	{Name: "release-card", Channel: "feishu_app", MsgType: "interactive", Body: `{
  "header": {"template": "turquoise", "title": {"tag": "plain_text", "content": "{{ .service }} {{ .version }} is live"}},
  "elements": [
    {"tag": "div", "fields": [
      {"is_short": true, "text": {"tag": "lark_md", "content": "**Cluster**\n{{ .cluster }}"}},
      {"is_short": true, "text": {"tag": "lark_md", "content": "**By**\n{{ .by }}"}}]},
    {"tag": "hr"},
    {"tag": "markdown", "content": "{{ .notes }}"},
    {"tag": "action", "actions": [{"tag": "button", "type": "primary", "url": "https://example.com/releases", "text": {"tag": "plain_text", "content": "What is new"}}]}
  ]
}`},
	{
		Name: "invoice", Channel: "email", MsgType: "html", Subject: "Invoice {{ .number }}",
		Body: `<div style="font-family: sans-serif"><h2 style="color: #1d5be0">Invoice {{ .number }}</h2>` +
			`<table cellpadding="6"><tr><td>{{ .item }}</td><td align="right"><b>{{ .amount }}</b></td></tr></table><p>Thank you.</p></div>`,
	},
	{Name: "login-code", Channel: "sms", TemplateCode: "SMS_0001"},
	{Name: "outage-call", Channel: "voice", TemplateCode: "TPL_0001"},
	{Name: "group-note", Channel: "feishu_webhook", MsgType: "text", Body: "{{ .text }}"},
}

// scene is a notification, and the fault that it meets.
type scene struct {
	channel, template string
	to                client.Recipient
	params            map[string]any
	fault             string // of the channel's vendor; empty for none
}

// scenes show what happens to notifications: one arrives at once, one is told to wait, one finds
// its vendor down and is retried, and two are refused for good: dead letters, which arrive when
// they are sent again.
var scenes = []scene{
	{"feishu_app", "release-card", client.Recipient{Type: "feishu_user_id", Value: "ou_alice"}, map[string]any{
		"service": "billing", "version": "v2.4.0", "cluster": "hzh-1", "by": "alice", "notes": "- invoices in **two languages**\n- <font color='green'>faster search</font>",
	}, ""},
	{"email", "invoice", client.Recipient{Type: "email", Value: "bob@example.com"}, map[string]any{"number": "2026-0117", "item": "Cluster hzh-1, January", "amount": "¥ 1,280.00"}, ""},
	{"dingtalk_group", "dingtalk-alert", client.Recipient{Type: "dingtalk_group", Value: "dingtalk-group"}, map[string]any{"incident": "Backup of db-1 is late", "severity": "P2"}, "down"},
	{"webhook", "webhook-alert", client.Recipient{Type: "webhook", Value: "ticket-system"}, map[string]any{"incident": "Certificate of hzh-1 ends in 7 days", "severity": "P3"}, ""},
	{"feishu_webhook", "group-note", client.Recipient{Type: "feishu_group", Value: "feishu-group"}, map[string]any{"text": "Maintenance of hzh-1 begins at 22:00."}, "throttle"},
	{"voice", "outage-call", client.Recipient{Type: "phone", Value: "+8613900000000"}, map[string]any{"incident": "database down", "severity": "P0"}, "down"},
	{"sms", "login-code", client.Recipient{Type: "phone", Value: "+8613700000000"}, map[string]any{"incident": "login", "severity": "P2"}, "refuse"},
	{"email", "invoice", client.Recipient{Type: "email", Value: "left@example.com"}, map[string]any{"number": "2026-0118", "item": "Cluster hzh-2, January", "amount": "¥ 320.00"}, "refuse"},
}

// enliven fills the service with something to look at.
func enliven(ctx context.Context, api *client.Client, vendors *world.World, base string) error {
	for _, t := range livelyTemplates {
		if err := putTemplate(ctx, api, t); err != nil {
			return err
		}
	}
	for _, s := range scenes {
		if err := s.play(ctx, api, vendors); err != nil {
			return err
		}
	}
	return postAlert(ctx, base)
}

// play sends the notification, and waits until it has met its fault.
func (s scene) play(ctx context.Context, api *client.Client, vendors *world.World) error {
	ctx, cancel := context.WithTimeout(ctx, arriveTime)
	defer cancel()
	met := func() error { return nil }
	if s.fault != "" {
		fault, err := vendors.Fail(s.channel + "=" + s.fault)
		if err != nil {
			return err
		}
		met = func() error { return fault.Wait(ctx, 1) }
	}
	_, err := api.Send(ctx, client.SendRequest{
		IdempotencyKey: fmt.Sprintf("dev-%s-%d", s.template, time.Now().UnixNano()),
		Channels:       map[string]client.Message{s.channel: {Template: s.template, Params: s.params}},
		Recipients:     []client.RecipientRequest{{Type: s.to.Type, Value: s.to.Value}},
	})
	if err != nil {
		return err
	}
	return met()
}

// alertBody returns what Alertmanager posts of a group with one alert, which fires.
func alertBody(group, summary string) string {
	return fmt.Sprintf(`{"version": "4", "groupKey": %[1]q, "status": "firing", "receiver": %[2]q, "groupLabels": {"alertname": "DiskFull"},
  "alerts": [{"status": "firing", "labels": {"alertname": "DiskFull"}, "annotations": {"summary": %[3]q},
    "startsAt": "2026-01-31T08:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": %[1]q}]}`, group, receiver, summary)
}

// postAlert posts an alert to the receiver, as Alertmanager would.
func postAlert(ctx context.Context, base string) error {
	body := alertBody(fmt.Sprintf("dev-%d", time.Now().UnixNano()), "Disk of db-0 is 92% full")
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/api/v1/integrations/alertmanager", bytes.NewBufferString(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(appID, appSecret)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusAccepted {
		err = fmt.Errorf("the alert was answered %s: %s", resp.Status, text)
	}
	return errors.Join(err, resp.Body.Close())
}
