package store

import (
	"time"

	"github.com/google/uuid"
)

// DeliveryFilter chooses deliveries. A field of the zero value chooses all.
type DeliveryFilter struct {
	ID             uuid.UUID
	NotificationID uuid.UUID
	DigestID       uuid.UUID      // the digest and its items
	AppID          string         // the app that sent the notification
	Status         DeliveryStatus // as in DeliveriesOf: DeliveryProcessing is one
	Channel        string
	Provider       string
	Code           string // of the last failure
	Receipt        Receipt
	Recipient      string // the exact address
	Template       string
	// Since and Until bound the time of acceptance, to a millisecond. Since is
	// included, Until is not.
	Since, Until time.Time
	Test         *bool
	// NotConfigured leaves out recipients from the configuration.
	NotConfigured bool
	// Unexpired leaves out deliveries whose expiresAt has passed by that time.
	Unexpired time.Time
	// NotErased leaves out deliveries whose address was erased, and items of digests.
	NotErased bool
}

// NotificationFilter chooses notifications. A field of the zero value chooses all.
type NotificationFilter struct {
	AppID          string
	IdempotencyKey string
	Status         NotificationStatus
	// Channel, Recipient and Template choose notifications with a delivery that has all
	// three.
	Channel, Recipient, Template string
	Thread                       string
	Test                         *bool
	// NotConfigured is as in DeliveryFilter, for Recipient.
	NotConfigured bool
	// Since and Until are as in DeliveryFilter.
	Since, Until time.Time
}
