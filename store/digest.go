package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// CodeDigested is the code of a delivery that arrived as an item of a digest.
const CodeDigested = "digested"

// Digest is how a kind gathers what it sends to a recipient over the channel of the template: as the
// items of one message.
type Digest struct {
	Key      string `json:"key,omitempty"` // name of a param: items with different values go into different digests; empty: all into one
	Window   string `json:"window"`        // from the first item until the digest is sent, such as 1h30m
	Template string `json:"template"`      // of the message
}

// Digests closes digests. Accept opens them and adds their items. A digest is a notification with one
// delivery, both with the same id, and ends as any other; its items end with it.
type Digests interface {
	// CloseDigest closes a digest, if it is open: no more items are added, and those that must not be
	// sent any more end. A digest beyond its kind's cap stays open. A closed digest always has the
	// same items, but for erased ones.
	CloseDigest(ctx context.Context, c DigestClosing) (ClosedDigest, error)
	// WriteDigest writes the message of a closed digest unless it has one, and returns the one that it has.
	WriteDigest(ctx context.Context, m Message) (Message, error)
}

// DigestClosing is the end of a digest's window.
type DigestClosing struct {
	Digest       Delivery
	Most         int   // items that are returned
	Kind         *Kind // as it is now; nil: it was deleted
	Suppressible bool  // suppressed addresses get nothing
	At           time.Time
}

// ClosedDigest is what a digest has to send.
type ClosedDigest struct {
	Items [][]byte  // params of the newest items, oldest first
	Count int       // of all items
	Held  time.Time // until when a cap keeps it open; the zero value: it is closed
}

// DigestItem is an item as CloseDigest looks at it.
type DigestItem struct {
	ID        uuid.UUID
	Contact   string
	ExpiresAt *time.Time
}

// DigestEnd is how a window ends.
type DigestEnd struct {
	Left []Closing      // items that must not be sent any more
	Used []RecipientUse // counters that have changed
	Held time.Time      // as in ClosedDigest; then nothing else is written
}

// Asking returns an acceptance of the digest, and of its items as far as they differ, to ask what is
// known of their recipient now.
func (c DigestClosing) Asking(items []DigestItem) []Acceptance {
	d := c.Digest
	d.SendAt, d.Quiet = &c.At, ""
	a := Acceptance{Kind: c.Kind, Suppressible: c.Suppressible, Passes: d.Test || c.Kind != nil && c.Kind.Critical, Deliveries: []Delivery{d}}
	contacts := map[string]bool{d.Contact: true}
	for _, item := range items {
		if d.Contact = item.Contact; !contacts[d.Contact] {
			contacts[d.Contact] = true
			a.Deliveries = append(a.Deliveries, d)
		}
	}
	return []Acceptance{a}
}

// End decides how the window ends, by what is known of Asking. The digest is what a cap counts, and
// waits for the next day when it is beyond.
func (c DigestClosing) End(items []DigestItem, known Known) (end DigestEnd) {
	a, off, suppressed := c.Asking(nil)[0], known.off(), known.suppressed()
	for _, item := range items {
		d := a.Deliveries[0]
		d.Contact, d.ExpiresAt = item.Contact, item.ExpiresAt
		status, why := DeliveryCancelled, cmp.Or(a.optedOut(d, off), a.suppressed(d, suppressed))
		if d.ExpiredAt(c.At) && why == (reason{}) {
			status, why = DeliveryDead, reason{CodeExpired, "expiresAt has passed, before its digest was sent"}
		}
		if why != (reason{}) {
			end.Left = append(end.Left, Closing{DeliveryID: item.ID, JobID: NoJob, Status: status, Code: why.code, Error: why.text, At: c.At})
		}
	}
	if counter, limit := a.counterOf(0); limit > 0 && len(end.Left) < len(items) {
		if used := known.Uses[0].Used; used < limit {
			end.Used = []RecipientUse{{counter, used + 1}}
		} else {
			year, month, day := c.At.In(c.Kind.Zone()).Date()
			end.Held = time.Date(year, month, day+1, 0, 0, 0, 0, c.Kind.Zone()).UTC()
		}
	}
	return end
}

// DigestKey names an open digest. Key is a hash.
type DigestKey struct {
	Value, Type, Kind, Channel, AppID, Key string
}

// OpenDigest is a digest that takes items.
type OpenDigest struct {
	DigestKey
	ID     uuid.UUID
	SendAt time.Time // when it is closed, unless that is in quiet hours
}

