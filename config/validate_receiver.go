package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/labring/sealos-notify/api"
	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/accepting"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// validateReceiver checks that alerts to a receiver can be delivered, before the
// first alert comes.
func (r *reader) validateReceiver(key string, receiver api.Receiver) {
	if len(receiver.Channels) == 0 {
		r.problem(key+".channels", "is required")
	}
	if receiver.Locale != "" {
		r.locale(key+".locale", receiver.Locale)
	}
	if receiver.RemindAfter < 0 {
		r.problem(key+".remindAfter", "must not be negative")
	}
	if receiver.Apps != nil && len(receiver.Apps) == 0 {
		r.problem(key+".apps", "must have at least one element; leave it out to let every app post")
	}
	types := r.validateReceiverChannels(key, receiver.Channels, receiver.Recipients)
	if len(receiver.Recipients) == 0 && (len(types) > 0 || len(receiver.Channels) == 0) {
		r.problem(key+".recipients", "is required, unless each channel has its own")
	}
	r.validateAddressList(key+".recipients", receiver.Recipients, append(types, r.validateEscalation(key, receiver)...))
}

// validateEscalation checks the steps of a receiver, and returns the types of their channels that have no
// recipients of their own.
func (r *reader) validateEscalation(key string, receiver api.Receiver) (types []channels.Type) {
	steps := accepting.Request{Alerts: &accepting.Alerts{}, Escalation: receiver.Steps(), Repeat: receiver.Repeat}
	var refused *refusal.Error
	if errors.As(steps.CheckEscalation(r.Types), &refused) {
		r.problem(key+"."+refused.Field, "%s", refused.Message)
	}
	for i, step := range receiver.Escalation {
		key := fmt.Sprintf("%s.escalation[%d]", key, i)
		if step.Recipients != nil {
			r.validateAddressList(key+".recipients", step.Recipients, r.validateReceiverChannels(key, step.Channels, step.Recipients))
			continue
		}
		for name, channel := range step.Channels {
			only := map[string]api.ReceiverChannel{name: channel}
			types = append(types, r.validateReceiverChannels(key, only, receiver.StepRecipients(name))...)
		}
	}
	return types
}

// validateReceiverChannels checks channels of a receiver, or of a step. It returns the types of those that have
// no recipients of their own.
func (r *reader) validateReceiverChannels(key string, configured map[string]api.ReceiverChannel, to []api.ReceiverRecipient) (types []channels.Type) {
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		channel := configured[name]
		key := join(key+".channels", printable(name))
		i := slices.IndexFunc(r.Types, func(t channels.Type) bool { return t.Channel == name })
		switch {
		case i < 0:
			r.problem(key, "unknown channel; there are: %s", channelNames(r.Types))
			continue
		case !r.cfg.Channels[name].Enabled:
			r.problem(key, "this channel is not enabled")
		}
		r.validateRequired(key, reflect.ValueOf(channel))
		r.validateAddressList(key+".mention", channel.Mention, r.Types)
		if channel.Recipients != nil {
			r.validateAddressList(key+".recipients", channel.Recipients, r.Types[i:i+1])
			continue
		}
		types = append(types, r.Types[i])
		fits := func(recipient api.ReceiverRecipient) bool { return r.Types[i].Accepts(recipient.Type) }
		if !slices.ContainsFunc(to, fits) {
			r.problem(key, "no recipient fits; it takes %s", strings.Join(channels.RecipientTypeNames(r.Types[i]), ", "))
		}
	}
	return types
}

// validateAddressList checks that each address of a list can be one of a type that the channels
// take.
func (r *reader) validateAddressList(key string, list []api.ReceiverRecipient, types []channels.Type) {
	if list != nil && len(list) == 0 {
		r.problem(key, "must have at least one element; leave it out otherwise")
	}
	for i, recipient := range list {
		key := fmt.Sprintf("%s[%d]", key, i)
		if !r.validateRequired(key, reflect.ValueOf(recipient)) {
			continue
		}
		if !slices.Contains(channels.RecipientTypeNames(types...), recipient.Type) {
			r.problem(key+".type", "fits none of the receiver's channels")
		} else if err := accepting.CheckRecipient(channels.RecipientTypesOf(types...), store.Recipient{Type: recipient.Type, Value: recipient.Value}); err != nil {
			r.problem(key+".value", "%w", err)
		}
	}
}

