package store

import (
	"time"

	"github.com/google/uuid"
)

// DeliveryFilter chooses deliveries. A field of the zero value chooses all.
type DeliveryFilter struct {
	ID             uuid.UUID
	NotificationID uuid.UUID
	AppID          string         // who sent the notification
	Status         DeliveryStatus // as it is shown: DeliveryProcessing is one
	Channel        string
	Provider       string
	Code           string // of the last failure
	Recipient      string // the exact address
	Template       string
	// Since and Until bound the time of acceptance, to a millisecond: from Since
	// on, and before Until.
	Since, Until time.Time
	// Unexpired leaves out those whose expiresAt has passed by that time.
	Unexpired time.Time
}

// NotificationFilter chooses notifications. A field of the zero value chooses all.
type NotificationFilter struct {
	AppID          string
	IdempotencyKey string
	Status         NotificationStatus
	// Channel, Recipient and Template choose those with a delivery that has all
	// of them.
	Channel, Recipient, Template string
	// Since and Until are those of a DeliveryFilter.
	Since, Until time.Time
}
