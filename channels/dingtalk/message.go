package dingtalk

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/robot"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

// maxBody is the largest request that is sent, in bytes. The robot's error 460101 names it, and
// does not say what it counts.
const maxBody = 20_000

// envelope is room for what a request has beside the message, in bytes: the id, and the title and
// the user of a markdown message.
const envelope = 1024

// payload is a request of the robot.
type payload struct {
	MsgType  string    `json:"msgtype"`
	MsgUUID  string    `json:"msgUuid"` // the vendor drops a repeated one
	Text     *text     `json:"text,omitempty"`
	Markdown *markdown `json:"markdown,omitempty"`
	At       *at       `json:"at,omitempty"`
}

type text struct {
	Content string `json:"content"`
}

type markdown struct {
	Title string `json:"title"` // of the notice on a phone, and in the list of chats
	Text  string `json:"text"`
}

// at are those who are mentioned. Each of them must stand in the text, too.
type at struct {
	Mobiles []string `json:"atMobiles,omitempty"`
	UserIDs []string `json:"atUserIds,omitempty"`
}

// mentionRoom is that of a mark in the text and of a member of a list, in bytes.
func mentionRoom(address string) int { return len("@ ") + len(address) + len(`"",`) + len(address) }

// compose returns the body of a request, and whom it mentions.
func (s *sender) compose(m channels.Message) ([]byte, robot.Mentions, error) {
	mentions, err := s.MentionsOf(m)
	if err != nil {
		return nil, mentions, err
	}
	if strings.TrimSpace(m.Body) == "" {
		return nil, mentions, channels.PermanentError("empty", "the message has no text")
	}
	p := payload{MsgType: m.MsgType, MsgUUID: m.DeliveryID.String()}
	var marks strings.Builder
	for _, who := range mentions.All() {
		marks.WriteString("@" + who + " ")
	}
	if marks.Len() > 0 {
		p.At = &at{Mobiles: mentions.Mobiles, UserIDs: mentions.Users}
	}
	switch m.MsgType {
	case msgText:
		p.Text = &text{Content: marks.String() + m.Body}
	case msgMarkdown:
		if marks.Len() > 0 {
			marks.WriteString("\n\n") // a heading must begin its line
		}
		p.Markdown = &markdown{Title: title(m), Text: marks.String() + m.Body}
	default:
		return nil, mentions, channels.PermanentError("msg_type", fmt.Sprintf("no such message type: %q", m.MsgType))
	}
	body, err := vendorhttp.EncodeJSON(p)
	if err == nil && len(body) > maxBody {
		err = channels.PermanentError("too_long", fmt.Sprintf("the request is %d bytes long; a robot takes %d", len(body), maxBody))
	}
	return body, mentions, err
}

// title returns the title of a markdown message: its subject, or its first line without marks.
func title(m channels.Message) string {
	line := channels.FirstLine(cmp.Or(m.Subject, m.Body))
	plain := strings.NewReplacer("**", "", "`", "").Replace(strings.TrimLeft(line, "#>*- "))
	return cmp.Or(strings.TrimSpace(plain), line)
}

// sign returns the query that signs a request.
func sign(token, secret string, now time.Time) url.Values {
	timestamp := strconv.FormatInt(now.UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "\n" + secret))
	return url.Values{
		parameter: {token}, "timestamp": {timestamp}, "sign": {base64.StdEncoding.EncodeToString(mac.Sum(nil))},
	}
}
