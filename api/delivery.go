package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// deliveryPage is how many deliveries of a list are in memory at once. One takes up to some
// 20 KiB, with its details and its last error.
const deliveryPage = 50

// Why a delivery is held.
const (
	heldByQuietHours = "quiet_hours"
	heldByDigest     = "digest"
)

type deliveryView struct {
	ID              uuid.UUID       `json:"id" format:"uuid"`
	NotificationID  uuid.UUID       `json:"notificationId" format:"uuid"`
	Channel         string          `json:"channel"`
	Provider        string          `json:"provider" doc:"the provider of the last attempt; before the first, the one that it begins with"`
	NextProvider    string          `json:"nextProvider,omitempty" doc:"the provider that it was moved to by itself, or that a retry asked for; left out when it goes by the channel's list"`
	TemplateName    string          `json:"templateName"`
	TemplateVersion int             `json:"templateVersion"`
	Locale          string          `json:"locale,omitempty" doc:"the language of the template's text that was chosen; left out when the template names none"`
	Recipient       recipientView   `json:"recipient"`
	Contact         string          `json:"contact,omitempty" doc:"name of the contact whose address it is; left out when the request named the address"`
	Test            bool            `json:"test" doc:"true when it was sent with a test secret: a simulated provider takes it, and it reaches nobody"`
	Status          string          `json:"status" enum:"pending,processing,success,failed,dead,cancelled" doc:"failed: it waits for a retry; dead: no more retries. A notification's own failed means that a delivery is dead"`
	RetryCount      int             `json:"retryCount" doc:"retries so far"`
	MaxRetry        int             `json:"maxRetry"`
	NextRetryAt     *time.Time      `json:"nextRetryAt" doc:"null when no retry is scheduled"`
	Kind            string          `json:"kind" doc:"name of the notification's kind; empty: none"`
	HeldUntil       *time.Time      `json:"heldUntil,omitempty" doc:"it is not sent before; left out when nothing holds it but sendAt and retries"`
	HeldWhy         string          `json:"heldWhy,omitempty" enum:"quiet_hours,digest" doc:"what holds it until then"`
	DigestID        *uuid.UUID      `json:"digestId,omitempty" format:"uuid" doc:"the digest that it is an item of: a notification whose one delivery has the same id. The digest itself has its own id. Left out when there is none"`
	LastCode        string          `json:"lastCode" doc:"code of the last failure, or empty"`
	LastError       string          `json:"lastError" doc:"text of the last failure, or empty"`
	Details         json.RawMessage `json:"details" doc:"the provider's answer to the last attempt: an object, or null"`
	Receipt         string          `json:"receipt,omitempty" enum:"unknown,failed,delivered,read,answered" doc:"what the vendor says became of it after it was sent; unknown: it was asked and does not tell; left out while nothing is known"`
	ReceiptAt       *time.Time      `json:"receiptAt,omitempty" doc:"when that happened"`
	ReceiptCode     string          `json:"receiptCode,omitempty" doc:"the vendor's code of it"`
	CreatedAt       time.Time       `json:"createdAt"`
	UpdatedAt       time.Time       `json:"updatedAt"`
	Message         *messageView    `json:"message,omitempty" doc:"as rendered; only when one delivery is read"`
	Attempts        []attemptView   `json:"attempts,omitzero" doc:"the newest 1,000, oldest first, with those before a manual retry; only when one delivery is read"`
}

type messageView struct {
	TemplateVersion int             `json:"templateVersion"`
	MsgType         string          `json:"msgType"`
	Subject         string          `json:"subject"`
	Body            string          `json:"body"`
	TemplateCode    string          `json:"templateCode"`
	Params          json.RawMessage `json:"params" doc:"what a vendor that renders the text itself gets: an object, or null"`
	Mention         []recipientView `json:"mention,omitzero" doc:"who is mentioned beside the text; left out when nobody is"`
}

type attemptView struct {
	Attempt    int             `json:"attempt" doc:"from 1, and from 1 again after a manual retry; the attempt after a throttled one, or after which it went on through another provider at once, has the same number"`
	Provider   string          `json:"provider"`
	StartedAt  time.Time       `json:"startedAt"`
	FinishedAt time.Time       `json:"finishedAt"`
	DurationMs int64           `json:"durationMs"`
	Class      string          `json:"class" doc:"permanent, transient, throttled, misconfigured or uncertain; empty on success"`
	Code       string          `json:"code"`
	Error      string          `json:"error"`
	Details    json.RawMessage `json:"details" doc:"the provider's answer: an object, or null"`
}

func viewDelivery(ctx context.Context, d store.Delivery) deliveryView {
	lastError, details := viewFailure(ctx, d.Recipient, d.LastError, d.Details)
	view := deliveryView{
		ID: d.ID, NotificationID: d.NotificationID, Channel: d.Channel, Provider: d.Provider, NextProvider: d.NextProvider,
		TemplateName: d.TemplateName, TemplateVersion: d.TemplateVersion, Locale: d.Locale, Recipient: viewRecipient(ctx, d.Recipient), Contact: store.NameOf(d.Contact), Test: d.Test, Status: string(d.Status),
		RetryCount: max(d.Attempts-1, 0), MaxRetry: d.MaxRetry, LastCode: d.LastCode, LastError: lastError,
		NextRetryAt: utc(d.NextRetryAt), Details: details, CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(),
		Kind: d.Kind, HeldUntil: utc(d.HeldUntil(time.Now())),
		Receipt: string(d.Receipt), ReceiptAt: utc(d.ReceiptAt), ReceiptCode: d.ReceiptCode,
	}
	if view.HeldUntil != nil {
		view.HeldWhy = heldByQuietHours
		if d.IsHeldByDigest(time.Now()) {
			view.HeldWhy = heldByDigest
		}
	}
	if d.DigestID != uuid.Nil {
		view.DigestID = &d.DigestID
	}
	return view
}

