package channels

import (
	"context"
	"errors"
)

// ErrBusy means that no connection became free in time. Nothing was sent.
var ErrBusy = errors.New("all connections are in use")

// Connector is a Sender that sends through connections, of which its vendor bears few. The
// wait for one is not part of the call: it has a limit of its own, and spends no attempt.
type Connector interface {
	Sender
	// Reserve waits until ctx ends for a connection that is free or may be opened. places
	// counts the connections of all replicas; nil counts this process only. The error is
	// ErrBusy, or that of places.
	Reserve(ctx context.Context, places Places) (Connection, error)
}

// Connection is reserved for one message. The calls are made one after the other.
type Connection interface {
	// Connect opens the connection when it is not open, for the message. It is a failed
	// attempt when it fails. Its error is like Send's.
	Connect(ctx context.Context, m Message) error
	Sender
	// Release gives the connection back, and returns at once. A connection whose call
	// was given up keeps its place until it is closed.
	Release()
}

// Places are the connections to a provider that all replicas may have open together.
type Places interface {
	// Take takes one of most places. It returns nil when all are taken.
	Take(ctx context.Context, most int) (Place, error)
}

// Place is the right to one connection.
type Place interface {
	// Held reports whether the place is still held. One that could not be renewed in time
	// may be another replica's.
	Held() bool
	// Free gives the place back, once the connection is closed.
	Free()
}
