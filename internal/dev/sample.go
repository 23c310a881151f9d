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

// Credentials of the one app that dev knows, and the template it makes.
const (
	appID          = "notify-console"
	appSecret      = "dev-secret"
	sampleTemplate = "feishu-alert"
)

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

// sample sends one notification through the API, waits until it has ended and
// prints what came of it.
func sample(ctx context.Context, api client, inbox *vendors.Inbox, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, arriveTime)
	defer cancel()

	if err := api.putTemplate(ctx); err != nil {
		return err
	}
	before := inbox.Total()
	started := time.Now()
	var accepted struct {
		NotificationID string `json:"notificationId"`
		Deliveries     int    `json:"deliveries"`
	}
	err := api.do(ctx, http.MethodPost, "/api/v1/notifications", map[string]any{
		"idempotencyKey": "dev-sample-" + started.Format(time.RFC3339Nano),
		"channels": map[string]any{
			"feishu_app": map[string]any{
				"template": sampleTemplate,
				"params":   map[string]any{"incident": "DB 主节点不可用", "severity": "P0"},
			},
		},
		"recipients": []map[string]string{
			{"type": "feishu_user_id", "value": "ou_alice"},
			{"type": "email", "value": "bob@example.com"},
		},
	}, &accepted)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "Accepted notification %s with %d deliveries in %s.\n\n",
		accepted.NotificationID, accepted.Deliveries, time.Since(started).Round(time.Millisecond))

	// Arrival comes first, its record a moment later.
	_ = inbox.Wait(ctx, before+accepted.Deliveries) // what did not arrive is told below
	notification, err := api.await(ctx, accepted.NotificationID)
	if err != nil {
		return err
	}
	arrivedAt := map[string]time.Time{}
	for _, a := range inbox.Arrivals() {
		arrivedAt[a.Mark] = a.At
	}
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(table, "CHANNEL\tRECIPIENT\tSTATUS\tARRIVED AFTER\tERROR")
	for _, t := range notification.Tasks {
		after := "-"
		if at, ok := arrivedAt[t.ID]; ok {
			after = at.Sub(started).Round(time.Millisecond).String()
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", t.Channel, t.Recipient.Value, t.Status, after, t.LastError)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if notification.Status != "success" {
		return fmt.Errorf("the sample notification ended as %s", notification.Status)
	}
	return nil
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

// putTemplate makes the sample template, or puts it right when it is there.
func (c client) putTemplate(ctx context.Context) error {
	template := map[string]any{
		"name": sampleTemplate, "channel": "feishu_app", "msgType": "text",
		"body": "【告警】{{ .incident }}(严重级别:{{ .severity }})",
	}
	var stored struct{}
	err := c.do(ctx, http.MethodPost, "/api/v1/templates", template, &stored)
	var refused *apiError
	if errors.As(err, &refused) && refused.status == http.StatusConflict {
		return c.do(ctx, http.MethodPut, "/api/v1/templates/"+sampleTemplate, template, &stored)
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
