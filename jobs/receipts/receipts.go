// Package receipts asks vendors what became of deliveries after they were sent, and settles those that are held
// because nobody knows whether they were.
package receipts

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/store"
)

// FirstAsk is how long after a delivery's outcome its vendor is first asked.
const FirstAsk = 30 * time.Second

// schedule is when it is asked, from the outcome on. The last answer decides what becomes of a delivery that the
// vendor does not know.
var schedule = []time.Duration{FirstAsk, 5 * time.Minute, time.Hour}

const (
	// noAnswerPause is between two questions after the last of the schedule had no answer, and noAnswerLimit is after how
	// long nothing is asked any more.
	noAnswerPause = time.Hour
	noAnswerLimit = 24 * time.Hour
	// throttledPause is the wait when a vendor throttles and does not say for how long.
	throttledPause = time.Minute
	// slotHorizon is how long a worker waits for its turn to ask, at most. Those of all replicas fit into it, unless the
	// provider is asked very rarely: a job that gave up would come back, again and again.
	slotHorizon = 30 * time.Second
)

// Store is what Receipts needs of the store.
type Store interface {
	Delivery(ctx context.Context, id uuid.UUID) (store.Delivery, error)
	Record(ctx context.Context, batch []store.Outcome) ([]bool, error)
	TakeSlot(ctx context.Context, provider string, interval, horizon time.Duration) (time.Duration, bool, error)
	store.Receipts
}

// Requeuer sends deliveries again.
type Requeuer interface {
	// SendAgain gives a held delivery that its vendor does not have a new job. It returns false when it cannot be sent
	// now, or has another job already.
	SendAgain(ctx context.Context, d store.Delivery) (bool, error)
}

// Receipts asks vendors.
type Receipts struct {
	store    Store
	requeuer Requeuer
	settings *settings.Live
	running  context.Context // until Stop
	stop     context.CancelFunc
	log      *zap.Logger
	metrics  *metrics
}

// New returns a Receipts. With a nil registry no metrics are shown.
func New(st Store, requeuer Requeuer, live *settings.Live, log *zap.Logger, registry prometheus.Registerer) *Receipts {
	r := &Receipts{store: st, requeuer: requeuer, settings: live, log: log, metrics: newMetrics(registry)}
	r.running, r.stop = context.WithCancel(context.Background())
	return r
}

// Stop lets the workers go that wait for their turn. Their jobs run again later.
func (r *Receipts) Stop() { r.stop() }

// subject is a delivery that a vendor is asked about.
type subject struct {
	store.Delivery
	held bool          // nobody knows whether it was sent
	age  time.Duration // since its outcome
}

// isLast reports whether the schedule ends with this question.
func (s subject) isLast() bool { return s.age >= schedule[len(schedule)-1] }

// untilNext returns the time until the next question of the schedule; 0 after the last.
func (s subject) untilNext() time.Duration {
	for _, at := range schedule {
		if s.age < at {
			return at - s.age
		}
	}
	return 0
}

// Ask asks the vendor of a delivery, once, and keeps what it says. It returns after how long it is to be called
// again; 0: never. An error is the database's.
func (r *Receipts) Ask(ctx context.Context, id uuid.UUID) (again time.Duration, err error) {
	d, err := r.store.Delivery(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	}
	s := subject{d, d.Status == store.DeliveryDead && d.LastCode == channels.CodeUncertainOutcome, store.Now().Sub(d.UpdatedAt)}
	if d.Test || !s.held && (d.Status != store.DeliverySuccess || d.Receipt != "") {
		return 0, nil // it is being sent again, or all is known
	}
	config := r.settings.Load()
	providers := askable(config.Registry, s)
	if len(providers) == 0 || d.IsErased() {
		return 0, r.giveUp(ctx, s)
	}
	var answer channels.Answer
	var from channels.Provider
	for _, from = range providers {
		wait, err := r.takeTurn(ctx, from)
		if err != nil || wait > 0 {
			return wait, err
		}
		var failed *channels.Error
		if answer, failed = r.ask(ctx, config, from, s); failed != nil {
			return r.unanswered(ctx, s, failed)
		}
		if answer.Found {
			break
		}
	}
	if s.held {
		return r.settle(ctx, s, from, answer)
	}
	return r.receive(ctx, s, answer)
}

