package dingtalk

import (
	"context"
	"net/url"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/hook"
	"github.com/labring/sealos-notify/channels/robot"
)

// sender posts as one robot.
type sender struct {
	*hook.Client
	robot.Group
	token, secret string
}

var (
	_ channels.Sender           = (*sender)(nil)
	_ channels.Prober           = (*sender)(nil)
	_ channels.RecipientChecker = (*sender)(nil)
	_ channels.Checker          = (*sender)(nil)
	_ channels.Mentioner        = (*sender)(nil)
)

// Check implements channels.Checker.
func (s *sender) Check(m channels.Message) error {
	_, _, err := s.compose(m)
	return err
}

// Send implements channels.Sender.
func (s *sender) Send(ctx context.Context, m channels.Message) (channels.Receipt, error) {
	body, mentions, err := s.compose(m)
	if err != nil {
		return channels.Receipt{}, err
	}
	var query url.Values
	if s.secret != "" {
		query = sign(s.token, s.secret, time.Now())
	}
	reply, err := s.Post(ctx, m, query, body)
	if err != nil {
		return channels.Receipt{}, err
	}
	signature := query.Get("sign")
	hide := append(mentions.All(), s.token, s.secret, signature, url.QueryEscape(signature))
	return channels.Receipt{}, robot.Refusal(reply, "dingtalk_", classOf, pause, hide...)
}
