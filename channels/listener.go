package channels

import (
	"context"
	"time"
)

// Listener is a Sender whose vendor tells what people do with its messages.
type Listener interface {
	Sender
	// Listen connects to the vendor and passes on what happens, until ctx ends or the connection
	// does. It returns nil when ctx ended, otherwise an error like Send's. Nothing of it runs any
	// more when it returns.
	Listen(ctx context.Context, events Events) error
}

// Events takes what a Listener hears. Its calls may be made at the same time, end within the
// deadline of their context, and may be repeated for the same event.
type Events interface {
	// Listening is called once, when the connection is open.
	Listening()
	// Read takes a read mark. The vendor tells of it again after an error.
	Read(ctx context.Context, mark ReadMark) error
	// Pressed takes a press of a button and returns what the person sees. After an error the
	// person sees that it did not work.
	Pressed(ctx context.Context, press Press) (Response, error)
}

// ReadMark tells that somebody has read messages.
type ReadMark struct {
	MessageIDs []string // as in the messages' Receipt
	Reader     Person
	At         time.Time
}

// Press tells that somebody has pressed a button of a message.
type Press struct {
	Value     string // of the Button; empty: the button is not one of ours
	By        Person
	MessageID string
	At        time.Time
}

// Person is somebody as the vendor knows them.
type Person struct {
	ID   string
	Name string // empty when the vendor does not tell it
}

// Response is what a person sees who pressed a button.
type Response struct {
	Text    string
	Refused bool // the text says why it did not work
	// Message takes the place of the one with the button; nil leaves that as it is.
	Message *Message
}

// Button is a button of a message.
type Button struct {
	Label string
	Value string // comes back with each Press
}

// Urger is a Sender that can remind the recipient of a message that is there.
type Urger interface {
	Sender
	// Urge makes the urgent call for the message that has the reference of an earlier Receipt, as
	// m.Urgent says. m is as it was sent, or a later one to the same recipient. A permanent error means
	// that the call cannot be made for this message. Other errors are as Send's. A call that may have
	// reached somebody and costs money is no error: it is the receipt's Urgent.
	Urge(ctx context.Context, reference string, m Message) (Receipt, error)
}
