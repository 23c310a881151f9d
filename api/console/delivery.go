package console

import (
	"net/url"
	"time"

	"github.com/labring/sealos-notify/store"
)

type deliveryData struct {
	store.Delivery
	Line      string
	Message   drawing
	Attempts  []attempt // newest first
	Providers []string
}

// attempt is an attempt with what the page says of it.
type attempt struct {
	store.Attempt
	Took time.Duration
}

// Open reports whether the delivery may change by itself.
func (d deliveryData) Open() bool { return d.Status.Open() }

// CanGoAgain reports whether somebody may send the delivery again.
func (d deliveryData) CanGoAgain() bool {
	return d.Status == store.DeliveryDead || d.Status == store.DeliveryCancelled
}

// CanGoNow reports whether the delivery waits for its retry, or for the end of quiet hours.
func (d deliveryData) CanGoNow() bool {
	return d.Status == store.DeliveryFailed || d.Status == store.DeliveryPending && d.HeldUntil(time.Now()) != nil
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
	v.Title = d.Line
	return v.page(d)
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
