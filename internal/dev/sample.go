package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Credentials of the one app that dev knows.
const appID, appSecret = "notify-console", "dev-secret"

// sampleTemplates are the templates of the sample, one for each channel.
var sampleTemplates = []map[string]string{
	{
		"name": "inapp-alert", "channel": "inapp",
		"subject": "{{ .severity }} 告警", "body": "{{ .incident }}",
	},
	{
		"name": "email-alert", "channel": "email", "msgType": "html",
		"subject": "【{{ .severity }}】{{ .incident }}", "body": "<h1>{{ .incident }}</h1><p>严重级别:<b>{{ .severity }}</b></p>",
	},
	{"name": "sms-alert", "channel": "sms", "templateCode": "SMS_0001"},
	{"name": "voice-alert", "channel": "voice", "templateCode": "TPL_0001"},
	{
		"name": "group-alert", "channel": "feishu_webhook", "msgType": "text",
		"body": "【告警】{{ .incident }}(严重级别:{{ .severity }})",
	},
	{
		"name": "feishu-alert", "channel": "feishu_app", "msgType": "text",
		"body": "【告警】{{ .incident }}(严重级别:{{ .severity }})",
	},
}

// sampleRecipients reach each channel once.
var sampleRecipients = []map[string]string{
	{"type": "user_id", "value": "alice"},
	{"type": "email", "value": "alice@example.com"},
	{"type": "phone", "value": "+8613800000000"},
}

// task is a delivery as the API shows it.
type task struct {
	ID        string `json:"id"`
	Channel   string `json:"channel"`
	Status    string `json:"status"`
	LastError string `json:"lastError"`
	Recipient struct {
		Value string `json:"value"`
	} `json:"recipient"`
}

// sample sends one notification over all channels, through the API, waits until
// it has ended and prints what came of it.
func sample(ctx context.Context, api client, inbox *vendors.Inbox, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, arriveTime)
	defer cancel()

	channels := map[string]any{}
	for _, t := range sampleTemplates {
		if err := api.putTemplate(ctx, t); err != nil {
			return err
		}
		channels[t["channel"]] = map[string]any{
			"template": t["name"],
			"params":   map[string]any{"incident": "DB 主节点不可用", "severity": "P0"},
		}
	}
	started := time.Now()
	var accepted struct {
		NotificationID string `json:"notificationId"`
		Deliveries     int    `json:"deliveries"`
	}
	err := api.do(ctx, http.MethodPost, "/api/v1/notifications", map[string]any{
		"idempotencyKey": "dev-sample-" + started.Format(time.RFC3339Nano),
		"channels":       channels,
		"recipients":     sampleRecipients,
	}, &accepted)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "Accepted notification %s with %d deliveries in %s.\n\n",
		accepted.NotificationID, accepted.Deliveries, time.Since(started).Round(time.Millisecond))

	n, err := api.await(ctx, accepted.NotificationID)
	if err != nil {
		return err
	}
	if err := printTasks(out, n.Tasks, inbox.Arrivals(), started); err != nil {
		return err
	}
	if n.Status != "success" {
		return fmt.Errorf("the sample notification ended as %s", n.Status)
	}
	return nil
}

// printTasks prints each delivery with when and what its vendor received.
func printTasks(out io.Writer, tasks []task, arrivals []vendors.Arrival, started time.Time) error {
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

// client calls the API as any app would.
type client struct{ base string }

type apiError struct {
	status int
	body   string
}

func (e *apiError) Error() string { return fmt.Sprintf("the API answered %d: %s", e.status, e.body) }

func (c client) do(ctx context.Context, method, path string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-App-Id", appID)
	req.Header.Set("X-App-Secret", appSecret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return &apiError{resp.StatusCode, string(read)}
	}
	return json.Unmarshal(read, answer)
}

// putTemplate makes a template, or puts it right when it is there.
func (c client) putTemplate(ctx context.Context, template map[string]string) error {
	var stored struct{}
	err := c.do(ctx, http.MethodPost, "/api/v1/templates", template, &stored)
	var refused *apiError
	if errors.As(err, &refused) && refused.status == http.StatusConflict {
		return c.do(ctx, http.MethodPut, "/api/v1/templates/"+template["name"], template, &stored)
	}
	return err
}

type notification struct {
	Status string `json:"status"`
	Tasks  []task `json:"tasks"`
}

// await reads the notification until nothing of it is open any more, or until
// ctx ends: then it returns what there is.
func (c client) await(ctx context.Context, id string) (notification, error) {
	var n notification
	for {
		if err := c.do(context.WithoutCancel(ctx), http.MethodGet, "/api/v1/notifications/"+id, nil, &n); err != nil {
			return n, err
		}
		if n.Status != "pending" && n.Status != "processing" {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return n, nil
		case <-time.After(20 * time.Millisecond):
		}
	}
}
