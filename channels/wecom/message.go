package wecom

import (
	"fmt"
	"strings"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/robot"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// Limits of a message's content, in bytes of UTF-8, by the vendor's page 消息推送配置说明 of 2025-08:
// https://developer.work.weixin.qq.com/document/path/99110.
const (
	maxText     = 2048
	maxMarkdown = 4096
)

// envelope is room for the user whom a markdown message mentions, in bytes.
const envelope = 72

// payload is a request of the robot.
type payload struct {
	MsgType  string    `json:"msgtype"`
	Text     *text     `json:"text,omitempty"`
	Markdown *markdown `json:"markdown,omitempty"`
}

type text struct {
	Content string   `json:"content"`
	Users   []string `json:"mentioned_list,omitempty"`
	Mobiles []string `json:"mentioned_mobile_list,omitempty"`
}

type markdown struct {
	Content string `json:"content"`
}

// compose returns the body of a request, and whom it mentions.
func (s *sender) compose(m channels.Message) ([]byte, robot.Mentions, error) {
	mentions, err := s.MentionsOf(m)
	if err != nil {
		return nil, mentions, err
	}
	if strings.TrimSpace(m.Body) == "" {
		return nil, mentions, channels.PermanentError("empty", "the message has no text")
	}
	p, content, most := payload{MsgType: m.MsgType}, m.Body, maxText
	switch m.MsgType {
	case msgText:
		p.Text = &text{Content: content, Users: mentions.Users, Mobiles: mentions.Mobiles}
	case msgMarkdown:
		if len(mentions.Mobiles) > 0 {
			return nil, mentions, channels.PermanentError("mention", "a markdown message mentions by "+s.UserType.Name+" only")
		}
		content, most = mark(m.Body, mentions.Users), maxMarkdown
		p.Markdown = &markdown{Content: content}
	default:
		return nil, mentions, channels.PermanentError("msg_type", fmt.Sprintf("no such message type: %q", m.MsgType))
	}
	if len(content) > most {
		return nil, mentions, channels.PermanentError("too_long", fmt.Sprintf("the %s is %d bytes long; a robot takes %d", m.MsgType, len(content), most))
	}
	body, err := vendorhttp.EncodeJSON(p)
	return body, mentions, err
}

// mentionRoom is that of a mark in a markdown text, in bytes. Mentions are no part of a text.
func mentionRoom(address string) int { return len("<@> ") + len(address) }

// mark returns a markdown text after the marks that mention the users.
func mark(body string, users []string) string {
	var marks strings.Builder
	for _, user := range users {
		marks.WriteString("<@" + user + "> ")
	}
	if marks.Len() > 0 {
		marks.WriteString("\n") // a heading must begin its line
	}
	return marks.String() + body
}
