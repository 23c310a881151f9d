package delivering

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
)

// connectionWait is how long a worker waits for a free connection. Then the job sleeps, so
// that the worker can take a more urgent one.
const connectionWait = 5 * time.Second

// connect gets a connection when the provider has few. The time of the call begins
// afterwards. Waiting spends nothing, because nothing was sent; an attempt fails only when a
// connection cannot be opened.
func (d *Deliverer) connect(ctx context.Context, r *run) *Next {
	connector, ok := r.provider.Sender.(channels.Connector)
	if !ok {
		return nil
	}
	untilStop, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.running, cancel)()
	waiting, stopWaiting := context.WithTimeout(untilStop, connectionWait)
	defer stopWaiting()
	connection, err := d.reserve(waiting, r, connector)
	if err != nil {
		if !errors.Is(err, channels.ErrBusy) {
			d.log.Warn("no connection could be reserved", zap.String("provider", r.provider.Name), zap.Error(err))
		}
		return snooze(sleepForConnection())
	}
	r.connection = connection
	started := time.Now()
	_, err = d.call(untilStop, r, func(ctx context.Context) (channels.Receipt, error) {
		return channels.Receipt{}, connection.Connect(ctx, r.outgoing())
	})
	switch {
	case err == nil:
		return nil
	case d.running.Err() != nil:
		return snooze(time.Second) // nothing was sent
	}
	r.release()
	return d.called(ctx, r, started, channels.Receipt{}, err)
}

// reserve asks for a connection when it is the turn of the run's app.
func (d *Deliverer) reserve(ctx context.Context, r *run, connector channels.Connector) (channels.Connection, error) {
	waiting, _ := d.rooms.LoadOrStore(r.provider.Name, &room{})
	leave, err := waiting.(*room).enter(ctx, r.job)
	if err != nil {
		return nil, channels.ErrBusy
	}
	connection, err := connector.Reserve(ctx, placesOf{d.places, r.provider.Name})
	leave(err == nil)
	return connection, err
}

// sleepForConnection returns how long a job sleeps that found no connection. Those that
// waited together do not come back together.
func sleepForConnection() time.Duration {
	return time.Second + rand.N(2*time.Second) //nolint:gosec // not a secret
}
