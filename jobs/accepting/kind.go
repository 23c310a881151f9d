package accepting

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// addKind puts the kind of a request in force. It returns a *refusal.Error when there is none of
// that name. Alerts are sent without it then: nobody there can mend the name.
func (p *preparation) addKind(ctx context.Context, name string, find lookUp[store.Kind]) error {
	p.Passes = p.Notification.Priority == store.PriorityHigh || p.simulated
	if name == "" {
		return nil
	}
	kind, cached, err := find(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		if p.alerts != nil {
			return nil // CheckAlerts finds it
		}
		return unknownKind(name)
	}
	if err != nil {
		return fmt.Errorf("read kind: %w", err)
	}
	p.Kind, p.CheckKind, p.Notification.Kind = &kind, cached, kind.Name
	p.Passes = p.Passes || kind.Critical
	return nil
}

func unknownKind(name string) error {
	return refusal.New(refusal.UnknownKind, "kind", "there is no kind %q", name)
}

// checkKind returns a *refusal.Error when the request's kind does not send over the channel, of
// alerts errLeftOut.
func (p *preparation) checkKind(channel string) error {
	if p.Kind == nil || p.Kind.Allows(channel) {
		return nil
	}
	refused := refusal.New(refusal.KindChannel, "", "kind %q sends over %s only", p.Kind.Name, strings.Join(p.Kind.Channels, ", "))
	if p.alerts == nil {
		return refused
	}
	p.fallbacks = append(p.fallbacks, fallback{channel, sentNothing, refused})
	return errLeftOut
}

// quiet returns the quiet hours of a recipient's delivery; empty for none.
func (p *preparation) quiet(channel string, r recipient) string {
	if p.Kind == nil || p.Notification.Priority == store.PriorityHigh || !p.Kind.IsQuiet(channel) {
		return ""
	}
	zone := r.zone
	if zone == "" {
		zone = p.Kind.Quiet.TimeZone
	}
	return p.Kind.Quiet.From + "-" + p.Kind.Quiet.To + " " + zone
}
