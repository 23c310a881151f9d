package jobs

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/store"
)

const (
	// MaxRetried bounds the deliveries of one RetryMatching.
	MaxRetried = 10_000
	// retryBatch bounds the deliveries that one transaction sends again.
	retryBatch = 500
	// retryTime is when RetryMatching stops between two batches: well within the
	// time of a request.
	retryTime = 5 * time.Second
)

// Codes of a Refusal of a retry.
const (
	CodeDeliveryOpen    = "delivery_open"    // it is still on its way by itself
	CodeDeliveryArrived = "delivery_arrived" // success is final
	CodeUnknownProvider = "unknown_provider" // of that name, for that channel
)

// Retry sends a dead or cancelled delivery again, exactly as it was rendered, with
// all its attempts before it and its notification's priority; through the named
// provider of its channel, or the channel's own when the name is empty. A *Refusal
// says why not.
func (s *Service) Retry(ctx context.Context, d store.Delivery, provider string) error {
	if provider != "" {
		if _, err := s.channelOf(provider, d.Channel); err != nil {
			return err
		}
	} else if _, on := s.settings.Load().Registry.Provider(d.Channel); !on {
		return &Refusal{Code: CodeChannelOff, Message: "channel " + d.Channel + " is not enabled here"}
	}
	if !d.Status.Open() && d.Status != store.DeliverySuccess && d.ExpiredAt(time.Now()) {
		return &Refusal{Code: CodeExpired, Message: "expiresAt of this delivery has passed"}
	}
	n, err := s.store.Notification(ctx, d.NotificationID)
	if err != nil {
		return err
	}
	retried, err := s.store.Retry(ctx, []store.Retrial{retrial(d, provider, n.Priority)})
	if err != nil {
		return err
	}
	if !retried[0] {
		return s.refuseRetry(ctx, d.ID)
	}
	s.log.Info("delivery sent again by hand", zap.Stringer("delivery", d.ID), zap.String("channel", d.Channel), zap.String("provider", provider))
	return nil
}

// refuseRetry says why a delivery did not go again.
func (s *Service) refuseRetry(ctx context.Context, id uuid.UUID) error {
	d, err := s.store.Delivery(ctx, id)
	switch {
	case err != nil:
		return err
	case d.Status == store.DeliverySuccess:
		return &Refusal{Code: CodeDeliveryArrived, Message: "this delivery has arrived"}
	default:
		return &Refusal{Code: CodeDeliveryOpen, Message: "this delivery is still on its way"}
	}
}

// RetryRequest asks for dead deliveries to go again.
type RetryRequest struct {
	Filter   store.DeliveryFilter // chooses among the dead ones that have not expired
	Provider string               // narrows it to the provider's channel; empty for the channels' own
	DryRun   bool                 // looks, and changes nothing
	Limit    int                  // from 1 to MaxRetried
}

// Retried answers a RetryRequest.
type Retried struct {
	Matched int  // deliveries looked at
	Retried int  // of them, that go again
	More    bool // there are more that match
}

// RetryMatching is Retry for all dead deliveries that the request chooses, the
// newest first, in transactions of a few hundred; none has expired. They go with the
// lowest priority, so that they do not hold up what is new. What was done stays done
// when a later transaction fails, and the same request then goes on with the rest.
func (s *Service) RetryMatching(ctx context.Context, r RetryRequest) (Retried, error) {
	r.Filter.Status, r.Filter.Unexpired = store.DeliveryDead, store.Now()
	if r.Provider != "" {
		channel, err := s.channelOf(r.Provider, r.Filter.Channel)
		if err != nil {
			return Retried{}, err
		}
		r.Filter.Channel = channel
	}
	done := Retried{More: true}
	after := uuid.Nil
	for started := time.Now(); done.More && done.Matched < r.Limit && time.Since(started) < retryTime; {
		n := min(retryBatch, r.Limit-done.Matched)
		deliveries, err := s.store.ListDeliveries(ctx, r.Filter, after, n+1)
		if err != nil {
			return Retried{}, err
		}
		done.More = len(deliveries) > n
		deliveries = deliveries[:min(n, len(deliveries))]
		if len(deliveries) == 0 {
			break
		}
		done.Matched += len(deliveries)
		after = deliveries[len(deliveries)-1].ID
		if r.DryRun {
			continue
		}
		batch := make([]store.Retrial, len(deliveries))
		for i, d := range deliveries {
			batch[i] = retrial(d, r.Provider, store.PriorityLow)
		}
		retried, err := s.store.Retry(ctx, batch)
		if err != nil {
			return Retried{}, err
		}
		for _, again := range retried {
			if again {
				done.Retried++
			}
		}
	}
	if !r.DryRun {
		s.log.Info("deliveries sent again by hand", zap.Int("deliveries", done.Retried), zap.String("provider", r.Provider))
	}
	return done, nil
}

func retrial(d store.Delivery, provider string, priority store.Priority) store.Retrial {
	now := store.Now()
	job := river.InsertOpts{Queue: d.Channel, MaxAttempts: d.MaxRetry + 1, Priority: riverPriority(priority)}
	if d.SendAt != nil && d.SendAt.After(now) { // it was cancelled before its time
		job.ScheduledAt = *d.SendAt
	}
	return store.Retrial{
		DeliveryID: d.ID, JobID: d.JobID, Provider: provider, At: now,
		Job: river.InsertManyParams{Args: DeliverArgs{DeliveryID: d.ID}, InsertOpts: &job},
	}
}

// channelOf returns the channel of a provider that deliveries of the channel, or
// of any when that is empty, can go through now.
func (s *Service) channelOf(provider, channel string) (string, error) {
	registry := s.settings.Load().Registry
	p, known := registry.Named(provider)
	if known && (channel == "" || channel == p.Type.Channel) {
		return p.Type.Channel, nil
	}
	names := strings.Join(registry.Providers(channel), ", ")
	if channel != "" {
		return "", &Refusal{Code: CodeUnknownProvider, Field: "provider", Message: "is none of channel " + channel + ", which has: " + names}
	}
	return "", &Refusal{Code: CodeUnknownProvider, Field: "provider", Message: "there is none of that name; there are: " + names}
}
