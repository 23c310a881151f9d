package accepting

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// Bounds of an escalation.
const (
	maxSteps  = 10
	maxRepeat = 10
	minAfter  = time.Second
	maxAfter  = 7 * 24 * time.Hour
)

// Step is what is sent when nobody has acknowledged a notification for a while.
type Step struct {
	After      time.Duration             // from when the notification is due
	Channels   map[string]ChannelRequest // without Params they are those of the notification's channel
	Recipients []Recipient               `json:",omitempty"` // of the channels that have none of their own; nil: the notification's
	If         store.Condition           `json:",omitempty"`
	// Urgent is the kind of urgent call for the message that a recipient has; without one, for the
	// step's own. Empty: none, and the step sends its own.
	Urgent string `json:",omitempty"`
}

// opensIncident reports whether somebody is asked to acknowledge the notification.
func (r Request) opensIncident() bool { return r.Acknowledge || len(r.Escalation) > 0 }

// CheckEscalation returns a *refusal.Error for steps that are too many, or not in order, and for an urgent
// call that none of the step's channels makes. types is the table of provider types.
func (r Request) CheckEscalation(types []channels.Type) error {
	switch {
	case len(r.Escalation) > maxSteps:
		return refusal.New(refusal.InvalidEscalation, "escalation", "has more than %d steps", maxSteps)
	case r.Repeat < 0 || r.Repeat > maxRepeat:
		return refusal.New(refusal.InvalidEscalation, "repeat", "must be between 0 and %d", maxRepeat)
	case r.Repeat > 0 && len(r.Escalation) == 0:
		return refusal.New(refusal.InvalidEscalation, "repeat", "repeats the steps of escalation, and there are none")
	}
	if r.Limits.NoHigh && len(r.Escalation) > 0 && r.Alerts == nil {
		return refusal.New(refusal.PriorityForbidden, "escalation", "its steps have high priority, and this app may not send with it (limits.highPriority)")
	}
	before := time.Duration(0)
	for i, step := range r.Escalation {
		if len(step.Channels) == 0 {
			return refusal.New(refusal.InvalidEscalation, fmt.Sprintf("escalation[%d].channels", i), "has none")
		}
		if step.If != "" && step.If != store.IfFailed && step.If != store.IfUnread {
			return refusal.New(refusal.InvalidEscalation, fmt.Sprintf("escalation[%d].if", i), "is not failed or unread")
		}
		if wrong := step.checkUrgent(types); wrong != "" {
			return refusal.New(refusal.InvalidEscalation, fmt.Sprintf("escalation[%d].urgent", i), "%s", wrong)
		}
		var wrong string
		switch {
		case step.After < minAfter || step.After > maxAfter:
			wrong = "must be between 1s and 168h"
		case step.After < before:
			wrong = "must not be less than that of the step before"
		}
		if wrong != "" {
			return refusal.New(refusal.InvalidEscalation, fmt.Sprintf("escalation[%d].after", i), "%s", wrong)
		}
		before = step.After
	}
	return nil
}

// checkUrgent returns what is wrong with the step's urgent call; empty when nothing is.
func (s Step) checkUrgent(types []channels.Type) string {
	var kinds []string
	for _, t := range types {
		if _, has := s.Channels[t.Channel]; has {
			kinds = append(kinds, t.Urgent...)
		}
	}
	switch {
	case s.Urgent == "" || slices.Contains(kinds, s.Urgent):
		return ""
	case kinds == nil:
		return "none of the step's channels makes urgent calls"
	}
	return "is none of " + strings.Join(kinds, ", ")
}

// addSteps adds the incident that a notification opens, with its steps: each is a notification of its own, which
// is rendered now. What is wrong with one refuses all; of alerts, the step is left out.
func (a *Accepter) addSteps(ctx context.Context, p *preparation, turn *rendering.Turn, req Request, from sources) error {
	if !req.opensIncident() {
		return nil
	}
	n := p.Notification
	p.partOf(n.ID)
	p.Incident = &store.Incident{ID: n.ID, AppID: n.AppID, OpenedAt: n.CreatedAt}
	due, round := p.firstDue(), time.Duration(0)
	for range req.Repeat + 1 {
		for i, step := range req.Escalation {
			at := due.Add(round + step.After)
			err := a.addStep(ctx, p, turn, req.step(step, at), step, from)
			var refused *refusal.Error
			if errors.As(err, &refused) && p.alerts != nil {
				continue // its channels are among the fallbacks
			}
			if err != nil {
				return req.inStep(i, err)
			}
		}
		if len(req.Escalation) > 0 {
			round += req.Escalation[len(req.Escalation)-1].After
		}
	}
	return nil
}

