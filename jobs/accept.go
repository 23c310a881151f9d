package jobs

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"go.opentelemetry.io/otel/trace"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// maxDeliveries bounds recipients × channels of one request: what one transaction
// commits well within acceptTimeout, on either engine and a slow machine.
const maxDeliveries = 30_000

// Accept takes a notification: everything it needs to be delivered is checked,
// rendered and committed before Accept returns. A *Refusal says what is wrong
// with the request; after any other error the same request can be sent again.
func (s *Service) Accept(ctx context.Context, req Request) (Accepted, error) {
	ctx, span := startSpan(ctx, "accept", trace.SpanKindInternal)
	accepted, err := s.accept(ctx, req)
	endAccept(span, accepted, err)
	if err == nil && accepted.Replayed {
		s.metrics.replayed.Inc()
	}
	return accepted, err
}

func (s *Service) accept(ctx context.Context, req Request) (Accepted, error) {
	hash := req.hash()
	accepted, err := s.acceptBy(ctx, req, hash, s.knownTemplate)
	var refusal *Refusal
	if errors.As(err, &refusal) || errors.Is(err, store.ErrStale) {
		// The template at hand is out of date, or may be: only the stored one can refuse.
		accepted, err = s.acceptBy(ctx, req, hash, s.storedTemplate)
	}
	if errors.As(err, &refusal) {
		// The world may have changed since the request was first accepted (its
		// template deleted, its channel off). It is still the same request.
		n, lookupErr := s.store.NotificationByKey(ctx, req.AppID, req.IdempotencyKey)
		if errors.Is(lookupErr, store.ErrNotFound) {
			return Accepted{}, refusal
		}
		accepted, err = store.Accepted{Notification: n, Replayed: true}, lookupErr
	}
	if err != nil {
		return Accepted{}, err
	}
	return answer(accepted, hash)
}

// acceptBy accepts a notification by the templates that find returns. It returns
// store.ErrStale when one was at hand and has changed since it was read.
func (s *Service) acceptBy(ctx context.Context, req Request, hash []byte, find findTemplate) (store.Accepted, error) {
	acceptance, err := s.prepare(ctx, req, hash, find)
	if err != nil {
		return store.Accepted{}, err
	}
	accepted, err := s.accepts.do(ctx, acceptance)
	if err != nil {
		return store.Accepted{}, fmt.Errorf("accept notification: %w", err)
	}
	if !accepted.Replayed {
		s.metrics.countAccepted(acceptance)
	}
	return accepted, nil
}

func answer(a store.Accepted, hash []byte) (Accepted, error) {
	if a.Replayed && !bytes.Equal(a.Notification.RequestHash, hash) {
		return Accepted{}, &Refusal{
			Code: CodeIdempotencyConflict, Field: "idempotencyKey",
			Message: "this key was used for a different request",
		}
	}
	return Accepted{
		NotificationID: a.Notification.ID,
		Deliveries:     a.Notification.Counts.Total,
		Unmatched:      a.Notification.Unmatched,
		Replayed:       a.Replayed,
	}, nil
}

// prepare makes all rows of a notification. It writes nothing.
func (s *Service) prepare(ctx context.Context, req Request, hash []byte, find findTemplate) (store.Acceptance, error) {
	settings := s.settings.Load()
	recipients, err := checkRecipients(req.Recipients, settings.Defaults.MaxRecipients)
	if err != nil {
		return store.Acceptance{}, err
	}

	id, err := uuid.NewV7()
	if err != nil {
		return store.Acceptance{}, err
	}
	now := store.Now()
	sendAt, err := req.due(now)
	if err != nil {
		return store.Acceptance{}, err
	}
	job := river.InsertOpts{
		MaxAttempts: settings.Defaults.MaxRetry + 1, Priority: riverPriority(req.Priority), Metadata: traceMetadata(ctx),
	}
	if sendAt != nil {
		job.ScheduledAt = *sendAt
	}
	a := store.Acceptance{Notification: store.Notification{
		ID: id, AppID: req.AppID, IdempotencyKey: req.IdempotencyKey, RequestHash: hash,
		SendAt: sendAt, ExpiresAt: req.ExpiresAt, Priority: cmp.Or(req.Priority, store.PriorityNormal), Test: req.Test,
		CreatedAt: now, UpdatedAt: now,
	}}

	read := func(ctx context.Context, name string) (store.Template, error) {
		t, atHand, err := find(ctx, name)
		if atHand {
			a.Templates = append(a.Templates, t)
		}
		return t, err
	}
	matched := make([]bool, len(recipients))
	for _, channel := range slices.Sorted(maps.Keys(req.Channels)) {
		message, provider, err := s.render(ctx, settings.Registry, channel, req.Channels[channel], read)
		if err != nil {
			return store.Acceptance{}, err
		}
		message.NotificationID = id
		opts := job
		opts.Queue = channel
		before := len(a.Deliveries)
		checker, checks := provider.Sender.(channels.RecipientChecker)
		for i, r := range recipients {
			if !slices.Contains(provider.Type.RecipientTypes, r.Type) {
				continue
			}
			if checks {
				if err := checker.CheckRecipient(channels.Recipient(r.Recipient)); err != nil {
					return store.Acceptance{}, r.refuse(channel + ": " + err.Error())
				}
			}
			matched[i] = true
			if len(a.Deliveries) == maxDeliveries {
				return store.Acceptance{}, &Refusal{
					Code: CodeTooManyDeliveries, Field: "recipients",
					Message: fmt.Sprintf("these recipients on these channels are more than %d deliveries; send several requests", maxDeliveries),
				}
			}
			deliveryID, err := uuid.NewV7()
			if err != nil {
				return store.Acceptance{}, err
			}
			a.Deliveries = append(a.Deliveries, store.Delivery{
				ID: deliveryID, NotificationID: id, MessageID: message.ID,
				Channel: channel, Provider: provider.Name,
				TemplateName: message.TemplateName, TemplateVersion: message.TemplateVersion,
				Recipient: r.Recipient, Status: store.DeliveryPending, MaxRetry: settings.Defaults.MaxRetry,
				SendAt: sendAt, ExpiresAt: req.ExpiresAt, CreatedAt: now, UpdatedAt: now,
			})
			a.Jobs = append(a.Jobs, river.InsertManyParams{Args: DeliverArgs{DeliveryID: deliveryID}, InsertOpts: &opts})
		}
		if len(a.Deliveries) > before {
			a.Messages = append(a.Messages, message)
		}
	}

	a.Notification.Unmatched = []store.Recipient{}
	for i, r := range recipients {
		if !matched[i] {
			a.Notification.Unmatched = append(a.Notification.Unmatched, r.Recipient)
		}
	}
	if len(a.Deliveries) == 0 {
		return store.Acceptance{}, &Refusal{
			Code: CodeNoRecipients, Field: "recipients", Message: "no recipient fits any of the channels: " + s.fits(req.Channels),
		}
	}
	return a, nil
}

