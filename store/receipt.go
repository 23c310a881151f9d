package store

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Receipt is what became of a delivery after it was sent, as its vendor says. It stands beside the
// status, which says what this service did.
type Receipt string

// Receipts. The empty one is that of a delivery of which nothing is known yet.
const (
	ReceiptUnknown   Receipt = "unknown"   // the vendor was asked and does not tell
	ReceiptFailed    Receipt = "failed"    // it did not reach the recipient
	ReceiptDelivered Receipt = "delivered" // it reached the recipient's device
	ReceiptRead      Receipt = "read"      // the recipient has seen it
	ReceiptAnswered  Receipt = "answered"  // the recipient took the call
)

// ReceiptOrder are all receipts. Each may replace those before it, and none after it.
var ReceiptOrder = []Receipt{"", ReceiptUnknown, ReceiptFailed, ReceiptDelivered, ReceiptRead, ReceiptAnswered}

// Replaces reports whether a delivery with the old receipt takes this one.
func (r Receipt) Replaces(old Receipt) bool {
	return slices.Index(ReceiptOrder, r) > slices.Index(ReceiptOrder, old)
}

// Received is the receipt of one delivery.
type Received struct {
	DeliveryID uuid.UUID // uuid.Nil: Provider and Reference name it
	// Provider sent it, and Reference is the vendor's id of it, see Outcome.
	Provider, Reference string

	Receipt Receipt
	Code    string // the vendor's; empty: it has none
	At      time.Time
}

// Receipts keeps what vendors say of deliveries.
type Receipts interface {
	// SetReceipts sets the receipts of deliveries in one transaction, and returns false for one that
	// does not exist or has this receipt, or a stronger one, already. A reference names the newest
	// delivery that has it. No delivery is named twice in a batch.
	SetReceipts(ctx context.Context, batch []Received) (set []bool, err error)
}

// AskQueue is the queue of the jobs that ask vendors for receipts. AskAttempts is how often one is
// tried whose worker is lost or fails.
const (
	AskQueue    = "receipts"
	AskAttempts = 100
)

// AskArgs are the arguments of such a job.
type AskArgs struct {
	DeliveryID uuid.UUID `json:"deliveryId"`
}

// Kind implements River's JobArgs. It never changes.
func (AskArgs) Kind() string { return "ask" }

// Question is a job that asks the vendor of a delivery.
type Question struct {
	DeliveryID uuid.UUID
	At         time.Time // the first time; it decides itself when it asks again
}

// QuestionsOf returns the questions that outcomes ask for.
func QuestionsOf(batch []Outcome) []Question {
	var questions []Question
	for _, o := range batch {
		if o.AskAt != nil {
			questions = append(questions, Question{o.Attempt.DeliveryID, *o.AskAt})
		}
	}
	return questions
}

// QuestionsOfClosings returns the questions that closings ask for.
func QuestionsOfClosings(batch []Closing) []Question {
	var questions []Question
	for _, c := range batch {
		if c.AskAt != nil {
			questions = append(questions, Question{c.DeliveryID, *c.AskAt})
		}
	}
	return questions
}