// DigestPlan is the digest that a delivery opens when none is open.
type DigestPlan struct {
	OpenDigest
	MessageID       uuid.UUID
	TemplateName    string
	TemplateVersion int
	Locale          string
}

// DigestPlans returns the plans of the acceptances' deliveries that are not withheld, the first of
// each digest, in the order of the table's key: transactions that lock the same digests wait for
// each other and cannot deadlock.
func DigestPlans(news []Acceptance) []DigestPlan {
	var plans []DigestPlan
	planned := map[DigestKey]bool{}
	for _, a := range news {
		if len(a.Digests) == 0 {
			continue
		}
		for i := range a.Deliveries {
			plan, is := a.Digests[a.Deliveries[i].ID]
			if is && a.Deliveries[i].JobID != NoJob && !planned[plan.DigestKey] {
				planned[plan.DigestKey] = true
				plans = append(plans, plan)
			}
		}
	}
	slices.SortFunc(plans, func(a, b DigestPlan) int {
		return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.AppID, b.AppID), cmp.Compare(a.Key, b.Key))
	})
	return plans
}

// Gather makes deliveries items of the open digests, which have no jobs. open has the digests of
// DigestPlans; those that are a delivery's own plan are written, too, as acceptances. It returns the
// acceptances as they are to be written, and changes nothing of the given ones.
func Gather(news []Acceptance, open []OpenDigest) []Acceptance {
	if len(open) == 0 {
		return news
	}
	digests := make(map[DigestKey]OpenDigest, len(open))
	for _, o := range open {
		digests[o.DigestKey] = o
	}
	var written []Acceptance
	for _, a := range news {
		written = append(written, a.gathered(digests)...)
	}
	return written
}

// gathered returns the acceptance with its items, and those of the digests that it opens.
func (a Acceptance) gathered(digests map[DigestKey]OpenDigest) []Acceptance {
	if len(a.Digests) == 0 {
		return []Acceptance{a}
	}
	var opened []Acceptance
	jobs := a.Jobs
	a.Deliveries, a.Jobs = slices.Clone(a.Deliveries), nil
	for i := range a.Deliveries {
		d := &a.Deliveries[i]
		if d.JobID == NoJob {
			continue // it was withheld
		}
		job := jobs[0]
		jobs = jobs[1:]
		plan, is := a.Digests[d.ID]
		if !is {
			a.Jobs = append(a.Jobs, job)
			continue
		}
		digest := digests[plan.DigestKey]
		if digest.ID == plan.ID {
			opened = append(opened, plan.open(a.Notification, *d, job))
		}
		d.DigestID, d.JobID, d.SendAt = digest.ID, NoJob, &digest.SendAt
	}
	return append(opened, a)
}

// open returns the digest's notification with its delivery and job. It is as its first item is.
func (p DigestPlan) open(n Notification, d Delivery, job Job) Acceptance {
	n.ID, n.IdempotencyKey, n.RequestHash = p.ID, "digest:"+p.ID.String(), []byte{}
	n.Unmatched, n.Withheld, n.Reach, n.SendAt, n.ExpiresAt = nil, nil, nil, &p.SendAt, nil
	d.ID, d.NotificationID, d.MessageID, d.DigestID, d.SendAt, d.ExpiresAt = p.ID, p.ID, p.MessageID, p.ID, &p.SendAt, nil
	d.TemplateName, d.TemplateVersion, d.Locale = p.TemplateName, p.TemplateVersion, p.Locale
	job.DeliveryID, job.Due = p.ID, d.Wakes(p.SendAt)
	return Acceptance{Notification: n, Deliveries: []Delivery{d}, Jobs: []Job{job}}
}

// OpenedOf returns those of the acceptances that are new digests.
func OpenedOf(gathered []Acceptance) []Acceptance {
	var opened []Acceptance
	for _, a := range gathered {
		if len(a.Deliveries) > 0 && a.Deliveries[0].IsDigest() {
			opened = append(opened, a)
		}
	}
	return opened
}

// IsDigest reports whether the delivery is that of a digest.
func (d Delivery) IsDigest() bool { return d.DigestID != uuid.Nil && d.DigestID == d.ID }

// IsItem reports whether the delivery is an item of a digest, and has no job.
func (d Delivery) IsItem() bool { return d.DigestID != uuid.Nil && d.DigestID != d.ID }
