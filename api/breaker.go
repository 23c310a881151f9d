package api

import (
	"context"
	"time"

	"github.com/labring/sealos-notify/store"
)

const breakerDescription = "While a provider's breaker is open, its deliveries wait and spend no attempts. The service opens it when the provider " +
	"does not work, lets one delivery through from time to time, and closes it when that one was answered. " +
	"One that was opened by this request lets nothing through until it is closed by this request. The request may be repeated."

type breakerView struct {
	Provider string     `json:"provider"`
	ByHand   bool       `json:"byHand" doc:"an administrator opened it, and only an administrator closes it"`
	Code     string     `json:"code" doc:"of the last failure before it opened; empty when an administrator opened it"`
	OpenedAt time.Time  `json:"openedAt"`
	ProbeAt  *time.Time `json:"probeAt" doc:"from when the next delivery is let through; null when an administrator opened it"`
}

// breakerRequest is the body of a request to open or close a breaker.
type breakerRequest struct {
	Open bool `json:"open" doc:"whether deliveries wait"`
}

type breakerInput struct {
	Name string `path:"name" maxLength:"64" doc:"name of the provider"`
	jsonBody[breakerRequest]
}

func (s *Server) setBreaker(ctx context.Context, in *breakerInput) (*struct{}, error) {
	return nil, s.control.SetBreaker(ctx, in.Name, in.body.Open, actorOf(ctx))
}

func viewBreaker(b store.Breaker) breakerView {
	view := breakerView{Provider: b.Provider, ByHand: b.ByHand, Code: b.Code, OpenedAt: b.OpenedAt}
	if !b.ByHand {
		view.ProbeAt = &b.ProbeAt
	}
	return view
}
