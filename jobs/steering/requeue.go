package steering

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/routing"
	"github.com/labring/sealos-notify/store"
)

const (
	// MaxRequeued bounds the deliveries of one RequeueMatching.
	MaxRequeued = 10_000
	// requeueBatch is how many deliveries one transaction requeues at most.
	requeueBatch = 500
	// requeueTime is after how long RequeueMatching begins no further transaction. It is
	// well within the time of a request.
	requeueTime = 5 * time.Second
)

// Requeue sends a delivery again, exactly as it was rendered, with all its attempts and its
// notification's priority: one that is dead or cancelled, or that waits for a retry or for the end
// of quiet hours. It is sent in quiet hours, too, and beyond a cap: somebody has decided that. It goes
// through the named provider of its channel, or through the channel's own when the name is empty. A *refusal.Error says why not.
func (c *Control) Requeue(ctx context.Context, d store.Delivery, provider string, by store.Actor) error {
	if err := c.checkRequeue(d, provider); err != nil {
		return err
	}
	n, err := c.store.Notification(ctx, d.NotificationID)
	if err != nil {
		return err
	}
	requeued, err := c.store.Requeue(ctx, []store.Requeue{c.requeueOf(d, provider, n.Priority, false, by)})
	if err != nil {
		return err
	}
	if !requeued[0] {
		return c.refuseRequeue(ctx, d.ID)
	}
	c.log.Info("delivery requeued", zap.Stringer("delivery", d.ID), zap.String("channel", d.Channel), zap.String("provider", provider))
	return nil
}

// SendAgain sends a held delivery again that its vendor does not have, with its notification's priority and after its quiet
// hours. It returns false when its channel or its group is off, or it has another job by now.
func (c *Control) SendAgain(ctx context.Context, d store.Delivery) (bool, error) {
	var refused *refusal.Error
	if err := c.checkRequeue(d, ""); errors.As(err, &refused) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	n, err := c.store.Notification(ctx, d.NotificationID)
	if err != nil {
		return false, err
	}
	r := c.requeueOf(d, "", n.Priority, true, store.Actor{})
	r.ByItself, r.Audit.Detail = true, "its vendor does not have it"
	requeued, err := c.store.Requeue(ctx, []store.Requeue{r})
	return err == nil && requeued[0], err
}

// checkRequeue returns a *refusal.Error when the delivery cannot be sent through the provider
// now.
func (c *Control) checkRequeue(d store.Delivery, provider string) error {
	if d.IsErased() {
		return refusal.New(refusal.Erased, "", "the address of this delivery was erased")
	}
	if d.IsItem() {
		return refusal.New(refusal.DeliveryOpen, "", "this delivery is an item of digest %s, which can be sent again", d.DigestID)
	}
	if provider != "" {
		if _, err := c.channelOf(provider, d.Channel); err != nil {
			return err
		}
	}
	if err := c.checkProvider(d, provider); err != nil {
		return err
	}
	switch d.Status {
	case store.DeliveryDead, store.DeliveryCancelled, store.DeliveryFailed:
		if d.ExpiredAt(time.Now()) {
			return refusal.New(refusal.Expired, "", "expiresAt of this delivery has passed")
		}
	default: // it is refused by what it is when it is read again
	}
	return nil
}

// checkProvider returns a *refusal.Error when the delivery's own provider cannot take it now, or
// its group is that of another one than asked for.
func (c *Control) checkProvider(d store.Delivery, provider string) error {
	registry := c.settings.Load().Registry
	own, on := registry.Provider(d.Channel)
	_, known := registry.ProviderFor(d.Channel, channels.Recipient{Type: d.Recipient.Type, Value: d.Recipient.Value})
	switch {
	case !on && provider == "":
		return refusal.New(refusal.ChannelOff, "", "channel %s is not enabled here", d.Channel)
	case !own.Type.NamesProvider(d.Recipient.Type):
		return nil
	case !known:
		return refusal.New(refusal.UnknownGroup, "", "there is no group any more of the name that this delivery goes to")
	case provider != "" && provider != d.Recipient.Value:
		return refusal.New(refusal.UnknownProvider, "provider", "is the bot of another group than this delivery goes to")
	}
	return nil
}

// Admits reports whether an app may have deliveries sent through a provider. It is true for an
// unknown provider, which is refused as such.
func (c *Control) Admits(provider, app string) bool {
	p, known := c.settings.Load().Registry.Named(provider)
	return !known || p.Admits(app)
}

// refuseRequeue returns why the store did not requeue a delivery.
func (c *Control) refuseRequeue(ctx context.Context, id uuid.UUID) error {
	d, err := c.store.Delivery(ctx, id)
	switch {
	case err != nil:
		return err
	case d.Status == store.DeliverySuccess:
		return refusal.New(refusal.DeliveryArrived, "", "this delivery has arrived")
	default:
		return refusal.New(refusal.DeliveryOpen, "", "this delivery is being sent, or has not been tried yet")
	}
}

// RequeueRequest asks for deliveries to be requeued.
type RequeueRequest struct {
	Filter   store.DeliveryFilter // chooses among the dead ones, with the status DeliveryFailed among those that wait for a retry
	Provider string               // narrows the choice to its channel; empty for the channels' own
	DryRun   bool                 // counts, and changes nothing
	Limit    int                  // from 1 to MaxRequeued
	After    uuid.UUID            // begins after this delivery; uuid.Nil is the start
	By       store.Actor
}

