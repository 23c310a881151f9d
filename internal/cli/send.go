package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/labring/sealos-notify/client"
)

type sendCommand struct {
	Remote
	Template  string            `arg:"" optional:"" help:"Template; looking up its channel needs the role templates."`
	Templates map[string]string `name:"template" short:"t" mapsep:"none" placeholder:"CHANNEL=TEMPLATE" help:"Template for a channel; may be repeated."`
	paramFlags
	To        []string `required:"" sep:"none" placeholder:"TYPE:VALUE" help:"Recipient, such as email:alice@example.com; may be repeated. Types: ${recipient_types}."`
	Key       string   `placeholder:"KEY" help:"Idempotency key: the same key is the same notification, however often it is sent. Random when left out."`
	SendAt    future   `placeholder:"TIME" help:"Not before this time: RFC 3339, or how long from now, such as 2h or 7d."`
	ExpiresAt future   `placeholder:"TIME" help:"Not after this time: RFC 3339, or how long from now."`
	Priority  string   `enum:",high,normal,low" default:"" placeholder:"PRIORITY" help:"high, normal or low."`
	waitFlags
}

// Run sends the notification.
func (c sendCommand) Run(ctx context.Context, s *session) error {
	request, err := c.request(ctx, s)
	if err != nil {
		return err
	}
	accepted, err := s.api.Send(ctx, request)
	if err != nil {
		return err
	}
	return c.follow(ctx, s, accepted, request.IdempotencyKey)
}

// waitFlags are whether and how long a command waits for a notification.
type waitFlags struct {
	Wait    bool `help:"Wait until the notification has ended."`
	Timeout span `default:"10m" placeholder:"DURATION" help:"Wait no longer than this (${default})."`
}

// follow prints what was accepted or, with --wait, its result.
func (f waitFlags) follow(ctx context.Context, s *session, accepted client.Accepted, key string) error {
	if !f.Wait {
		return s.print(accepted, func(w io.Writer) { announce(w, accepted, key) })
	}
	announce(s.progress, accepted, key)
	return s.await(ctx, accepted.NotificationID, key, f.Timeout.Duration)
}

func announce(w io.Writer, a client.Accepted, key string) {
	verb := "Accepted"
	if a.Replayed {
		verb = "Accepted before:"
	}
	fmt.Fprintf(w, "%s notification %s with %s (key %s).\n", verb, a.NotificationID, count(a.Deliveries, "delivery"), key)
	for _, r := range a.Unmatched {
		fmt.Fprintf(w, "Not reached by any of the channels: %s:%s\n", r.Type, r.Value)
	}
}

func (c sendCommand) request(ctx context.Context, s *session) (client.SendRequest, error) {
	r := client.SendRequest{
		IdempotencyKey: c.Key, Channels: map[string]client.Message{},
		SendAt: c.SendAt.orNil(), ExpiresAt: c.ExpiresAt.orNil(), Priority: c.Priority,
	}
	if r.IdempotencyKey == "" {
		r.IdempotencyKey = "cli-" + rand.Text()
	}
	for _, to := range c.To {
		recipient, err := parseRecipient(to)
		if err != nil {
			return r, err
		}
		r.Recipients = append(r.Recipients, recipient)
	}
	params, err := c.values()
	if err != nil {
		return r, err
	}
	for channel, template := range c.Templates {
		r.Channels[channel] = client.Message{Template: template, Params: params}
	}
	if c.Template != "" {
		channel, err := channelOf(ctx, s.api, c.Template)
		if err != nil {
			return r, err
		}
		r.Channels[channel] = client.Message{Template: c.Template, Params: params}
	}
	if len(r.Channels) == 0 {
		return r, errors.New("name a template, or --template CHANNEL=TEMPLATE")
	}
	return r, nil
}

func parseRecipient(to string) (client.Recipient, error) {
	kind, value, found := strings.Cut(to, ":")
	if !found {
		return client.Recipient{}, fmt.Errorf("--to %s: must be TYPE:VALUE, such as email:alice@example.com", to)
	}
	return client.Recipient{Type: kind, Value: value}, nil
}

func channelOf(ctx context.Context, api *client.Client, template string) (string, error) {
	t, err := api.Template(ctx, template)
	var p *client.Problem
	if errors.As(err, &p) {
		switch p.Status {
		case http.StatusNotFound:
			return "", fmt.Errorf("there is no template %s: %w", template, err)
		case http.StatusForbidden:
			return "", fmt.Errorf("the channel cannot be looked up; name it: --template CHANNEL=%s: %w", template, err)
		}
	}
	return t.Channel, err
}
