package delivering

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/rendering"
	"github.com/labring/sealos-notify/store"
)

const (
	// cardPage is how many cards are read at once.
	cardPage = 100
	// sendingPause is the wait until the cards are looked at again that were being sent.
	sendingPause = 2 * time.Second
	// noted is what became of a card that has a note in place of its button.
	noted = "noted"
)

// errCards is the error of cards that could not be edited now.
var errCards = errors.New("some cards could not be edited")

// NoteCards edits the cards of an incident that nobody has to acknowledge any more: a note takes the place of their
// button. It returns after how long it is to be called again; 0: never. An error means that cards are left, which
// are edited when it is called again.
func (d *Deliverer) NoteCards(ctx context.Context, id uuid.UUID) (again time.Duration, err error) {
	incident, err := d.incidents.Do(ctx, id)
	if err != nil || incident == nil || incident.Status() == store.IncidentOpen {
		return 0, err
	}
	// A card that is being sent may yet show the button. This is asked before the cards are read: one that arrives in
	// between is among them.
	sending, err := d.store.IncidentSending(ctx, id)
	if err != nil {
		return 0, err
	}
	pass := cardPass{incident: *incident, down: map[string]bool{}}
	var after store.Card
	failed := false
	for {
		cards, err := d.store.IncidentCards(ctx, id, after, cardPage)
		if err != nil {
			return 0, err
		}
		if len(cards) == 0 {
			break
		}
		after = cards[len(cards)-1]
		left, err := d.noteAll(ctx, pass, cards)
		switch {
		case err != nil:
			return 0, err
		case left && !d.goesOn(ctx):
			return time.Second, nil
		}
		failed = failed || left
	}
	switch {
	case failed:
		return 0, errCards
	case sending:
		return sendingPause, nil
	}
	return 0, nil
}

// cardPass is one look at all cards of an incident.
type cardPass struct {
	incident store.Incident
	down     map[string]bool // providers that did not work: their other cards are left
}

// goesOn reports whether there is time for one more card.
func (d *Deliverer) goesOn(ctx context.Context) bool {
	return d.running.Err() == nil && hasTime(ctx, slotHorizon+d.settings.Load().LongestTimeout()) // the shortest lease has 3 s more
}

// noteAll edits cards, and forgets those that are done. It reports whether some are left.
func (d *Deliverer) noteAll(ctx context.Context, pass cardPass, cards []store.Card) (left bool, err error) {
	ids := make([]uuid.UUID, len(cards))
	for n, card := range cards {
		ids[n] = card.DeliveryID
	}
	found, err := d.loadBatch(ctx, ids)
	if err != nil {
		return false, err
	}
	var done []uuid.UUID
	for n, card := range cards {
		if !d.goesOn(ctx) {
			break
		}
		if found[n] == nil || d.noteCard(ctx, pass, *found[n], card.Reference) {
			done = append(done, card.DeliveryID)
		}
	}
	return len(done) < len(cards), d.store.ForgetCards(context.WithoutCancel(ctx), done)
}

// noteCard edits one card. It returns false when that is to be tried again.
func (d *Deliverer) noteCard(ctx context.Context, pass cardPass, l loaded, reference string) bool {
	r := &run{delivery: l.delivery, message: l.message, settings: d.settings.Load()}
	var known bool
	r.provider, known = r.settings.Registry.Named(r.delivery.Provider)
	updater, edits := r.provider.Sender.(channels.Updater)
	if !known || !edits || !r.hasButton() || r.delivery.IsErased() {
		return true
	}
	if pass.down[r.provider.Name] {
		return false
	}
	r.tries = r.settings.TriesOf(r.provider)
	r.note = cmp.Or(rendering.IncidentNote(pass.incident, r.delivery.Locale), rendering.IncidentGone(r.delivery.Locale))
	if next := d.takeSlot(ctx, r); next != nil {
		return false
	}
	m := r.outgoing()
	if r.delivery.ThreadID != uuid.Nil {
		turn := r.askTurn(false)
		taken, err := d.turns.Do(ctx, turn)
		switch {
		case err != nil || taken.Wait > 0:
			return false
		case !taken.Superseded:
			m.DeliveryID = taken.Message.Mark
			turn.Lease = 0 // ends it
			defer func() { _, _ = d.turns.Do(context.WithoutCancel(ctx), turn) }()
		case taken.Message.Reference == reference:
			return true // a later one shows its own text there, and the note
		}
	}
	started := time.Now()
	receipt, err := d.call(context.WithoutCancel(ctx), r, func(ctx context.Context) (channels.Receipt, error) { return updater.Update(ctx, reference, m) })
	d.metrics.countCall(r.provider, time.Since(started), err)
	d.notice(r, receipt, err)
	if err == nil {
		d.metrics.edits.WithLabelValues(r.delivery.Channel, noted).Inc()
		return true
	}
	pass.down[r.provider.Name] = isOutage(err)
	e := channels.AsError(err)
	d.log.Warn("a card keeps the button of an incident", zap.Stringer("delivery", r.delivery.ID), zap.String("provider", r.provider.Name),
		zap.String("class", string(e.Class)), zap.String("code", channels.CleanText(e.Code)))
	return e.Class == channels.Permanent
}
