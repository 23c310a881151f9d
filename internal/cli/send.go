package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/labring/sealos-notify/client"
)

type sendCommand struct {
	Remote
	Template  string            `arg:"" optional:"" help:"Template; looking up its channel needs the role templates."`
	Templates map[string]string `name:"template" short:"t" mapsep:"none" placeholder:"CHANNEL=TEMPLATE" help:"Template for a channel; may be repeated."`
	paramFlags
	To        []string `sep:"none" placeholder:"[CHANNEL=]TYPE:VALUE" help:"Recipient, such as email:alice@example.com; may be repeated. With a channel (feishu_webhook=feishu_group:team-a) that channel goes to its own recipients only. Types: contact, group, ${recipient_types}."`
	ToFile    string   `type:"existingfile" placeholder:"FILE" help:"Recipients as a JSON list, as in the API: objects with type, value and, if they have their own, params, locale and timeZone."`
	Locale    string   `placeholder:"LOCALE" help:"Language of recipients that have none, such as zh or en: it chooses among a template's texts."`
	Mention   []string `sep:"none" placeholder:"[CHANNEL=]TYPE:VALUE" help:"Somebody to mention in each message to a group, such as feishu_user_id:ou_x; may be repeated. The channel may be left out when there is only one."`
	Key       string   `placeholder:"KEY" help:"Idempotency key: the same key is the same notification, however often it is sent. Random when left out."`
	SendAt    future   `placeholder:"TIME" help:"Not before this time: RFC 3339, or how long from now, such as 2h or 7d."`
	ExpiresAt future   `placeholder:"TIME" help:"Not after this time: RFC 3339, or how long from now."`
	Priority  string   `enum:",high,normal,low" default:"" placeholder:"PRIORITY" help:"high, normal or low."`
	Kind      string   `placeholder:"NAME" help:"Kind of the notification, which has quiet hours and caps."`
	Thread    string   `placeholder:"NAME" help:"Thread: its later notifications edit the message of the first one where the channel can."`
	Resolved  bool     `help:"What the thread is about is over; with --thread."`
	waitFlags
}

// Validate implements kong.Validatable.
func (c sendCommand) Validate() error {
	if len(c.To) == 0 && c.ToFile == "" {
		return errors.New("name a recipient with --to TYPE:VALUE, or many with --to-file FILE")
	}
	if c.Resolved && c.Thread == "" {
		return errors.New("--resolved is for a notification of a thread: name it with --thread")
	}
	return nil
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
	return s.await(ctx, accepted.NotificationID, f.Timeout.Duration)
}

func announce(w io.Writer, a client.Accepted, key string) {
	verb := "Accepted"
	if a.Replayed {
		verb = "Accepted before:"
	}
	with := count(a.Deliveries, "delivery")
	if a.Expansion != nil {
		with = expansionText(a.Expansion)
	}
	fmt.Fprintf(w, "%s notification %s with %s (key %s).\n", verb, a.NotificationID, with, key)
	for _, code := range slices.Sorted(maps.Keys(a.Withheld)) {
		fmt.Fprintf(w, "Not sent: %s (%s)\n", count(a.Withheld[code], "delivery"), withheldText(code))
	}
	for _, r := range a.Unmatched {
		fmt.Fprintf(w, "Not reached by any of the channels: %s:%s\n", r.Type, r.Value)
	}
	reachText(w, a.Contacts)
	if a.Incident != nil {
		fmt.Fprintf(w, "Incident: %s. Acknowledge it with: sealos-notify ack %s\n", incidentText(*a.Incident), a.NotificationID)
	}
}

// reachText writes how many contacts are reached, and which lack an address.
func reachText(w io.Writer, r *client.Reach) {
	if r == nil {
		return
	}
	fmt.Fprintf(w, "Reached: %d of %s.\n", r.Reached, count(r.Total, "contact"))
	for _, c := range r.Contacts {
		if len(c.Without) > 0 {
			fmt.Fprintf(w, "%s has no address for %s.\n", c.Name, strings.Join(c.Without, ", "))
		}
	}
	for _, name := range r.Unknown {
		fmt.Fprintf(w, "No contact is called %s.\n", name)
	}
}

func (c sendCommand) request(ctx context.Context, s *session) (client.SendRequest, error) {
	r := client.SendRequest{
		IdempotencyKey: c.Key, Channels: map[string]client.Message{},
		SendAt: c.SendAt.orNil(), ExpiresAt: c.ExpiresAt.orNil(), Priority: c.Priority, Kind: c.Kind, Locale: c.Locale,
		Thread: c.Thread, Resolved: c.Resolved,
	}
	if r.IdempotencyKey == "" {
		r.IdempotencyKey = "cli-" + rand.Text()
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
	return r, c.address(&r)
}

// address adds the recipients and those whom messages mention.
func (c sendCommand) address(r *client.SendRequest) (err error) {
	if c.ToFile != "" {
		if r.Recipients, err = readRecipients(c.ToFile); err != nil {
			return fmt.Errorf("--to-file %s: %w", c.ToFile, err)
		}
	}
	for _, to := range c.To {
		channel, recipient, err := parseAddress("--to", to)
		if err != nil {
			return err
		}
		if channel == "" {
			r.Recipients = append(r.Recipients, client.RecipientRequest{Type: recipient.Type, Value: recipient.Value})
			continue
		}
		if err := inChannel(r, channel, "--to "+to, func(m *client.Message) {
			m.Recipients = append(m.Recipients, client.RecipientRequest{Type: recipient.Type, Value: recipient.Value})
		}); err != nil {
			return err
		}
	}
	for _, person := range c.Mention {
		channel, recipient, err := parseAddress("--mention", person)
		if err != nil {
			return err
		}
		for only := range r.Channels {
			if channel == "" && len(r.Channels) == 1 {
				channel = only
			}
		}
		if err := inChannel(r, channel, "--mention "+person, func(m *client.Message) { m.Mention = append(m.Mention, recipient) }); err != nil {
			return err
		}
	}
	return nil
}

// readRecipients reads a JSON list of recipients.
func readRecipients(path string) ([]client.RecipientRequest, error) {
	content, err := readFile(path)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber() // keeps all digits of large numbers
	decoder.DisallowUnknownFields()
	var list []client.RecipientRequest
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("not a list of recipients: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) || len(list) == 0 {
		return nil, errors.New("not one list of recipients")
	}
	return list, nil
}

// inChannel changes the message of a channel that has one.
func inChannel(r *client.SendRequest, channel, flag string, change func(*client.Message)) error {
	message, known := r.Channels[channel]
	if !known {
		return fmt.Errorf("%s: name a channel that has a template, as CHANNEL=TYPE:VALUE", flag)
	}
	change(&message)
	r.Channels[channel] = message
	return nil
}

// parseAddress parses [CHANNEL=]TYPE:VALUE. A value may have an equals sign, a type has none.
func parseAddress(flag, text string) (channel string, r client.Recipient, err error) {
	if before, rest, found := strings.Cut(text, "="); found && !strings.Contains(before, ":") {
		channel, text = before, rest
	}
	r, err = parseRecipient(flag, text)
	return channel, r, err
}

func parseRecipient(flag, text string) (client.Recipient, error) {
	kind, value, found := strings.Cut(text, ":")
	if !found {
		return client.Recipient{}, fmt.Errorf("%s %s: must be TYPE:VALUE, such as email:alice@example.com", flag, text)
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
