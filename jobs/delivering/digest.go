package delivering

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// Codes of digests that are not sent.
const (
	CodeDigestFailed = "digest_failed" // its template could not be rendered with its items
	CodeDigestEmpty  = "digest_empty"  // none of its items was left
)

// mostItems is how many items of a digest its template gets. The others are counted.
const mostItems = 100

// closeDigest closes a digest that is due and renders its message. After a crash the message is
// rendered again from the same items, unless it was written: so all attempts send the same.
func (d *Deliverer) closeDigest(ctx context.Context, r *run) *Next {
	if !r.delivery.IsDigest() || r.message.ID != uuid.Nil {
		return nil
	}
	if next := d.checkQuiet(ctx, r); next != nil {
		return next // it takes items until then
	}
	provider, on := r.settings.Registry.Provider(r.delivery.Channel)
	if !on {
		return nil // chooseProvider fails the attempt
	}
	ctx, cancel := context.WithTimeout(ctx, loadTime)
	defer cancel()
	closed, err := d.endWindow(ctx, r)
	switch {
	case err != nil:
	case !closed.Held.IsZero():
		return snooze(max(time.Second, time.Until(r.delivery.Wakes(closed.Held))))
	case closed.Count == 0:
		return d.end(ctx, r, store.DeliveryCancelled, CodeDigestEmpty, "none of its items was left to be sent")
	default:
		err = d.renderDigest(ctx, r, provider, closed)
	}
	var refused *refusal.Error
	switch {
	case errors.As(err, &refused):
		return d.end(ctx, r, store.DeliveryDead, CodeDigestFailed, refused.Message)
	case errors.Is(err, store.ErrNotFound):
		return d.end(ctx, r, store.DeliveryDead, CodeDigestFailed, "its template was deleted")
	case err != nil:
		d.log.Warn("digest could not be closed", zap.Stringer("delivery", r.delivery.ID), zap.Error(err))
		return snooze(time.Second)
	}
	d.metrics.digests.WithLabelValues(r.delivery.Channel).Inc()
	d.metrics.digestItems.WithLabelValues(r.delivery.Channel).Add(float64(closed.Count))
	return nil
}

// endWindow closes a digest unless its kind, as it is now, has a cap that it is beyond.
func (d *Deliverer) endWindow(ctx context.Context, r *run) (store.ClosedDigest, error) {
	c := store.DigestClosing{
		Digest: r.delivery, Most: mostItems, Suppressible: r.settings.Defaults.SuppressDays > 0, At: store.Now(),
	}
	kind, err := d.store.Kind(ctx, r.delivery.Kind)
	if err == nil {
		c.Kind = &kind
	} else if !errors.Is(err, store.ErrNotFound) {
		return store.ClosedDigest{}, err
	}
	return d.store.CloseDigest(ctx, c)
}

// renderDigest renders the message of a closed digest and writes it.
func (d *Deliverer) renderDigest(ctx context.Context, r *run, provider channels.Provider, closed store.ClosedDigest) error {
	t, err := d.digestTemplate(ctx, r.delivery)
	if err != nil {
		return err
	}
	_, _, app := store.SplitQueue(r.job.Line)
	m, err := d.renderer.Digest(ctx, app, t, provider, closed.Items, closed.Count)
	if err != nil {
		return err
	}
	m.ID, m.NotificationID = r.delivery.MessageID, r.delivery.NotificationID
	r.message, err = d.store.WriteDigest(ctx, m)
	return err
}

// digestTemplate returns the template of a digest as it was when the digest was opened, or else as it
// is now: replaced versions are deleted in time. Its own text is that of the digest's locale.
func (d *Deliverer) digestTemplate(ctx context.Context, of store.Delivery) (store.Template, error) {
	version, err := d.store.TemplateVersion(ctx, of.TemplateName, of.TemplateVersion)
	t := version.Template()
	if errors.Is(err, store.ErrNotFound) {
		t, err = d.store.Template(ctx, of.TemplateName)
	}
	return *rendering.Choose(t).For(of.Locale), err
}
