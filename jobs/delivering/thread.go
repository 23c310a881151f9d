package delivering

import (
	"context"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// turnPause is the longest wait until a delivery asks again for its turn.
const turnPause = time.Second

// What became of a message of a thread that there was to edit.
const (
	edited   = "edited"
	sentAnew = "sent_anew"
)

// checkSuperseded ends a delivery that a later one of its thread replaces.
func (d *Deliverer) checkSuperseded(ctx context.Context, r *run) *Next {
	if !r.delivery.Superseded {
		return nil
	}
	return d.supersede(ctx, r)
}

// supersede ends a delivery without an attempt.
func (d *Deliverer) supersede(ctx context.Context, r *run) *Next {
	return d.end(ctx, r, store.DeliveryCancelled, store.CodeSuperseded, "a later notification of its thread has replaced it")
}

// takeTurn waits until no other delivery of the thread is being sent to the recipient over the channel.
// From then on no earlier one will be.
func (d *Deliverer) takeTurn(ctx context.Context, r *run) *Next {
	if r.delivery.ThreadID == uuid.Nil {
		return nil
	}
	taken, err := d.turns.Do(ctx, r.askTurn(r.delivery.Anew))
	switch {
	case err != nil:
		d.log.Warn("the turn in a thread could not be taken", zap.Stringer("delivery", r.delivery.ID), zap.Error(err))
		return snooze(time.Second)
	case taken.Superseded:
		return d.supersede(ctx, r)
	case taken.Wait > 0:
		return snooze(min(taken.Wait, turnPause))
	}
	r.turn = &taken.Message
	return nil
}

func (r *run) askTurn(anew bool) store.Turn {
	return store.Turn{
		ThreadMessageKey: r.delivery.ThreadMessage(), DeliveryID: r.delivery.ID, Seq: r.delivery.ThreadSeq,
		Provider: r.provider.Name, Anew: anew, Lease: r.tries.Timeout() + 2*recordTime,
	}
}

// turnEnd returns what is recorded of the run's turn; nil when it has none.
func (r *run) turnEnd(receipt channels.Receipt) *store.TurnEnd {
	if r.turn == nil {
		return nil
	}
	return &store.TurnEnd{ThreadMessageKey: r.turn.ThreadMessageKey, Reference: receipt.Reference}
}

// sendOrEdit sends the message, edits the one that the recipient has of the thread, or urges the one of the
// incident. A call that is given up may go on, so it changes nothing of the run.
func (d *Deliverer) sendOrEdit(ctx context.Context, r *run) (channels.Receipt, error) {
	m := r.outgoing()
	if r.card != "" {
		return d.urge(ctx, r, m)
	}
	updater, edits := r.provider.Sender.(channels.Updater)
	if r.turn == nil || !edits {
		return r.send(ctx, m)
	}
	m.DeliveryID = r.turn.Mark
	reference := r.turn.Reference
	if reference == "" {
		receipt, err := r.send(ctx, m)
		if err != nil || r.turn.Mark == r.delivery.ID {
			return receipt, err
		}
		// Perhaps an earlier delivery had sent it, and its outcome was lost. Then it has that one's text.
		reference = receipt.Reference
	}
	receipt, err := updater.Update(ctx, reference, m)
	if err == nil {
		d.metrics.edits.WithLabelValues(r.delivery.Channel, edited).Inc()
		return withDetail(receipt, edited, true), nil
	}
	if refused := channels.AsError(err); refused.Class == channels.Permanent {
		return d.sendAnew(ctx, r, m, refused)
	}
	return channels.Receipt{Reference: reference}, err
}

// sendAnew sends a message that cannot be an edit. That it is a new one is written before it is sent, so
// a later delivery does not send it twice when this worker is lost.
func (d *Deliverer) sendAnew(ctx context.Context, r *run, m channels.Message, refused *channels.Error) (channels.Receipt, error) {
	taken, err := d.turns.Do(ctx, r.askTurn(true))
	if err != nil || taken.Superseded || taken.Wait > 0 {
		return channels.Receipt{}, &channels.Error{
			Class: channels.Transient, Code: "turn_lost", Message: "another delivery of the thread had its turn meanwhile", OfMessage: true, Cause: err,
		}
	}
	m.DeliveryID = taken.Message.Mark
	receipt, err := r.send(ctx, m)
	if err == nil {
		d.metrics.edits.WithLabelValues(r.delivery.Channel, sentAnew).Inc()
		receipt = withDetail(receipt, sentAnew, refused.Code)
	}
	return receipt, err
}

// withDetail returns a receipt with one more detail.
func withDetail(r channels.Receipt, name string, value any) channels.Receipt {
	if r.Details == nil {
		r.Details = map[string]any{}
	}
	r.Details[name] = value
	return r
}