// validateAddresses checks the receivers' addresses by the opened providers, and their
// number, as the service does when alerts come.
func (r *reader) validateAddresses(registry *channels.Registry) {
	for _, name := range slices.Sorted(maps.Keys(r.cfg.Integrations.Receivers)) {
		key, receiver := join("integrations.receivers", printable(name)), r.cfg.Integrations.Receivers[name]
		total := len(receiver.Recipients)
		for _, channel := range slices.Sorted(maps.Keys(receiver.Channels)) {
			own := receiver.Channels[channel]
			total += len(own.Recipients)
			r.validateChannelReach(key, key, channel, registry, own, receiver.Recipients)
		}
		if most := r.cfg.Defaults.MaxRecipients; total > most {
			r.problem(key+".recipients", "are %d; at most %d (defaults.maxRecipients)", total, most)
		}
		for i, step := range receiver.Escalation {
			place, list := fmt.Sprintf("%s.escalation[%d]", key, i), key
			for _, channel := range slices.Sorted(maps.Keys(step.Channels)) {
				to := receiver.StepRecipients(channel)
				if step.Recipients != nil {
					list, to = place, step.Recipients
				}
				r.validateChannelReach(place, list, channel, registry, step.Channels[channel], to)
			}
		}
	}
}

// validateChannelReach checks that a channel of a receiver, or of a step, reaches its recipients: its own, or
// else those of the list's place.
func (r *reader) validateChannelReach(
	key, list, channel string, registry *channels.Registry, own api.ReceiverChannel, to []api.ReceiverRecipient,
) {
	list += ".recipients"
	if own.Recipients != nil {
		list, to = key+".channels."+channel+".recipients", own.Recipients
	}
	r.validateReach(list, channel, registry, to)
	r.validateMention(key+".channels."+channel+".mention", channel, registry, to, own.Mention)
}

// validateReach checks that a channel has a provider for each recipient of a list that fits it,
// and that the provider takes the address.
func (r *reader) validateReach(key, channel string, registry *channels.Registry, list []api.ReceiverRecipient) {
	own, _ := registry.Provider(channel) // it is on
	for i, recipient := range list {
		if !own.Type.Accepts(recipient.Type) {
			continue
		}
		key, to := fmt.Sprintf("%s[%d].value", key, i), channels.Recipient(recipient)
		provider, known := registry.ProviderFor(channel, to)
		if !known {
			r.problem(key, "there is no provider of that name for the channel %s", channel)
			continue
		}
		candidates := []channels.Provider{provider}
		if !provider.Type.NamesProvider(recipient.Type) {
			candidates = registry.List(channel)
		}
		if err := reaches(candidates, to); err != nil {
			r.problem(key, "%s: %w", channel, err)
		}
	}
}

// reaches returns nil when one of the providers takes the address, otherwise why the first does not.
func reaches(providers []channels.Provider, to channels.Recipient) (first error) {
	for _, p := range providers {
		checker, checks := p.Sender.(channels.RecipientChecker)
		if !checks {
			return nil
		}
		err := checker.CheckRecipient(to)
		if err == nil {
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// validateMention checks that a channel's messages to the recipients can mention the people.
func (r *reader) validateMention(key, channel string, registry *channels.Registry, to, people []api.ReceiverRecipient) {
	provider, _ := registry.Provider(channel) // it is on
	if len(people) > accepting.MaxMention {
		r.problem(key, "are %d; at most %d", len(people), accepting.MaxMention)
	}
	var recipients []store.Recipient
	for _, recipient := range to {
		if provider.Type.Accepts(recipient.Type) {
			recipients = append(recipients, store.Recipient{Type: recipient.Type, Value: recipient.Value})
		}
	}
	for i, person := range people {
		if err := accepting.CheckMention(provider, recipients, store.Recipient{Type: person.Type, Value: person.Value}); err != nil {
			r.problem(fmt.Sprintf("%s[%d]", key, i), "%w", err)
		}
	}
}