// render makes the message of one channel and says which provider is to send it.
func (s *Service) render(
	ctx context.Context, registry *channels.Registry, channel string, req ChannelRequest,
	read func(ctx context.Context, name string) (store.Template, error),
) (store.Message, channels.Provider, error) {
	refuse := func(code, field, format string, args ...any) (store.Message, channels.Provider, error) {
		return store.Message{}, channels.Provider{}, &Refusal{
			Code: code, Field: "channels." + channel + field, Message: fmt.Sprintf(format, args...),
		}
	}
	if _, known := s.types[channel]; !known {
		return refuse(CodeUnknownChannel, "", "unknown channel; known are %s", s.channelNames())
	}
	provider, on := registry.Provider(channel)
	if !on {
		return refuse(CodeChannelOff, "", "this channel is not enabled here")
	}
	t, err := read(ctx, req.Template)
	if errors.Is(err, store.ErrNotFound) {
		return refuse(CodeUnknownTemplate, ".template", "there is no template %q", req.Template)
	}
	if err != nil {
		return store.Message{}, channels.Provider{}, fmt.Errorf("read template: %w", err)
	}
	if t.Channel != channel {
		return refuse(CodeTemplateChannel, ".template", "template %q belongs to channel %s", t.Name, t.Channel)
	}
	msgType, ok := provider.Type.MsgType(cmp.Or(t.MsgType, provider.MsgType))
	if !ok {
		return refuse(CodeRenderFailed, ".template", badMsgType, t.Name, t.MsgType)
	}

	message, err := s.renderTemplate(t, msgType, req.Params)
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refuse(refusal.Code, refusal.Field, "%s", refusal.Message)
	}
	return message, provider, err
}

// hash identifies the request's meaning: the order of keys and of recipients,
// and repeated recipients, make no difference. What a request does not ask for is
// no part of it, so that the hashes of old requests stay what they are.
func (r Request) hash() []byte {
	if r.KeyDecides {
		sum := sha256.Sum256([]byte(r.IdempotencyKey))
		return sum[:]
	}
	recipients := slices.Clone(r.Recipients)
	slices.SortFunc(recipients, func(a, b store.Recipient) int {
		return strings.Compare(a.Type+"\x00"+a.Value, b.Type+"\x00"+b.Value)
	})
	priority := r.Priority
	if priority == store.PriorityNormal {
		priority = ""
	}
	canonical, err := json.Marshal(struct {
		Channels   map[string]ChannelRequest
		Recipients []store.Recipient
		SendAt     *time.Time     `json:",omitempty"`
		ExpiresAt  *time.Time     `json:",omitempty"`
		Priority   store.Priority `json:",omitempty"`
		Test       bool           `json:",omitempty"`
	}{r.Channels, slices.Compact(recipients), r.SendAt, r.ExpiresAt, priority, r.Test})
	if err != nil {
		// Params are JSON values by contract, and those can be encoded.
		panic(fmt.Sprintf("jobs: params are not JSON values: %v", err))
	}
	sum := sha256.Sum256(canonical)
	return sum[:]
}

func (s *Service) channelNames() string {
	return strings.Join(slices.Sorted(maps.Keys(s.types)), ", ")
}

// fits says which recipient types the requested channels take.
func (s *Service) fits(requested map[string]ChannelRequest) string {
	var parts []string
	for _, channel := range slices.Sorted(maps.Keys(requested)) {
		parts = append(parts, fmt.Sprintf("%s takes %s", channel, strings.Join(s.types[channel].RecipientTypes, ", ")))
	}
	return strings.Join(parts, "; ")
}
