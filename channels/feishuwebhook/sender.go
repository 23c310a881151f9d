package feishuwebhook

import (
	"context"
	"errors"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/hook"
)

// sender posts as one bot.
type sender struct {
	*hook.Client
	secret string
}

var (
	_ channels.Sender           = (*sender)(nil)
	_ channels.Prober           = (*sender)(nil)
	_ channels.RecipientChecker = (*sender)(nil)
	_ channels.Checker          = (*sender)(nil)
	_ channels.Mentioner        = (*sender)(nil)
)

// CheckRecipient implements channels.RecipientChecker.
func (s *sender) CheckRecipient(r channels.Recipient) error { return checkRecipient(r) }

// CheckMention implements channels.Mentioner. Every message of a bot is in its group.
func (s *sender) CheckMention(_, person channels.Recipient) error {
	if person.Type != channels.RecipientFeishuUserID {
		return errors.New("is nobody whom a Feishu group mentions; it mentions a " + channels.RecipientFeishuUserID)
	}
	return checkUser(person.Value)
}

// Check implements channels.Checker.
func (s *sender) Check(m channels.Message) error {
	_, _, err := s.compose(m)
	return err
}

// compose returns the payload of a message, and the body that has it.
func (s *sender) compose(m channels.Message) (p payload, body []byte, err error) {
	if err := checkRecipient(m.Recipient); err != nil {
		return p, nil, channels.PermanentError("recipient", "the recipient "+err.Error())
	}
	for _, person := range m.Mention {
		if err := s.CheckMention(m.Recipient, person); err != nil {
			return p, nil, channels.PermanentError("mention", "somebody to mention "+err.Error())
		}
	}
	if p, err = newPayload(m); err != nil {
		return p, nil, err
	}
	if s.secret != "" {
		p.sign(s.secret, time.Now())
	}
	body, err = p.encode()
	return p, body, err
}

// Send implements channels.Sender. The receipt's details are the vendor's log_id, if it
// gave one.
func (s *sender) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	p, body, err := s.compose(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	reply, err := s.Post(ctx, m, nil, body)
	if err != nil {
		return channels.Receipt{}, err
	}
	hide := append(mentioned(m.Mention), token(s.URL()), s.secret, p.Sign)
	if m.Recipient.Type != channels.RecipientFeishuGroup {
		hide = append(hide, m.Recipient.Value)
	}
	if err := refusal(reply, hide...); err != nil {
		return channels.Receipt{}, err
	}
	if id := logID(reply.Header); id != "" {
		return channels.Receipt{Details: map[string]any{"log_id": id}}, nil
	}
	return channels.Receipt{}, nil
}
