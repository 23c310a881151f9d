package delivering

import (
	"errors"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
)

// notice counts and logs what an operator must know of a call, beside the attempt: codes that
// a table lacks, spent quotas, and urgent calls that failed after their message had arrived.
func (d *Deliverer) notice(r *run, receipt channels.Receipt, sendErr error) {
	channel, provider := r.provider.Type.Channel, r.provider.Name
	for _, err := range []error{sendErr, receipt.Urgent} {
		d.unlisted.note(channel, err)
		if e := (*channels.Error)(nil); errors.As(err, &e) && e.QuotaSpent {
			d.metrics.quotas.WithLabelValues(channel, provider).Inc()
			d.log.Error("a quota at the vendor is used up", zap.String("channel", channel), zap.String("provider", provider),
				zap.String("code", channels.CleanText(e.Code)))
		}
	}
	if receipt.Urgent == nil {
		return
	}
	e := channels.AsError(receipt.Urgent)
	d.metrics.urgent.WithLabelValues(channel, provider, string(e.Class)).Inc()
	d.log.Warn("urgent call failed", zap.Stringer("delivery", r.delivery.ID), zap.String("channel", channel),
		zap.String("provider", provider), zap.String("class", string(e.Class)), zap.String("code", channels.CleanText(e.Code)))
}
