package delivering

import (
	"context"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/optout"
)

// addLink gives a mail of a kind that its recipient may switch off the link that does it. All
// recipients share a message, so the link is made when it is sent.
func (d *Deliverer) addLink(ctx context.Context, r *run) *Next {
	to := r.delivery.Recipient
	if r.settings.PublicURL == "" || r.delivery.Kind == "" || to.Type != channels.RecipientEmail || !r.provider.Type.Subject {
		return nil
	}
	optional, err := d.links.IsOptional(ctx, r.delivery.Kind)
	if err == nil && optional {
		var token string
		token, err = d.links.Token(ctx, optout.Choice{Kind: r.delivery.Kind, Channel: r.delivery.Channel, Recipient: to})
		r.link = strings.TrimSuffix(r.settings.PublicURL, "/") + optout.Path + token
	}
	if err != nil {
		// Nothing was sent, so no attempt is spent.
		d.log.Warn("the link of a mail could not be made", zap.Stringer("delivery", r.delivery.ID), zap.Error(err))
		return snooze(time.Second)
	}
	return nil
}
