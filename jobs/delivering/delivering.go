// Package delivering sends deliveries: it loads what is sent, makes the provider call, records
// the outcome and returns what River does with the job next.
package delivering

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/groupcommit"
	"github.com/labring/sealos-notify/jobs/optout"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/jobs/sealing"
	"github.com/labring/sealos-notify/jobs/settings"
	"github.com/labring/sealos-notify/jobs/tracing"
	"github.com/labring/sealos-notify/store"
)

const (
	// loadTime bounds the read of a batch of deliveries, and of a provider's slot. It
	// leaves most of a job's lease for the send.
	loadTime = 5 * time.Second
	// recordTime bounds one try to record outcomes. Recording is tried again until the
	// job's time is over.
	recordTime = 3 * time.Second
	// unavailablePause is between two tries while the database is unavailable.
	unavailablePause = 200 * time.Millisecond
)

// Store is what a Deliverer needs of the store.
type Store interface {
	FindDeliveries(ctx context.Context, ids []uuid.UUID) ([]store.Delivery, error)
	FindMessages(ctx context.Context, ids []uuid.UUID) ([]store.Message, error)
	Record(ctx context.Context, batch []store.Outcome) ([]bool, error)
	CloseOrphans(ctx context.Context, batch []store.Closing) ([]bool, error)
	Template(ctx context.Context, name string) (store.Template, error)
	TemplateVersion(ctx context.Context, name string, version int) (store.TemplateVersion, error)
	Kind(ctx context.Context, name string) (store.Kind, error)
	store.Digests
	TakeTurns(ctx context.Context, batch []store.Turn) ([]store.Taken, error)
	FindIncidents(ctx context.Context, ids []uuid.UUID) ([]store.Incident, error)
	IncidentCard(ctx context.Context, incident uuid.UUID, provider string, to store.Recipient) (string, error)
	IncidentCards(ctx context.Context, incident uuid.UUID, after store.Card, limit int) ([]store.Card, error)
	IncidentSending(ctx context.Context, incident uuid.UUID) (bool, error)
	ForgetCards(ctx context.Context, deliveries []uuid.UUID) error
	IncidentFacts(ctx context.Context, i store.Incident) (store.IncidentFacts, error)
	MoveDeliveries(ctx context.Context, batch []store.Move) ([]bool, error)
	Reopen(ctx context.Context, id uuid.UUID, jobID int64, attempts int) (bool, error)
	TakeSlot(ctx context.Context, provider string, interval, horizon time.Duration) (time.Duration, bool, error)
	TakePlace(ctx context.Context, provider string, holder uuid.UUID, most int, lease time.Duration) (store.Place, bool, error)
	RenewPlaces(ctx context.Context, holder uuid.UUID, lease time.Duration) ([]store.Place, error)
	FreePlaces(ctx context.Context, holder uuid.UUID, places []store.Place) error
	store.Breakers
}

// Deliverer sends deliveries. Close it after the last Deliver.
type Deliverer struct {
	store     Store
	types     map[string]channels.Type // by channel
	renderer  *rendering.Renderer
	settings  *settings.Live
	links     *optout.OptOut
	sealer    *sealing.Sealer
	loads     *groupcommit.Committer[uuid.UUID, *loaded] // by delivery; nil when it does not exist
	records   *groupcommit.Committer[store.Outcome, bool]
	moves     *groupcommit.Committer[store.Move, bool]
	turns     *groupcommit.Committer[store.Turn, store.Taken]
	incidents *groupcommit.Committer[uuid.UUID, *store.Incident]
	messages  *otter.Cache[uuid.UUID, store.Message]
	places    *places
	rooms     sync.Map // by provider, a *room
	breakers  *breakers
	running   context.Context // until Stop
	stopping  <-chan struct{} // closed by Stop
	stop      context.CancelFunc
	log       *zap.Logger
	metrics   *metrics
	unlisted  *unlisted
	tracer    trace.Tracer // nil: no traces
}

// Options are what a Deliverer works with.
type Options struct {
	Types    []channels.Type // one for each channel
	Renderer *rendering.Renderer
	Settings *settings.Live
	Links    *optout.OptOut
	Sealer   *sealing.Sealer
	Log      *zap.Logger
	Registry prometheus.Registerer // nil: no metrics
	Batches  *groupcommit.Metrics
	Tracer   trace.Tracer // nil: no traces
}