// firstDue returns when the first delivery is due: of one that waits for the end of quiet hours, after them.
func (p *preparation) firstDue() time.Time {
	due := p.Deliveries[0].Due()
	for _, d := range p.Deliveries[1:] {
		if d.Due().Before(due) {
			due = d.Due()
		}
	}
	return due
}

// addStep adds one step.
func (a *Accepter) addStep(ctx context.Context, p *preparation, turn *rendering.Turn, req Request, step Step, from sources) error {
	req.IdempotencyKey = fmt.Sprintf("%s/%d", p.Notification.ID, len(p.Steps)+1)
	s, err := a.begin(ctx, req, notCompared)
	if err != nil {
		return err
	}
	s.Notification.SendAt, s.Telling, s.Suppressible = req.SendAt, nil, false
	s.before, s.texts, s.large = p.Total(), p.texts, p.large
	if err = s.addKind(ctx, req.Kind, from.kind); err == nil {
		err = s.resolve(ctx, a)
	}
	if err == nil {
		err = a.addChannels(ctx, s, turn, req, from)
	}
	p.large, p.fallbacks = s.large, append(p.fallbacks, s.fallbacks...)
	if err != nil {
		return err
	}
	s.partOf(p.Notification.ID)
	// What was read for the step is checked with what was read for the notification.
	p.texts, p.Templates, s.Templates, s.CheckKind = s.texts, append(p.Templates, s.Templates...), nil, false
	p.Incident.Steps = append(p.Incident.Steps, store.IncidentStep{
		NotificationID: s.Notification.ID, At: *req.SendAt, Channels: s.channels(), If: step.If, Urgent: step.Urgent,
	})
	p.Steps = append(p.Steps, s.Acceptance)
	return nil
}

// partOf makes the notification and its deliveries part of an incident.
func (p *preparation) partOf(incident uuid.UUID) {
	p.Notification.IncidentID = incident
	for i := range p.Deliveries {
		p.Deliveries[i].IncidentID = incident
	}
}

// channels returns the channels that have deliveries, sorted.
func (p *preparation) channels() []string {
	var all []string
	for _, d := range p.Deliveries {
		all = append(all, d.Channel)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// step returns the request of a step that is due at a time. It has high priority: somebody has decided that this
// is sent when nobody reacts, at night, too.
func (r Request) step(s Step, at time.Time) Request {
	channels := make(map[string]ChannelRequest, len(s.Channels))
	for name, c := range s.Channels {
		own, same := r.Channels[name]
		if c.Params == nil {
			c.Params = own.Params
			for _, only := range r.Channels {
				if !same && len(r.Channels) == 1 {
					c.Params = only.Params
				}
			}
		}
		if c.Recipients == nil && s.Recipients == nil {
			c.Recipients = own.Recipients
		}
		channels[name] = c
	}
	if r.Recipients == nil {
		r.Recipients = r.ownRecipients()
	}
	if s.Recipients != nil {
		r.Recipients = s.Recipients
	}
	r.Channels, r.SendAt, r.Priority, r.Limits = channels, &at, store.PriorityHigh, Limits{}
	r.Escalation, r.Repeat, r.Acknowledge = nil, 0, false
	r.Thread, r.Resolved = "", false // a step is a message of its own
	return r
}

// ownRecipients returns the recipients that the channels have of their own, each once.
func (r Request) ownRecipients() []Recipient {
	var all []Recipient
	seen := map[store.Recipient]bool{}
	for _, name := range slices.Sorted(maps.Keys(r.Channels)) {
		for _, to := range r.Channels[name].Recipients {
			if !seen[to.Recipient] {
				seen[to.Recipient] = true
				all = append(all, to)
			}
		}
	}
	return all
}

// inStep places the field of a refusal in a step of the request. Recipients that the step has from the
// notification have their place there.
func (r Request) inStep(i int, err error) error {
	var refused *refusal.Error
	if !errors.As(err, &refused) {
		return err
	}
	moved := *refused
	switch {
	case refused.Code == refusal.TooManyDeliveries:
		moved.Field = "escalation"
		return &moved
	case refused.Field == "sendAt" || refused.Field == "expiresAt":
		moved.Field = "after"
	case r.Escalation[i].Recipients == nil && strings.HasPrefix(refused.Field, "recipients["):
		return err
	}
	moved.Field = fmt.Sprintf("escalation[%d].%s", i, moved.Field)
	return &moved
}
