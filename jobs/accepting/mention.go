package accepting

import (
	"errors"
	"fmt"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/jobs/refusal"
	"github.com/labring/sealos-notify/store"
)

// MaxMention bounds the people whom one message mentions.
const MaxMention = 50

// mention returns the people whom the messages of a channel mention. It returns a
// *refusal.Error for one whom the provider cannot mention in them. Of alerts, such a one is
// left out.
func (p *preparation) mention(provider channels.Provider, to []recipient) ([]recipient, error) {
	asked := p.lists.mention[provider.Type.Channel]
	if len(asked) > MaxMention && p.alerts == nil {
		return nil, refusal.New(refusal.InvalidMention, ".mention", "has %d people; at most %d", len(asked), MaxMention)
	}
	var mentioned []recipient
	for _, person := range asked[:min(len(asked), MaxMention)] {
		err := CheckMention(provider, stored(oneOfEachType(to)), person.Recipient)
		switch {
		case err == nil:
			mentioned = append(mentioned, person)
		case p.alerts == nil:
			return nil, person.refuse(refusal.InvalidMention, err.Error())
		}
	}
	return mentioned, nil
}

// CheckMention returns an error when a provider cannot mention a person in messages to the
// recipients. The error repeats no address.
func CheckMention(provider channels.Provider, to []store.Recipient, person store.Recipient) error {
	mentioner, mentions := provider.Sender.(channels.Mentioner)
	if !mentions {
		return errors.New("cannot be mentioned: messages of this channel mention nobody")
	}
	for _, r := range to {
		if err := mentioner.CheckMention(channels.Recipient{Type: r.Type, Value: r.Value}, channels.Recipient{Type: person.Type, Value: person.Value}); err != nil {
			return fmt.Errorf("%s: %w", provider.Type.Channel, err)
		}
	}
	return nil
}

// oneOfEachType returns the first recipient of each type: whom a message can mention depends on
// nothing else.
func oneOfEachType(list []recipient) []recipient {
	seen := map[string]bool{}
	var first []recipient
	for _, r := range list {
		if !seen[r.Type] {
			seen[r.Type] = true
			first = append(first, r)
		}
	}
	return first
}

// draft is what a message gets beside its text.
type draft struct {
	mention  []store.Recipient
	to       []recipient
	provider channels.Provider // of the channel, with room for the mentions
}

// room returns how many bytes the mentions add to a message, at most.
func (d draft) room() int {
	room := 0
	for _, person := range d.mention {
		room += len(person.Value) + channels.MentionRoom
	}
	return room
}

// check returns a *refusal.Error when the mentions do not fit into the rendered message.
func (d draft) check(m store.Message) error {
	checker, checks := d.provider.Sender.(channels.Checker)
	if !checks || len(d.mention) == 0 || len(d.to) == 0 {
		return nil
	}
	people := make([]channels.Recipient, len(d.mention))
	for i, person := range d.mention {
		people[i] = channels.Recipient{Type: person.Type, Value: person.Value}
	}
	err := checker.Check(channels.Message{
		Recipient: channels.Recipient{Type: d.to[0].Type, Value: d.to[0].Value}, Mention: people,
		MsgType: m.MsgType, Subject: m.Subject, Body: m.Body, TemplateCode: m.TemplateCode, Params: m.Params,
	})
	if err != nil {
		return refusal.New(refusal.InvalidMention, ".mention", "%s", channels.AsError(err).Message)
	}
	return nil
}
