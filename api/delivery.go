package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// readPage is how many rows are read at a time when all are asked for.
const readPage = 1000

type deliveryView struct {
	ID              uuid.UUID       `json:"id" format:"uuid"`
	NotificationID  uuid.UUID       `json:"notificationId" format:"uuid"`
	Channel         string          `json:"channel"`
	Provider        string          `json:"provider" doc:"the provider of the last attempt"`
	TemplateName    string          `json:"templateName"`
	TemplateVersion int             `json:"templateVersion" doc:"0: from before versions were kept"`
	Recipient       recipientView   `json:"recipient"`
	Status          string          `json:"status" enum:"pending,processing,success,failed,dead,cancelled" doc:"failed: a retry is scheduled; dead: there will be none"`
	RetryCount      int             `json:"retryCount" doc:"retries made so far"`
	MaxRetry        int             `json:"maxRetry"`
	NextRetryAt     *time.Time      `json:"nextRetryAt" doc:"null when no retry is scheduled"`
	LastCode        string          `json:"lastCode" doc:"code of the last failure, or empty"`
	LastError       string          `json:"lastError" doc:"text of the last failure, or empty"`
	Details         json.RawMessage `json:"details" doc:"what the provider said of the last attempt: an object, or null"`
	CreatedAt       time.Time       `json:"createdAt"`
	UpdatedAt       time.Time       `json:"updatedAt"`
}

func viewDelivery(d store.Delivery) deliveryView {
	return deliveryView{
		ID: d.ID, NotificationID: d.NotificationID, Channel: d.Channel, Provider: d.Provider,
		TemplateName: d.TemplateName, TemplateVersion: d.TemplateVersion, Recipient: recipientView(d.Recipient), Status: string(d.Status),
		RetryCount: max(d.Attempts-1, 0), MaxRetry: d.MaxRetry, LastCode: d.LastCode, LastError: d.LastError,
		NextRetryAt: utc(d.NextRetryAt), Details: d.Details, CreatedAt: d.CreatedAt.UTC(), UpdatedAt: d.UpdatedAt.UTC(),
	}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	in := t.UTC()
	return &in
}

type listDeliveriesInput struct {
	ID    string    `path:"id" doc:"id of the notification"`
	Limit int       `query:"limit" minimum:"1" maximum:"500" doc:"most deliveries in the answer; all of them when left out"`
	After uuid.UUID `query:"after" format:"uuid" doc:"start after this delivery: next of the page before"`
}

type listDeliveriesOutput struct{ Body deliveryListView }

type deliveryListView struct {
	Deliveries []deliveryView `json:"deliveries"`
	Next       *uuid.UUID     `json:"next,omitempty" format:"uuid" doc:"after for the next page; missing on the last one"`
}

func (s *Server) listDeliveries(ctx context.Context, in *listDeliveriesInput) (*listDeliveriesOutput, error) {
	n, err := s.notificationOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	deliveries, more, err := s.deliveries(ctx, n.ID, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	out := &listDeliveriesOutput{deliveryListView{Deliveries: deliveries}}
	if more {
		out.Body.Next = &deliveries[len(deliveries)-1].ID
	}
	return out, nil
}

// deliveries reads at most limit deliveries, all of them when limit is 0, and
// says whether there are more.
func (s *Server) deliveries(
	ctx context.Context, notification, after uuid.UUID, limit int,
) (views []deliveryView, more bool, err error) {
	views = []deliveryView{}
	page := readPage
	if limit > 0 {
		page = limit + 1
	}
	for {
		rows, err := s.store.DeliveriesOf(ctx, notification, after, page)
		if err != nil {
			return nil, false, err
		}
		for _, d := range rows {
			if limit > 0 && len(views) == limit {
				return views, true, nil
			}
			views = append(views, viewDelivery(d))
		}
		if limit > 0 || len(rows) < page {
			return views, false, nil
		}
		after = rows[len(rows)-1].ID
	}
}