// askable returns the providers that may know of a delivery: the one that sent it. Of a held one that may be any of
// its channel: the list may have changed since its worker was lost. It is empty when the one that sent it is gone, or
// cannot be asked.
func askable(registry *channels.Registry, s subject) []channels.Provider {
	var providers []channels.Provider
	if own, known := registry.Named(s.Provider); known && asks(own) && own.Type.Channel == s.Channel {
		providers = append(providers, own)
	} else if !s.held || s.Provider != "" { // a worker was lost while the channel was off
		return nil
	}
	if s.held {
		for _, name := range registry.Providers(s.Channel) {
			if p, _ := registry.Named(name); asks(p) && name != s.Provider {
				providers = append(providers, p)
			}
		}
	}
	return providers
}

func asks(p channels.Provider) bool {
	_, can := p.Sender.(channels.Asker)
	return can
}

// takeTurn waits for the provider's next turn to be asked. Turns are apart from those of sends, and as far from each
// other as the provider's rate limit says, or further. When the next one is not soon, it returns the time until then.
func (r *Receipts) takeTurn(ctx context.Context, p channels.Provider) (time.Duration, error) {
	slot, taken, err := r.store.TakeSlot(ctx, p.Name+"?", max(p.Type.AskInterval, p.Interval), slotHorizon)
	if err != nil || !taken {
		return max(slot, time.Second), err
	}
	select {
	case <-time.After(slot):
		return 0, nil
	case <-r.running.Done():
		return max(slot, time.Second), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// ask makes the call.
func (r *Receipts) ask(ctx context.Context, config *settings.Settings, p channels.Provider, s subject) (channels.Answer, *channels.Error) {
	timeout := config.TriesOf(p).Timeout()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	q := channels.Question{
		DeliveryID: s.ID, Recipient: channels.Recipient{Type: s.Recipient.Type, Value: s.Recipient.Value},
		Since: s.UpdatedAt.Add(-timeout), Until: s.UpdatedAt,
	}
	if s.held { // the attempt that was lost may have been any since then
		q.Since = s.Due()
	}
	answer, err := channels.CallAsk(ctx, p.Sender.(channels.Asker), q)
	if err == nil {
		r.metrics.countQuestion(p.Name, answer)
		return answer, nil
	}
	failed := channels.AsError(err)
	r.metrics.questions.WithLabelValues(p.Name, resultError).Inc()
	level := zap.InfoLevel
	if failed.Class == channels.Misconfigured {
		level = zap.ErrorLevel // no receipt comes until an operator acts
	}
	r.log.Log(level, "the vendor was asked about a delivery and did not answer", zap.Stringer("delivery", s.ID), zap.String("provider", p.Name),
		zap.String("class", string(failed.Class)), zap.String("code", failed.Code))
	return channels.Answer{}, failed
}

// unanswered returns when to ask again after a question without an answer.
func (r *Receipts) unanswered(ctx context.Context, s subject, failed *channels.Error) (time.Duration, error) {
	if s.age >= noAnswerLimit {
		return 0, r.giveUp(ctx, s)
	}
	wait := s.untilNext()
	if wait == 0 {
		wait = noAnswerPause
	}
	if failed.Class == channels.Throttled {
		wait = min(wait, max(failed.RetryAfter, throttledPause))
	}
	return wait, nil
}

// giveUp ends the questions about a delivery without an answer. A held one stays held.
func (r *Receipts) giveUp(ctx context.Context, s subject) error {
	if s.held {
		r.log.Warn("a held delivery is left to a person: its vendor cannot be asked", zap.Stringer("delivery", s.ID), zap.String("provider", s.Provider))
		return nil
	}
	return r.set(ctx, s, store.Received{Receipt: store.ReceiptUnknown, At: store.Now()})
}

// receive keeps what the vendor says of a delivery that was sent.
func (r *Receipts) receive(ctx context.Context, s subject, answer channels.Answer) (time.Duration, error) {
	switch {
	case answer.Found && answer.Fate != "":
		return 0, r.set(ctx, s, store.Received{
			Receipt: store.Receipt(answer.Fate), Code: answer.Code, At: answer.At.UTC().Truncate(time.Microsecond),
		})
	case s.isLast():
		return 0, r.giveUp(ctx, s)
	}
	return s.untilNext(), nil
}

// set sets the receipt of a delivery.
func (r *Receipts) set(ctx context.Context, s subject, received store.Received) error {
	received.DeliveryID = s.ID
	set, err := r.store.SetReceipts(ctx, []store.Received{received})
	if err == nil && set[0] {
		r.metrics.receipts.WithLabelValues(s.Channel, s.Provider, string(received.Receipt)).Inc()
	}
	return err
}