// utc returns a time in UTC, or nil.
func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	moved := t.UTC()
	return &moved
}

func viewMessage(m store.Message) *messageView {
	return &messageView{
		TemplateVersion: m.TemplateVersion, MsgType: m.MsgType, Subject: m.Subject, Body: m.Body, TemplateCode: m.TemplateCode, Params: m.Params,
	}
}

func viewAttempts(ctx context.Context, d store.Delivery, attempts []store.Attempt) []attemptView {
	views := make([]attemptView, len(attempts))
	for i, a := range attempts {
		text, details := viewFailure(ctx, d.Recipient, a.Error, a.Details)
		views[i] = attemptView{
			Attempt: a.Attempt, Provider: a.Provider, StartedAt: a.StartedAt.UTC(), FinishedAt: a.FinishedAt.UTC(),
			DurationMs: a.FinishedAt.Sub(a.StartedAt).Milliseconds(), Class: a.Class, Code: a.Code, Error: text, Details: details,
		}
	}
	return views
}

type getDeliveryInput struct {
	ID string `path:"id" doc:"id of the delivery"`
}

type deliveryOutput struct{ Body deliveryView }

func (s *Server) getDelivery(ctx context.Context, in *getDeliveryInput) (*deliveryOutput, error) {
	d, err := s.deliveryOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	message, err := s.store.Message(ctx, d.MessageID)
	if err != nil && !isUnwritten(d, err) {
		return nil, err
	}
	attempts, err := s.store.Attempts(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	v := viewDelivery(ctx, d)
	message.TemplateCode = message.Code(d.Provider)
	v.Message, v.Attempts = viewMessage(message), viewAttempts(ctx, d, attempts)
	if len(message.Mention) > 0 {
		v.Message.Mention = viewRecipients(ctx, message.Mention)
	}
	return &deliveryOutput{v}, nil
}

// isUnwritten reports whether a message was not found because its digest is not closed yet.
func isUnwritten(d store.Delivery, err error) bool {
	return d.IsDigest() && errors.Is(err, store.ErrNotFound)
}

// deliveryOf returns a delivery that the caller may see, or errNotFound.
func (s *Server) deliveryOf(ctx context.Context, id string) (store.Delivery, error) {
	parsed, err := uuid.Parse(id)
	if err != nil || parsed == uuid.Nil { // uuid.Nil would match every delivery
		return store.Delivery{}, errNotFound
	}
	f, err := seenDeliveries(ctx, store.DeliveryFilter{ID: parsed})
	if err != nil {
		return store.Delivery{}, err
	}
	found, err := s.store.ListDeliveries(ctx, f, uuid.Nil, 1)
	if err != nil {
		return store.Delivery{}, err
	}
	if len(found) == 0 {
		return store.Delivery{}, errNotFound
	}
	return found[0], nil
}

type listDeliveriesInput struct {
	ID    string    `path:"id" doc:"id of the notification"`
	Limit int       `query:"limit" minimum:"1" maximum:"500" doc:"at most so many deliveries; all when left out"`
	After uuid.UUID `query:"after" format:"uuid" doc:"continue after this delivery: next of the previous page"`
}

type deliveryListView struct {
	Deliveries []deliveryView `json:"deliveries"`
	Next       *uuid.UUID     `json:"next,omitempty" format:"uuid" doc:"after for the next page; missing on the last one"`
}

func (s *Server) listDeliveries(ctx context.Context, in *listDeliveriesInput) (*listOutput, error) {
	n, err := s.notificationOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answerList(ctx, s, s.deliveriesOf(n.ID, in.After, in.Limit, deliveryListView{Deliveries: []deliveryView{}}))
}

// deliveriesOf lists the deliveries of a notification after one, oldest first. They are the
// last member of head.
func (s *Server) deliveriesOf(notification, after uuid.UUID, limit int, head any) list[store.Delivery] {
	return deliveryList(after, limit, head, func(ctx context.Context, after uuid.UUID, limit int) ([]store.Delivery, error) {
		return s.store.DeliveriesOf(ctx, notification, after, limit)
	})
}

// deliveryList lists the deliveries that read returns after the one with an id.
func deliveryList(
	after uuid.UUID, limit int, head any, read func(ctx context.Context, after uuid.UUID, limit int) ([]store.Delivery, error),
) list[store.Delivery] {
	return list[store.Delivery]{
		head: head, page: deliveryPage, limit: limit,
		read: func(ctx context.Context, last *store.Delivery, limit int) ([]store.Delivery, error) {
			if last == nil {
				return read(ctx, after, limit)
			}
			return read(ctx, last.ID, limit)
		},
		view: func(ctx context.Context, d store.Delivery) any { return viewDelivery(ctx, d) },
		next: func(d store.Delivery) any { return d.ID },
	}
}
