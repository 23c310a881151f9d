package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// EventType says what an event tells of.
type EventType string

// Types of events. A delivery that is sent again by hand and ends again tells again, and so does its
// notification.
const (
	EventNotificationFinished EventType = "notification.finished"
	EventDeliverySuccess      EventType = "delivery.success"
	EventDeliveryDead         EventType = "delivery.dead"
	EventDeliveryCancelled    EventType = "delivery.cancelled"
	EventAcknowledged         EventType = "notification.acknowledged" // of the notification that opened the incident
	EventReceiptDelivered     EventType = "receipt.delivered"
	EventReceiptRead          EventType = "receipt.read"
	EventReceiptAnswered      EventType = "receipt.answered"
	EventReceiptFailed        EventType = "receipt.failed"
	EventReceiptUnknown       EventType = "receipt.unknown"
)

// ReceiptEvents begins the types of events that tell of receipts. The receipt follows.
const ReceiptEvents = "receipt."

// EventTypes returns all types, in the order in which they are shown.
func EventTypes() []EventType {
	return []EventType{
		EventNotificationFinished, EventDeliverySuccess, EventDeliveryDead, EventDeliveryCancelled, EventAcknowledged,
		EventReceiptDelivered, EventReceiptRead, EventReceiptAnswered, EventReceiptFailed, EventReceiptUnknown,
	}
}

// Event is something that happened to a notification or a delivery. It is written in the transaction
// that made it happen, when an endpoint of the app takes its type. It has no address and no text.
type Event struct {
	ID             uuid.UUID // UUIDv7
	AppID          string
	Type           EventType
	At             time.Time
	NotificationID uuid.UUID
	DeliveryID     uuid.UUID // uuid.Nil: it is about the notification
	Channel        string    // of the delivery
	Status         string    // of the notification or the delivery, or the receipt
	Code           string    // of the delivery, or its receipt
	Test           bool      // it reached nobody
}

// EventQueue is the queue of the jobs that tell events; each endpoint has a line of it. EventAttempts is
// how often one is tried that fails, see jobs/telling.
const (
	EventQueue    = "events"
	EventAttempts = 20
)

// EventArgs are the arguments of the job that tells an event to an endpoint.
type EventArgs struct {
	EventID    uuid.UUID `json:"eventId"`
	EndpointID uuid.UUID `json:"endpointId"`
}

// Kind implements River's JobArgs. It names the job in River's tables and never changes.
func (EventArgs) Kind() string { return "event" }

// Events keeps what endpoints are told. Accept, Record, SetReceipts, CloseOrphans, Cancel, Erase,
// CloseDigest, ChangeIncident and Expansions write events, with a job for each endpoint that is on.
type Events interface {
	// Telling returns an event and an endpoint that is told of it. It returns ErrNotFound when one of
	// them does not exist any more.
	Telling(ctx context.Context, args EventArgs) (Event, Endpoint, error)
	// Replay inserts jobs for one page of the events that an endpoint takes, in one transaction. An
	// endpoint that does not exist, or is off, has none.
	Replay(ctx context.Context, r Replay) (Replayed, error)
	// DeleteEvents deletes at most limit events before the given time, and returns how many.
	DeleteEvents(ctx context.Context, before time.Time, limit int) (int, error)
}

// Replay tells an endpoint again what happened, one page at a time.
type Replay struct {
	EndpointID uuid.UUID
	After      uuid.UUID // the page begins after this event
	Until      time.Time
	Limit      int          // events in the page
	Audit      []AuditEntry // are written with the page
}

// Replayed is the result of a Replay.
type Replayed struct {
	Events int       // how many will be told
	Last   uuid.UUID // the last event of the page; uuid.Nil when the page was empty
}

// withheldEvents returns the events of acceptances: what was withheld has ended, and a notification of
// which all was.
func withheldEvents(news []Acceptance) []Event {
	var events []Event
	for _, a := range news {
		if a.Notification.Withheld.Sum() == 0 {
			continue
		}
		for _, d := range a.Deliveries {
			if d.Status == DeliveryCancelled {
				events = append(events, Event{
					AppID: a.Notification.AppID, Type: EventDeliveryCancelled, At: a.Notification.CreatedAt,
					NotificationID: d.NotificationID, DeliveryID: d.ID, Channel: d.Channel, Status: string(d.Status), Code: d.LastCode, Test: d.Test,
				})
			}
		}
	}
	return events
}

// EventsOf returns the events of acceptances that are written, and no ids.
func EventsOf(news []Acceptance) []Event {
	events := withheldEvents(news)
	for _, a := range news {
		if n := a.Written(); n.Status == NotificationCancelled && n.Expansion == nil && n.Counts.Total > 0 {
			events = append(events, Event{
				AppID: n.AppID, Type: EventNotificationFinished, At: n.CreatedAt, NotificationID: n.ID, Status: string(n.Status), Test: n.Test,
			})
		}
	}
	return events
}

// EventsOf returns the events of the deliveries of a batch that were withheld, and no ids. Of the
// notification, the engine knows the counts.
func (b ExpansionBatch) EventsOf() []Event {
	return withheldEvents([]Acceptance{b.Acceptance})
}

// Takes reports whether the endpoint is told of events of a type.
func (e Endpoint) Takes(t EventType) bool { return len(e.Events) == 0 || slices.Contains(e.Events, t) }