// Requeued is the result of a RequeueRequest.
type Requeued struct {
	Matched  int  // deliveries that the filter chose
	Requeued int  // of them, those that were requeued
	More     bool // the filter chooses more
	// Last is the last that the filter chose, After when it chose none. A request for the rest
	// that begins after it takes none a second time that has died again.
	Last uuid.UUID
}

// RequeueMatching requeues all deliveries that the request chooses and that are neither expired
// nor erased, newest first, in transactions of a few hundred. They get the lowest priority, so
// that they do not delay new ones, and wait for the end of their quiet hours. What is done stays done when a later transaction fails, and
// the same request then goes on with the rest.
func (c *Control) RequeueMatching(ctx context.Context, r RequeueRequest) (Requeued, error) {
	r.Filter.NotErased = true
	if r.Filter.Unexpired = store.Now(); r.Filter.Status != store.DeliveryFailed {
		r.Filter.Status = store.DeliveryDead
	}
	if r.Provider != "" {
		channel, err := c.channelOf(r.Provider, r.Filter.Channel)
		if err != nil {
			return Requeued{}, err
		}
		r.Filter.Channel = channel
	}
	done := Requeued{More: true, Last: r.After}
	for started := time.Now(); done.More && done.Matched < r.Limit && time.Since(started) < requeueTime; {
		n := min(requeueBatch, r.Limit-done.Matched)
		page, err := c.store.ListDeliveries(ctx, r.Filter, done.Last, n+1)
		if err != nil {
			return Requeued{}, err
		}
		done.More = len(page) > n
		page = page[:min(n, len(page))]
		if len(page) == 0 {
			break
		}
		done.Matched += len(page)
		done.Last = page[len(page)-1].ID
		if r.DryRun {
			continue
		}
		requeued, err := c.requeuePage(ctx, page, r.Provider, r.By)
		if err != nil {
			return Requeued{}, err
		}
		done.Requeued += requeued
	}
	if !r.DryRun {
		c.log.Info("deliveries requeued", zap.Int("deliveries", done.Requeued), zap.String("provider", r.Provider))
	}
	return done, nil
}

// requeuePage requeues deliveries in one transaction and returns how many it requeued.
func (c *Control) requeuePage(ctx context.Context, page []store.Delivery, provider string, by store.Actor) (int, error) {
	batch := make([]store.Requeue, len(page))
	asked, _ := c.settings.Load().Registry.Named(provider)
	for i, d := range page {
		through := provider
		if asked.Type.NamesProvider(d.Recipient.Type) {
			through = "" // the delivery stays with its group
		}
		batch[i] = c.requeueOf(d, through, store.PriorityLow, true, by)
	}
	requeued, err := c.store.Requeue(ctx, batch)
	n := 0
	for _, ok := range requeued {
		if ok {
			n++
		}
	}
	return n, err
}

// requeueOf returns the requeue of a delivery; quiet: its quiet hours still hold.
func (c *Control) requeueOf(d store.Delivery, provider string, priority store.Priority, quiet bool, by store.Actor) store.Requeue {
	if d.Test { // it stays with the simulated provider
		provider = ""
	}
	now := store.Now()
	job := store.Job{DeliveryID: d.ID, Queue: d.Channel, MaxAttempts: d.MaxRetry + 1, Priority: priority.InQueue()}
	registry := c.settings.Load().Registry
	through, _ := registry.ProviderFor(d.Channel, channels.Recipient{Type: d.Recipient.Type, Value: d.Recipient.Value})
	if !through.Type.NamesProvider(d.Recipient.Type) {
		if named, known := registry.Named(provider); known {
			through = named
		} else if order := registry.Order(d.Channel, d.ID); len(order) > 0 {
			through = order[0]
		}
	}
	job.Provider = routing.Line(through, d.Recipient.Type, d.Test)
	due := now
	if d.SendAt != nil && d.SendAt.After(now) { // it was cancelled before it was due
		due = *d.SendAt
	}
	if quiet {
		due = d.Wakes(due)
	}
	if due.After(now) {
		job.Due = due
	}
	audit := by.Did(store.AuditDeliveryRetry, d.ID.String())
	if provider != "" {
		audit.Detail = "through " + provider
	}
	return store.Requeue{DeliveryID: d.ID, JobID: d.JobID, Provider: provider, Job: job, Quiet: quiet, At: now, Audit: audit}
}

// channelOf returns the channel of a provider. It returns a *refusal.Error unless deliveries of
// the given channel, of any when that is empty, can go through the provider now.
func (c *Control) channelOf(provider, channel string) (string, error) {
	registry := c.settings.Load().Registry
	p, known := registry.Named(provider)
	if known && (channel == "" || channel == p.Type.Channel) {
		return p.Type.Channel, nil
	}
	names := strings.Join(registry.Providers(channel), ", ")
	if channel != "" {
		return "", refusal.New(refusal.UnknownProvider, "provider", "is none of channel %s, which has: %s", channel, names)
	}
	return "", refusal.New(refusal.UnknownProvider, "provider", "there is none of that name; there are: %s", names)
}
