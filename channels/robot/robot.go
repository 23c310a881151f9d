// Package robot is shared by the channels whose vendors, DingTalk and WeCom, have robots in
// groups that mention people by mobile number or user id, and answer with an errcode.
package robot

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/hook"
	"github.com/labring/sealos-notify/channels/phone"
)

// Group is what a robot's group takes. A sender that embeds it implements
// channels.RecipientChecker and channels.Mentioner.
type Group struct {
	Type     *channels.RecipientType // of groups; nobody is mentioned by it
	UserType *channels.RecipientType // of the vendor's users, who are mentioned
}

// mobiles are the numbers by which the vendors' pages mention people. How others are written is
// on none of them.
var mobiles = phone.Rule{Countries: []string{"CN"}, MobileOnly: true}

// CheckRecipient implements channels.RecipientChecker.
func (g Group) CheckRecipient(r channels.Recipient) error {
	switch r.Type {
	case g.Type.Name:
		return nil
	case g.UserType.Name:
		return g.UserType.Check(r.Value) // it may have been erased since it was accepted
	}
	return fmt.Errorf("is neither a %s nor a %s", g.Type.Name, g.UserType.Name)
}

// CheckMention implements channels.Mentioner. Every message of a robot is in its group.
func (g Group) CheckMention(_, person channels.Recipient) error {
	switch person.Type {
	case g.UserType.Name:
		return g.UserType.Check(person.Value)
	case channels.RecipientPhone:
		_, err := mobiles.Parse(person.Value)
		return err
	}
	return fmt.Errorf("is nobody whom the group mentions; it mentions a %s or a %s", g.UserType.Name, channels.RecipientPhone)
}

// Mentions are the people whom a message mentions, each once.
type Mentions struct {
	Mobiles []string // without the country's code
	Users   []string
}

// MentionsOf returns the people whom a message mentions, its recipient among them. Its errors are
// permanent *channels.Error values.
func (g Group) MentionsOf(m channels.Message) (Mentions, error) {
	if err := g.CheckRecipient(m.Recipient); err != nil {
		return Mentions{}, channels.PermanentError("recipient", "the recipient "+err.Error())
	}
	people := m.Mention
	if m.Recipient.Type == g.UserType.Name {
		people = append([]channels.Recipient{m.Recipient}, people...)
	}
	var mentions Mentions
	for _, person := range people {
		if err := g.CheckMention(m.Recipient, person); err != nil {
			return Mentions{}, channels.PermanentError("mention", "somebody to mention "+err.Error())
		}
		list, id := &mentions.Users, person.Value
		if person.Type == channels.RecipientPhone {
			number, _ := mobiles.Parse(person.Value) // CheckMention has parsed it
			list, id = &mentions.Mobiles, number.Digits()
		}
		if !slices.Contains(*list, id) {
			*list = append(*list, id)
		}
	}
	return mentions, nil
}

// All returns the mobile numbers and the ids.
func (m Mentions) All() []string { return slices.Concat(m.Mobiles, m.Users) }

// Refusal returns the error of an answer, or nil, as hook.Answer.Refusal does. wait is how long the
// vendor's limits last.
func Refusal(
	r hook.Reply, prefix string, classes func(code int, text string) (channels.Class, bool), wait time.Duration, hide ...string,
) error {
	var answer struct {
		Code *int   `json:"errcode"`
		Text string `json:"errmsg"`
	}
	if err := json.Unmarshal(r.Body, &answer); err != nil {
		answer.Code = nil // JSON, but not the vendor's
	}
	e := hook.Answer{Code: answer.Code, Text: answer.Text}.Refusal(r, prefix, classes, hide...)
	if e == nil {
		return nil
	}
	if e.Class == channels.Throttled && e.RetryAfter == 0 {
		e.RetryAfter = wait
	}
	return e
}

// CheckAddress checks the address of a robot, whose token is the one parameter of its query.
func CheckAddress(o *hook.Options, key, address, parameter string) error {
	if err := o.Check(key, address); err != nil {
		return err
	}
	if hook.Token(address, parameter) == "" {
		return &channels.KeyError{Key: key, Err: errors.New("must end with ?" + parameter + "= and the robot's token, as the group shows it")}
	}
	return nil
}
