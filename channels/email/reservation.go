package email

import (
	"context"
	"sync/atomic"

	"github.com/labring/sealos-notify/channels"
)

// stage is how far a mail has got. It decides what a failure means.
type stage int32

const (
	opening   stage = iota // until MAIL: a refusal is about the provider, not the mail
	recipient              // RCPT
	content                // from DATA on: a server drops a mail without its end
	sent                   // the mail's end was sent
	abandoned              // the call was given up; nothing more is sent
)

// reservation is a connection that is reserved for one mail.
type reservation struct {
	sender     *sender
	connection *connection
	at         atomic.Int32  // stage
	done       chan struct{} // closed at the end of the last talk
	failed     bool          // in the last talk
}

// Connect implements channels.Connection.
func (r *reservation) Connect(ctx context.Context, m channels.Message) error {
	if r.connection.client != nil {
		return nil
	}
	return r.talk(ctx, m.Recipient.Value, func() error { return r.sender.open(ctx, r.connection) })
}

// Send implements channels.Sender. The receipt's details are message_id, the mail's header,
// and response, the server's reply to the mail.
func (r *reservation) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	msg, err := r.sender.compose(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	return r.send(ctx, msg)
}

func (r *reservation) send(ctx context.Context, m composed) (channels.Receipt, error) {
	var response string
	err := r.talk(ctx, m.to, func() (err error) {
		response, err = r.transfer(ctx, m)
		return err
	})
	if err != nil {
		return channels.Receipt{}, err
	}
	return channels.Receipt{Details: map[string]any{
		"message_id": m.id,
		"response":   r.sender.redact(response, m.to),
	}}, nil
}

// Release implements channels.Connection.
func (r *reservation) Release() {
	pool, c := r.sender.pool, r.connection
	switch {
	case r.failed:
		go r.end(func() { pool.end(c) })
	case c.client == nil:
		pool.end(c)
	default:
		pool.put(c)
	}
}

// end does what closes the connection, after the server has answered or closed it, for which
// it has closeTime.
func (r *reservation) end(closing func()) {
	if r.done != nil {
		<-r.done
	}
	closing()
}

// talk runs f, which speaks with the server, and returns its failure, or a timeout when ctx
// ends before. f then goes on until the server has answered, but it sends nothing more: the
// connection counts until the server is done with it. The client of the protocol has no
// contexts of its own.
func (r *reservation) talk(ctx context.Context, to string, f func() error) error {
	r.at.Store(int32(opening))
	r.failed = true
	if ctx.Err() != nil {
		return r.sender.failure(ctx, opening, ctx.Err(), to)
	}
	var err error
	var panicked any
	var cut bool // nothing more can be sent
	done := make(chan struct{})
	r.done = done
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		err = f()
		if c := r.connection; c.unbind != nil && !c.unbind() {
			cut = true
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	at := stage(r.at.Swap(int32(abandoned)))
	if !closed(done) {
		return r.sender.failure(ctx, at, ctx.Err(), to)
	}
	switch {
	case panicked != nil:
		panic(panicked) // for the caller to handle
	case err != nil:
		e := r.sender.failure(ctx, at, err, to)
		if e.Class == channels.Throttled && !e.QuotaSpent {
			r.sender.pool.shrink()
		}
		return e
	}
	r.failed = cut
	return nil
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// reach notes that the mail has got to the stage. It returns false when the call was given
// up.
func (r *reservation) reach(to stage) bool {
	from := r.at.Load()
	return from != int32(abandoned) && r.at.CompareAndSwap(from, int32(to))
}

// begin sends MAIL. If the server has closed an idle connection, nothing of the mail has
// arrived, and begin opens a new one.
func (r *reservation) begin(ctx context.Context, m composed) error {
	c := r.connection
	if c.client != nil {
		c.bind(ctx)
		err := c.from(m)
		if err == nil || !ended(err) {
			return err
		}
		c.quit()
	}
	if err := r.sender.open(ctx, c); err != nil {
		return err
	}
	return c.from(m)
}

// transfer sends a mail and returns the server's reply to it.
func (r *reservation) transfer(ctx context.Context, m composed) (string, error) {
	if err := r.begin(ctx, m); err != nil {
		return "", err
	}
	client := r.connection.client
	if !r.reach(recipient) {
		return "", context.Canceled
	}
	if err := client.Rcpt(path(m.to)); err != nil {
		return "", err
	}
	if !r.reach(content) {
		return "", context.Canceled
	}
	w, err := client.Data()
	if err != nil {
		return "", err
	}
	if _, err := w.Write(m.raw); err != nil {
		return "", err
	}
	if !r.reach(sent) {
		_ = r.connection.raw.Close() // the client would end the mail before it sends QUIT
		return "", context.Canceled
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return response(w), nil
}
