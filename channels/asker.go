package channels

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Asker is a Sender that can ask its vendor what became of a message. Its Type has an AskInterval.
type Asker interface {
	// Ask asks once, within ctx's deadline. Its error is an *Error: there is no answer then, and nothing is
	// known of the message.
	Ask(ctx context.Context, q Question) (Answer, error)
}

// Question is about one message that was sent, or may have been.
type Question struct {
	DeliveryID uuid.UUID // that the vendor was given
	Recipient  Recipient
	// Since and Until bound the time at which it was sent.
	Since, Until time.Time
}

// Answer is what a vendor says of a message.
type Answer struct {
	// Found is false when the vendor surely has no such message, or not yet. Where that is not sure, Ask returns an
	// error.
	Found bool
	// Fate is what became of it; empty while the vendor does not know.
	Fate Fate
	Code string    // the vendor's, beside Fate
	At   time.Time // when that happened
}

// Fate is what became of a message after the vendor took it. None of them changes later.
type Fate string

// Fates.
const (
	FateFailed    Fate = "failed"    // it did not reach the recipient
	FateDelivered Fate = "delivered" // it reached the recipient's device
	FateAnswered  Fate = "answered"  // the recipient took the call
)

// CallAsk asks as Call calls: it returns when the question does, or soon after ctx ends, and a panic is an error.
func CallAsk(ctx context.Context, a Asker, q Question) (Answer, error) {
	answers := make(chan Answer, 1)
	if _, err := Call(ctx, func() (Receipt, error) {
		answer, err := a.Ask(ctx, q)
		answers <- answer
		return Receipt{}, err
	}); err != nil {
		return Answer{}, err
	}
	return <-answers, nil
}
