package console

import (
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

type deliveryData struct {
	store.Delivery
	Line      string
	Message   drawing
	Attempts  []attempt // newest first
	Providers []string
	Items     []store.Delivery // of a digest, newest first
	MoreItems bool
}

// mostItems is how many items of a digest its page shows.
const mostItems = 50

// attempt is an attempt with what the page says of it.
type attempt struct {
	store.Attempt
	Took time.Duration
}

// Open reports whether the delivery may change by itself.
func (d deliveryData) Open() bool { return d.Status.Open() }

// CanGoAgain reports whether somebody may send the delivery again.
func (d deliveryData) CanGoAgain() bool {
	return !d.IsItem() && (d.Status == store.DeliveryDead || d.Status == store.DeliveryCancelled)
}

// CanGoNow reports whether the delivery waits for its retry, or for the end of quiet hours.
func (d deliveryData) CanGoNow() bool {
	now := time.Now()
	return d.Status == store.DeliveryFailed || d.Status == store.DeliveryPending && d.HeldUntil(now) != nil && !d.IsHeldByDigest(now)
}

func showDelivery(v *visit) error {
	of, err := v.console.api.Delivery(v.ctx, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	m, err := v.console.api.Message(v.ctx, of)
	if err != nil {
		return err
	}
	m.TemplateCode = m.Code(of.Provider)
	attempts, err := v.console.api.Attempts(v.ctx, of)
	if err != nil {
		return err
	}
	d := deliveryData{Delivery: of, Line: firstLine(m), Message: draw(m), Providers: v.console.api.Providers(of.Channel)}
	for i := len(attempts) - 1; i >= 0; i-- {
		a := attempts[i]
		d.Attempts = append(d.Attempts, attempt{a, a.FinishedAt.Sub(a.StartedAt)})
	}
	if err := d.readItems(v); err != nil {
		return err
	}
	v.Title = d.Line
	return v.page(d)
}

// readItems reads the items of a digest, which come before the digest itself.
func (d *deliveryData) readItems(v *visit) error {
	if !d.IsDigest() {
		return nil
	}
	found, err := v.console.api.Deliveries(v.ctx, store.DeliveryFilter{DigestID: d.ID}, uuid.Nil, mostItems+2)
	d.Items = slices.DeleteFunc(found, store.Delivery.IsDigest)
	d.MoreItems = len(d.Items) > mostItems
	d.Items = d.Items[:min(len(d.Items), mostItems)]
	return err
}

// MailPolicy shows a mail as a document that can do nothing: no script, no request, no form.
// Only the page around it may frame it.
const MailPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"

// showMail answers with the body of a mail, for the frame of its delivery's page.
func showMail(v *visit) error {
	of, err := v.console.api.Delivery(v.ctx, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	m, err := v.console.api.Message(v.ctx, of)
	if err != nil {
		return err
	}
	writeMail(v.w, m.Body)
	return nil
}

func retryDelivery(v *visit) error {
	id := v.r.PathValue("id")
	if err := v.console.api.Retry(v.ctx, id, v.r.PostForm.Get("provider")); err != nil {
		return err
	}
	return v.redirect(Prefix+"/deliveries/"+url.PathEscape(id), url.Values{"done": {"retried"}})
}