// New starts a Deliverer.
func New(st Store, o Options) *Deliverer {
	d := &Deliverer{
		store: st, renderer: o.Renderer, types: make(map[string]channels.Type, len(o.Types)), settings: o.Settings, links: o.Links, sealer: o.Sealer,
		messages: newMessageCache(),
		places:   newPlaces(st, o.Log), log: o.Log, metrics: newMetrics(o.Registry),
		unlisted: newUnlisted(o.Registry, o.Log), tracer: o.Tracer,
	}
	d.breakers = newBreakers(st, o.Settings, o.Log, d.metrics)
	if o.Registry != nil {
		o.Registry.MustRegister(d.breakers)
	}
	d.running, d.stop = context.WithCancel(context.Background())
	d.stopping = d.running.Done()
	for _, t := range o.Types {
		d.types[t.Channel] = t
	}
	d.loads = groupcommit.New(groupcommit.Options[uuid.UUID]{
		Name: "load", BatchTime: loadTime, ItemTime: loadTime, Metrics: o.Batches, Log: o.Log,
	}, func(ctx context.Context, gather func() []uuid.UUID) ([]*loaded, error) {
		return d.loadBatch(ctx, gather())
	})
	d.records = groupcommit.New(groupcommit.Options[store.Outcome]{
		Name: "record", BatchTime: recordTime, ItemTime: recordTime, Metrics: o.Batches, Log: o.Log,
	}, func(ctx context.Context, gather func() []store.Outcome) ([]bool, error) {
		return d.recordBatch(ctx, gather())
	})
	d.moves = groupcommit.New(groupcommit.Options[store.Move]{
		Name: "move", BatchTime: recordTime, ItemTime: recordTime, Metrics: o.Batches, Log: o.Log,
	}, func(ctx context.Context, gather func() []store.Move) ([]bool, error) {
		return d.store.MoveDeliveries(ctx, gather())
	})
	d.turns = groupcommit.New(groupcommit.Options[store.Turn]{
		Name: "turn", BatchTime: recordTime, ItemTime: recordTime, Metrics: o.Batches, Log: o.Log,
	}, func(ctx context.Context, gather func() []store.Turn) ([]store.Taken, error) {
		return d.store.TakeTurns(ctx, gather())
	})
	d.incidents = groupcommit.New(groupcommit.Options[uuid.UUID]{
		Name: "incidents", BatchTime: loadTime, ItemTime: loadTime, Metrics: o.Batches, Log: o.Log,
	}, func(ctx context.Context, gather func() []uuid.UUID) ([]*store.Incident, error) {
		return d.findIncidents(ctx, gather())
	})
	return d
}

// Stop lets the workers go that wait for the database, a slot or a connection. Their jobs
// run again later. It may be called again.
func (d *Deliverer) Stop() { d.stop() }

// Close records what is queued.
func (d *Deliverer) Close() {
	d.stop()
	d.loads.Close()
	d.records.Close()
	d.moves.Close()
	d.turns.Close()
	d.incidents.Close()
	d.places.close()
}

// run is one run of a job.
type run struct {
	job      Job
	delivery store.Delivery
	message  store.Message
	settings *settings.Settings // those of load: a reload must not mix two configurations
	tries    settings.Defaults  // the provider's
	provider channels.Provider
	route    []channels.Provider  // those that it may move among
	keeps    bool                 // a lost attempt may have arrived: the delivery stays with the provider
	probes   bool                 // it tries whether the provider works again
	other    *alternative         // where it can go after a failure
	link     string               // that switches off such mails; empty: none
	turn     *store.ThreadMessage // the message that is edited, if it was sent before; nil: the delivery is in no thread
	button   *channels.Button     // that acknowledges the incident; nil: none
	open     bool                 // it is of an incident that is open
	urgent   string               // kind of the step's urgent call; empty: none
	card     string               // reference of the message to urge; empty: one is sent
	note     string               // that somebody has acknowledged the incident; empty: nobody has

	connection channels.Connection // nil when the provider has none, or it was released
}

// waitsSince returns from when on the delivery could be sent, by this job.
func (r *run) waitsSince() time.Time {
	if due := r.delivery.Due(); due.After(r.job.CreatedAt) {
		return due
	}
	return r.delivery.Awake(r.job.CreatedAt)
}

