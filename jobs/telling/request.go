package telling

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/labring/sealos-notify/store"
)

// payload is the body of a request. It has no address and no text: who needs more asks the API.
type payload struct {
	Type      store.EventType `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      data            `json:"data"`
}

type data struct {
	NotificationID uuid.UUID  `json:"notificationId"`
	DeliveryID     *uuid.UUID `json:"deliveryId,omitempty"`
	Channel        string     `json:"channel,omitempty"`
	Status         string     `json:"status"`
	Code           string     `json:"code,omitempty"`
	Test           bool       `json:"test,omitempty"`
}

func bodyOf(v store.Event) ([]byte, error) {
	p := payload{Type: v.Type, Timestamp: v.At.UTC(), Data: data{
		NotificationID: v.NotificationID, Channel: v.Channel, Status: v.Status, Code: v.Code, Test: v.Test,
	}}
	if v.DeliveryID != uuid.Nil {
		p.Data.DeliveryID = &v.DeliveryID
	}
	return json.Marshal(p)
}

// request returns a request with the headers of Standard Webhooks. Its id is the event's, the same on every
// attempt, so that the receiver can drop an event that it has.
func (s signers) request(ctx context.Context, v store.Event, e store.Endpoint, now time.Time) (*http.Request, error) {
	body, err := bodyOf(v)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	id, signatures := v.ID.String(), make([]string, len(s))
	for i, signer := range s {
		if signatures[i], err = signer.Sign(id, now, body); err != nil {
			return nil, err
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sealos-notify")
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return req, nil
}
