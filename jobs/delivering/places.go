package delivering

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

const (
	// placeLease is how long the places of a replica that died stay taken.
	placeLease = 10 * time.Second
	// placeRenewal is between two renewals. Two may fail.
	placeRenewal = 3 * time.Second
)

// places are the connections to providers that this replica holds, out of those that all
// replicas share. They are renewed together until close.
type places struct {
	store  Store
	holder uuid.UUID // this replica
	log    *zap.Logger
	done   chan struct{} // closed by close
	ended  sync.WaitGroup

	mu   sync.Mutex
	held map[*place]struct{}
}

func newPlaces(st Store, log *zap.Logger) *places {
	p := &places{store: st, holder: uuid.New(), log: log, done: make(chan struct{}), held: map[*place]struct{}{}}
	p.ended.Go(p.keep)
	return p
}

// keep renews the places until close.
func (p *places) keep() {
	ticker := time.NewTicker(placeRenewal)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
			p.renew()
		}
	}
}

// renew gives the places another lease. Those that another replica has taken meanwhile are
// not held any more.
func (p *places) renew() {
	held := p.all()
	if len(held) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), placeRenewal)
	defer cancel()
	renewed, err := p.store.RenewPlaces(ctx, p.holder, placeLease)
	if err != nil {
		p.log.Warn("the places of connections could not be renewed", zap.Error(err))
		return
	}
	ours := make(map[store.Place]bool, len(renewed))
	for _, place := range renewed {
		ours[place] = true
	}
	for _, place := range held {
		place.lost.Store(!ours[place.Place])
	}
}

func (p *places) all() []*place {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*place, 0, len(p.held))
	for place := range p.held {
		all = append(all, place)
	}
	return all
}

// close frees all places. The connections that still use them end with the process.
func (p *places) close() {
	close(p.done)
	p.ended.Wait()
	p.free(p.all()...)
}

func (p *places) free(freed ...*place) {
	p.mu.Lock()
	stored := make([]store.Place, 0, len(freed))
	for _, place := range freed {
		if _, held := p.held[place]; held {
			delete(p.held, place)
			stored = append(stored, place.Place)
		}
	}
	p.mu.Unlock()
	if len(stored) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), placeRenewal)
	defer cancel()
	if err := p.store.FreePlaces(ctx, p.holder, stored); err != nil {
		// They expire if they are not taken again.
		p.log.Warn("the places of connections could not be freed", zap.Error(err))
	}
}

// placesOf are the places of one provider.
type placesOf struct {
	*places
	provider string
}

// Take implements channels.Places.
func (p placesOf) Take(ctx context.Context, most int) (channels.Place, error) {
	taken, ok, err := p.store.TakePlace(ctx, p.provider, p.holder, most, placeLease)
	if err != nil || !ok {
		return nil, err
	}
	place := &place{Place: taken, places: p.places}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held[place] = struct{}{}
	return place, nil
}

// place is one place that is held.
type place struct {
	store.Place
	places *places
	lost   atomic.Bool
}

// Held implements channels.Place.
func (p *place) Held() bool { return !p.lost.Load() }

// Free implements channels.Place.
func (p *place) Free() { p.places.free(p) }