// release gives the connection back.
func (r *run) release() {
	if r.connection != nil {
		r.connection.Release()
		r.connection = nil
	}
}

// Deliver runs a job. ctx ends when the job's lease does; the provider call does not depend
// on it.
func (d *Deliverer) Deliver(ctx context.Context, job Job) Next {
	ctx, span := tracing.StartJob(ctx, d.tracer, job.Metadata, attribute.String("channel", job.Queue),
		attribute.Int64("job", job.ID), attribute.Int("attempt", job.Attempt))
	defer span.End()
	next := d.deliver(ctx, job)
	if next.Action == Snooze && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		// The lease is over and another worker may have the job. River would take the
		// attempt back from that one, and a third worker would not see that it was started.
		return *retryAt(d.whenOver(), "the job took longer than its lease")
	}
	return *next
}

// deliver takes the steps of a delivery until one decides what River does next.
func (d *Deliverer) deliver(ctx context.Context, job Job) *Next {
	r := &run{job: job}
	defer r.release()
	for _, step := range []func(context.Context, *run) *Next{
		d.load,
		d.checkJob,
		d.closeDigest,
		d.chooseProvider,
		d.checkSuperseded,
		d.checkExpiry,
		d.checkQuiet,
		d.passBreaker,
		d.takeSlot,
		d.checkLease,
		d.connect,
		d.checkExpiry, // the slot and the connection may have taken seconds
		d.checkBreaker,
		d.checkLease,
		d.addLink,
		d.checkIncident,
		d.takeTurn,
	} {
		if next := step(ctx, r); next != nil {
			return next
		}
	}
	return d.send(ctx, r)
}

// checkJob ends a job that must not send its delivery, and reopens a closed delivery whose
// job an operator started again.
func (d *Deliverer) checkJob(ctx context.Context, r *run) *Next {
	switch {
	case r.delivery.JobID != r.job.ID:
		return cancel("the delivery was given another job")
	case r.delivery.Status == store.DeliverySuccess:
		return complete() // recorded by a worker that was lost before it completed the job
	case restartedByOperator(r.job, r.delivery):
		return d.reopen(ctx, r)
	case !r.delivery.Status.Open():
		return cancel("the delivery is closed")
	case r.job.Attempt <= r.delivery.Attempts:
		// Recorded by a worker that was stopped before River noted it.
		return retryAt(time.Time{}, "attempt recorded before")
	}
	return nil
}

// reopen makes a closed delivery pending again. It does so before the send: if this attempt
// is lost, the next one is no restart by an operator.
func (d *Deliverer) reopen(ctx context.Context, r *run) *Next {
	r.delivery.Attempts = r.job.Attempt - 1
	reopened, err := d.store.Reopen(ctx, r.delivery.ID, r.job.ID, r.delivery.Attempts)
	if err != nil || !reopened {
		d.log.Warn("delivery could not be reopened", zap.Stringer("delivery", r.delivery.ID), zap.Error(err))
		return snooze(time.Second) // its state is read again then
	}
	return nil
}

// checkExpiry ends a delivery whose expiresAt has passed.
func (d *Deliverer) checkExpiry(ctx context.Context, r *run) *Next {
	if !r.delivery.ExpiredAt(time.Now()) {
		return nil
	}
	why := "expiresAt has passed"
	if r.delivery.Awake(*r.delivery.ExpiresAt).After(*r.delivery.ExpiresAt) {
		why += ", in quiet hours"
	}
	return d.fail(ctx, r, &channels.Error{Class: channels.Permanent, Code: store.CodeExpired, Message: why})
}

// checkQuiet puts a delivery off until its quiet hours end, or it expires. It spends no attempt.
func (d *Deliverer) checkQuiet(_ context.Context, r *run) *Next {
	now := time.Now()
	if until := r.delivery.Wakes(now); until.After(now) {
		return snooze(until.Sub(now))
	}
	return nil
}

// checkLease puts a send off that could outlive the job's lease: another worker would begin
// its own.
func (d *Deliverer) checkLease(ctx context.Context, r *run) *Next {
	if !hasTime(ctx, r.tries.Timeout()) {
		return snooze(time.Second)
	}
	return nil
}

