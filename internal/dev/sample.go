package dev

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/labring/sealos-notify/client"
	"github.com/labring/sealos-notify/internal/vendors"
)

// Credentials of dev's only app.
const appID, appSecret = "notify-console", "dev-secret"

// sampleTemplates are the templates of the sample, one for each channel.
var sampleTemplates = []client.TemplateRequest{
	{Name: "inapp-alert", Channel: "inapp", Subject: "{{ .severity }} 告警", Body: "{{ .incident }}"},
	{
		Name: "email-alert", Channel: "email", MsgType: "html",
		Subject: "【{{ .severity }}】{{ .incident }}", Body: "<h1>{{ .incident }}</h1><p>严重级别:<b>{{ .severity }}</b></p>",
	},
	{Name: "sms-alert", Channel: "sms", TemplateCode: "SMS_0001"},
	{Name: "voice-alert", Channel: "voice", TemplateCode: "TPL_0001"},
	{
		Name: "group-alert", Channel: "feishu_webhook", MsgType: "text",
		Body: "【告警】{{ .incident }}(严重级别:{{ .severity }})",
	},
	{
		Name: "feishu-alert", Channel: "feishu_app", MsgType: "text",
		Body: "【告警】{{ .incident }}(严重级别:{{ .severity }})",
	},
	{Name: "dingtalk-alert", Channel: "dingtalk_group", MsgType: "markdown", Body: "### {{ .incident }}\n> 严重级别:**{{ .severity }}**"},
	{Name: "wecom-alert", Channel: "wecom_group", MsgType: "markdown", Body: "# {{ .incident }}\n> 严重级别:<font color=\"warning\">{{ .severity }}</font>"},
	{Name: "webhook-alert", Channel: "webhook", MsgType: "json", Body: `{"incident": "{{ .incident }}", "severity": "{{ .severity }}"}`},
}

// sampleRecipients are one recipient for each channel.
var sampleRecipients = []client.RecipientRequest{
	{Type: "user_id", Value: "alice"},
	{Type: "email", Value: "alice@example.com"},
	{Type: "phone", Value: "+8613800000000"},
	{Type: "dingtalk_group", Value: "dingtalk-group"},
	{Type: "wecom_group", Value: "wecom-group"},
	{Type: "webhook", Value: "ticket-system"},
}

// sample sends one notification over all channels through the API, waits until it
// has ended, and prints its deliveries.
func sample(ctx context.Context, api *client.Client, inbox *vendors.Inbox, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, arriveTime)
	defer cancel()

	channels := map[string]client.Message{}
	for _, t := range sampleTemplates {
		if err := putTemplate(ctx, api, t); err != nil {
			return err
		}
		channels[t.Channel] = client.Message{
			Template: t.Name, Params: map[string]any{"incident": "DB 主节点不可用", "severity": "P0"},
		}
	}
	started := time.Now()
	accepted, err := api.Send(ctx, client.SendRequest{
		IdempotencyKey: "dev-sample-" + started.Format(time.RFC3339Nano), Channels: channels, Recipients: sampleRecipients,
	})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "Accepted notification %s with %d deliveries in %s.\n\n",
		accepted.NotificationID, accepted.Deliveries, time.Since(started).Round(time.Millisecond))

	n, err := await(ctx, api, accepted.NotificationID)
	if err != nil {
		return err
	}
	if err := printTasks(out, n.Tasks, inbox.Arrivals(), started); err != nil {
		return err
	}
	if n.Status != client.StatusSuccess {
		return fmt.Errorf("the sample notification ended as %s", n.Status)
	}
	return nil
}

// printTasks prints each delivery with the time until its vendor received it.
func printTasks(out io.Writer, tasks []client.Delivery, arrivals []vendors.Arrival, started time.Time) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "CHANNEL\tRECIPIENT\tSTATUS\tARRIVED AFTER\tERROR")
	for _, t := range tasks {
		after := "-"
		for _, a := range arrivals {
			if a.Mark == t.ID {
				after = a.At.Sub(started).Round(time.Millisecond).String()
			}
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", t.Channel, t.Recipient.Value, t.Status, after, t.LastError)
	}
	return table.Flush()
}

// putTemplate creates a template, or replaces it when it exists.
func putTemplate(ctx context.Context, api *client.Client, t client.TemplateRequest) error {
	_, err := api.CreateTemplate(ctx, t)
	var refused *client.Problem
	if errors.As(err, &refused) && refused.Status == http.StatusConflict {
		_, err = api.ReplaceTemplate(ctx, client.ReplaceRequest{TemplateRequest: t})
	}
	return err
}

// await reads the notification until it has ended or ctx ends, and returns what it
// read last.
func await(ctx context.Context, api *client.Client, id string) (client.Notification, error) {
	for {
		n, err := api.Notification(context.WithoutCancel(ctx), id)
		if err != nil || n.Ended() {
			return n, err
		}
		select {
		case <-ctx.Done():
			return n, nil
		case <-time.After(20 * time.Millisecond):
		}
	}
}
