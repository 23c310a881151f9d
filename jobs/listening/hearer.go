package listening

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/sealing"
	"github.com/labring/sealos-notify/store"
)

// recordPause is how long a read mark waits for its delivery, whose success may still be on its way
// into the database: people are fast.
const recordPause = time.Second

// hearer takes what one provider tells. It implements channels.Events.
type hearer struct {
	listening *Listening
	provider  string
	alike     []string // the providers of its type that tell of something, itself too
	connected atomic.Bool
}

// Listening implements channels.Events.
func (h *hearer) Listening() {
	h.connected.Store(true)
	h.listening.metrics.listening.WithLabelValues(h.provider).Set(1)
	h.listening.log.Info("listening to a provider", zap.String("provider", h.provider))
}

// Read implements channels.Events.
func (h *hearer) Read(ctx context.Context, mark channels.ReadMark) error {
	rest, err := h.setRead(ctx, mark.MessageIDs, mark.At)
	if err == nil && len(rest) > 0 {
		select {
		case <-time.After(recordPause):
			rest, err = h.setRead(ctx, rest, mark.At)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		h.count("read", "failed")
		h.listening.log.Warn("a read mark was not recorded, and will be told again", zap.String("provider", h.provider), zap.Error(err))
		return err
	}
	set := len(mark.MessageIDs) - len(rest)
	h.listening.metrics.heard.WithLabelValues(h.provider, "read", "done").Add(float64(set))
	h.listening.metrics.heard.WithLabelValues(h.provider, "read", "unknown").Add(float64(len(rest)))
	return nil
}

// setRead marks the deliveries of messages as read. It returns the messages that have none, or one
// that was read before.
func (h *hearer) setRead(ctx context.Context, messages []string, at time.Time) ([]string, error) {
	var batch []store.Received
	for _, message := range slices.Compact(slices.Sorted(slices.Values(messages))) {
		for _, provider := range h.alike {
			batch = append(batch, store.Received{Provider: provider, Reference: message, Receipt: store.ReceiptRead, At: at.UTC().Truncate(time.Microsecond)})
		}
	}
	set, err := h.listening.store.SetReceipts(ctx, batch)
	if err != nil {
		return messages, err
	}
	return slices.DeleteFunc(slices.Clone(messages), func(message string) bool {
		for i, r := range batch {
			if r.Reference == message && set[i] {
				return true
			}
		}
		return false
	}), nil
}

// Pressed implements channels.Events.
func (h *hearer) Pressed(ctx context.Context, press channels.Press) (channels.Response, error) {
	delivery, err := h.listening.sealer.Delivery(ctx, press.Value)
	var response channels.Response
	switch {
	case errors.Is(err, sealing.ErrForged):
		h.count("press", "refused")
		h.listening.log.Warn("a button was pressed that this service did not make", zap.String("provider", h.provider))
		return channels.Response{Refused: true, Text: "This button is not valid (any more). 这个按钮无效或已失效。"}, nil
	case err == nil:
		response, err = h.listening.acknowledger.Acknowledge(ctx, delivery, press.By)
	}
	if err != nil {
		h.count("press", "failed")
		h.listening.log.Error("a pressed button had no effect", zap.String("provider", h.provider), zap.Stringer("delivery", delivery), zap.Error(err))
		return channels.Response{}, err
	}
	h.count("press", "done")
	return response, nil
}

func (h *hearer) count(event, result string) {
	h.listening.metrics.heard.WithLabelValues(h.provider, event, result).Inc()
}
