package accepting

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

// addDigest reads the template of the digest of the request's kind, if what the request sends over
// that template's channel goes into digests. What is urgent, or has a sendAt or a thread, what would expire
// before, alerts, and trials of a template are sent by themselves. It returns a *refusal.Error when there is no
// such template.
func (p *preparation) addDigest(ctx context.Context, find lookUp[store.Template]) error {
	n := p.Notification
	if p.Kind == nil || p.Kind.Digest == nil || p.Kind.Critical || n.Priority == store.PriorityHigh || p.alerts != nil ||
		n.Test && !p.simulated || n.SendAt != nil || n.Thread != "" {
		return nil
	}
	window, err := time.ParseDuration(p.Kind.Digest.Window)
	if err != nil {
		return fmt.Errorf("window of the digest of kind %s: %w", p.Kind.Name, err)
	}
	sendAt := n.CreatedAt.Add(window)
	if n.ExpiresAt != nil && !n.ExpiresAt.After(sendAt) {
		return nil
	}
	t, cached, err := find(ctx, p.Kind.Digest.Template)
	if errors.Is(err, store.ErrNotFound) {
		return refusal.New(refusal.UnknownTemplate, "kind", "there is no template %q any more, which the digest of kind %q has", p.Kind.Digest.Template, p.Kind.Name)
	}
	if err != nil {
		return fmt.Errorf("read template: %w", err)
	}
	if cached {
		p.Templates = append(p.Templates, t)
	}
	p.digest, p.Digests = &digest{t, rendering.Choose(t), sendAt, map[uuid.UUID]string{}}, map[uuid.UUID]store.DigestPlan{}
	return nil
}

// digest is where the deliveries over a channel go.
type digest struct {
	template store.Template
	texts    *rendering.Chooser   // of the template
	sendAt   time.Time            // of a digest that is opened now
	keys     map[uuid.UUID]string // by message
}

// gathers reports whether deliveries over the channel go into digests.
func (p *preparation) gathers(channel string) bool {
	return p.digest != nil && p.digest.template.Channel == channel
}

// digestKey returns the key of the digest that an item with the params goes into.
func (p *preparation) digestKey(params map[string]any) string {
	value, has := params[p.Kind.Digest.Key]
	if !has {
		return ""
	}
	sum := sha256.Sum256(canonical(value))
	return hex.EncodeToString(sum[:])
}

// digestText returns the digest's template with the text for a recipient's locale as its own.
func (p *preparation) digestText(locale string) *store.Template {
	return p.digest.texts.For(cmp.Or(locale, p.locale))
}

// digestTexts returns the texts of the digest that recipients get, each once.
func (p *preparation) digestTexts(to []recipient) []*store.Template {
	texts := []*store.Template{}
	for _, r := range to {
		if text := p.digestText(r.locale); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	if len(to) == 0 {
		texts = append(texts, p.digestText(""))
	}
	return texts
}

// gather plans the digest that a delivery goes into.
func (p *preparation) gather(d store.Delivery, locale string) {
	plan := store.DigestPlan{
		MessageID: uuid.Must(uuid.NewV7()), TemplateName: p.digest.template.Name, TemplateVersion: p.digest.template.Version,
		Locale: p.digestText(locale).Locale,
	}
	plan.ID, plan.SendAt = uuid.Must(uuid.NewV7()), p.digest.sendAt
	plan.DigestKey = store.DigestKey{
		Value: d.Recipient.Value, Type: d.Recipient.Type, Kind: p.Kind.Name, Channel: d.Channel,
		AppID: p.Notification.AppID, Key: p.digest.keys[d.MessageID],
	}
	p.Digests[d.ID] = plan
}