// hasTime reports whether at least limit remains before the job's deadline.
func hasTime(ctx context.Context, limit time.Duration) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() == nil && (!bounded || time.Until(deadline) >= limit)
}

// whenOver returns when an attempt is surely over that another worker may be making now.
func (d *Deliverer) whenOver() time.Time {
	return time.Now().Add(d.settings.Load().LongestTimeout() + recordTime)
}

// send makes the provider call and records its outcome.
func (d *Deliverer) send(ctx context.Context, r *run) *Next {
	started := time.Now()
	sending, span := tracing.Start(ctx, "send", trace.SpanKindClient)
	// Not on the job's context: a shutdown or a cancelled job must not cut a request.
	receipt, err := d.call(context.WithoutCancel(sending), r, func(ctx context.Context) (channels.Receipt, error) { return d.sendOrEdit(ctx, r) })
	r.release()
	endSend(span, r.provider, err)
	return d.called(ctx, r, started, receipt, err)
}

// called counts a provider call and records its outcome.
func (d *Deliverer) called(ctx context.Context, r *run, started time.Time, receipt channels.Receipt, err error) *Next {
	d.metrics.countCall(r.provider, time.Since(started), err)
	d.notice(r, receipt, err)
	if !r.delivery.Test {
		d.breakers.learn(ctx, r.provider.Name, r.probes, err)
	}
	return d.conclude(ctx, r, started, receipt, err)
}

// fail records an attempt that failed before the provider call.
func (d *Deliverer) fail(ctx context.Context, r *run, err error) *Next {
	return d.conclude(ctx, r, time.Now(), channels.Receipt{}, err)
}

// call makes a provider call: at most for timeoutSeconds.
func (d *Deliverer) call(
	ctx context.Context, r *run, do func(context.Context) (channels.Receipt, error),
) (channels.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, r.tries.Timeout())
	defer cancel()
	receipt, err := channels.Call(ctx, func() (channels.Receipt, error) { return do(ctx) })
	provider, delivery := zap.String("provider", r.provider.Name), zap.Stringer("delivery", r.delivery.ID)
	var panicked *channels.Panic
	switch {
	case errors.As(err, &panicked):
		d.log.Error("provider panicked", provider, delivery, zap.String("panicType", panicked.Type), zap.ByteString("stack", panicked.Stack))
	case errors.Is(err, channels.ErrAbandoned):
		d.log.Error("provider's call did not end in its time, and is left behind", provider, delivery)
	}
	return receipt, err
}

// send sends a message.
func (r *run) send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	if r.connection != nil {
		return r.connection.Send(ctx, m)
	}
	return r.provider.Sender.Send(ctx, m)
}

// outgoing returns the message as the provider takes it.
func (r *run) outgoing() channels.Message {
	m := channels.Message{
		DeliveryID: r.delivery.ID, Attempt: r.job.Attempt,
		Recipient: addressOf(r.delivery), Mention: mentioned(r.message.Mention),
		MsgType: r.message.MsgType, Subject: r.message.Subject, Body: r.message.Body,
		TemplateCode: r.message.Code(r.provider.Name), Params: r.message.Params, Unsubscribe: r.link,
		InThread: r.delivery.ThreadID != uuid.Nil, Resolved: r.delivery.Resolved, Note: r.note, Button: r.button, Urgent: r.urgent,
	}
	if r.delivery.ExpiresAt != nil {
		m.ExpiresAt = *r.delivery.ExpiresAt
	}
	return m
}

func addressOf(d store.Delivery) channels.Recipient {
	return channels.Recipient{Type: d.Recipient.Type, Value: d.Recipient.Value}
}

// mentioned returns the people of a message as a provider takes them, without those who were
// erased.
func mentioned(people []store.Recipient) []channels.Recipient {
	var out []channels.Recipient
	for _, person := range people {
		if person.Value != store.ErasedText {
			out = append(out, channels.Recipient{Type: person.Type, Value: person.Value})
		}
	}
	return out
}

// endSend ends the span of a provider call.
func endSend(span trace.Span, p channels.Provider, err error) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.String("channel", p.Type.Channel), attribute.String("provider", p.Name))
	if err != nil {
		e := channels.AsError(err)
		tracing.Fail(span, string(e.Class), channels.CleanText(e.Code))
	}
}
