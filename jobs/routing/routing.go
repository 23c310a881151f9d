// Package routing decides which provider a delivery goes through: the one to begin with, and the
// next one after a failure.
package routing

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/store"
)

// Route returns the providers that can take a message to a recipient without an operator's help,
// in the order of preference. It is empty when none can, or the channel is disabled. It does not
// look at breakers.
func Route(registry *channels.Registry, delivery uuid.UUID, m store.Message, to store.Recipient) []channels.Provider {
	order := registry.Order(m.Channel, delivery)
	fits := func(p channels.Provider) bool { return canTake(p, m, to) }
	if !slices.ContainsFunc(order, func(p channels.Provider) bool { return !fits(p) }) {
		return order
	}
	var route []channels.Provider
	for _, p := range order {
		if fits(p) {
			route = append(route, p)
		}
	}
	return route
}

// Line returns the provider's name in the line of a delivery (store.Line). Those that name their
// provider wait apart from those of their channel's first.
func Line(p channels.Provider, recipientType string, test bool) string {
	switch {
	case test:
		return channels.SimulatedProvider
	case p.Type.NamesProvider(recipientType):
		return p.Name
	}
	return p.Line()
}

// canTake reports whether a provider can take a message. A vendor's template means nothing at
// another account, so a template's own code counts at the channel's first provider only. A group's
// bot that lists its apps is for those that name it.
func canTake(p channels.Provider, m store.Message, to store.Recipient) bool {
	first := p.Place == 1
	if p.Type.TemplateCode && m.TemplateCodes[p.Name] == "" && (!first || m.TemplateCode == "") {
		return false
	}
	if checker, checks := p.Sender.(channels.RecipientChecker); checks && to.Value != store.ErasedText {
		if checker.CheckRecipient(channels.Recipient{Type: to.Type, Value: to.Value}) != nil {
			return false
		}
	}
	return first || p.Apps == nil
}

// Failure is how an attempt at a provider failed, as far as it decides whether the delivery leaves
// that one.
type Failure struct {
	Class channels.Class
	// Again: the attempt before failed at the same provider.
	Again bool
	// Last: no attempt is left.
	Last bool
	// Open: the provider's breaker is open.
	Open bool
	// Dedupes: the provider knows the delivery by its id. Another one does not.
	Dedupes bool
	// Wait is what a provider asked for that throttles, Other how long the next one would take.
	Wait, Other time.Duration
}

// Moves reports whether the delivery leaves the provider for the next one that works. What may
// have arrived stays with a provider that drops the repetition. (Where a double costs, it is held,
// and nobody asks.)
func (f Failure) Moves() bool {
	switch f.Class {
	case channels.Misconfigured:
		return true
	case channels.Throttled:
		return f.Other < f.Wait
	case channels.Uncertain:
		return !f.Dedupes && (f.Again || f.Last || f.Open)
	case channels.Transient:
		return f.Again || f.Last || f.Open
	case channels.Permanent:
	}
	return false
}

// Next returns the provider of a route that follows the one called from, of those that work: one
// behind it in the order, otherwise one before it. ahead reports which. It returns false as found
// when no other works.
func Next(route []channels.Provider, from string, works func(provider string) bool) (next channels.Provider, ahead, found bool) {
	at := slices.IndexFunc(route, func(p channels.Provider) bool { return p.Name == from })
	for i := range route {
		p := route[(at+1+i)%len(route)]
		if p.Name != from && works(p.Name) {
			return p, at+1+i < len(route), true
		}
	}
	return channels.Provider{}, false, false
}
