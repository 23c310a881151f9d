package feishubot

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

const (
	maxBody = 30 << 10  // bytes of a request
	maxSkew = time.Hour // between the sender's clock and ours
)

// post takes a message. It checks in the order of the real bot, the token first.
func (b *Bot) post(r *http.Request, body []byte) answer {
	// Feishu ignores this header; the inbox shows it.
	mark := r.Header.Get("X-Request-Id")
	b.Inbox().Request(mark)

	var m message
	decoded := json.Unmarshal(body, &m)
	text, valid := m.text()
	b.mu.Lock()
	defer b.mu.Unlock()
	group, known := b.groups[r.PathValue("token")]
	switch {
	case !known:
		return refused(19001)
	case len(body) > maxBody:
		return refused(19036)
	case decoded != nil:
		a := refused(9499)
		a.status = http.StatusBadRequest
		return a
	case b.secret != "" && !m.signed(b.secret):
		return refused(19021)
	case m.MsgType == "":
		return refused(19002)
	case !valid:
		a := refused(19001)
		a.Msg = "param invalid: " + m.MsgType
		return a
	case !strings.Contains(text, b.keyword):
		return refused(19024)
	case !group.take(time.Now()):
		return refused(11232)
	}
	idType, to := mentioned(text)
	b.Inbox().Add(vendors.Arrival{
		ID: rand.Text(), Channel: "feishu_webhook", ToType: idType, To: to, Kind: m.MsgType, Text: text, Mark: mark,
		Group: group.name, Mentions: m.mentions(),
	})
	return success()
}

// message is a request of the webhook.
type message struct {
	Timestamp string `json:"timestamp"`
	Sign      string `json:"sign"`
	MsgType   string `json:"msg_type"`
	Content   struct {
		Text string         `json:"text"`
		Post map[string]any `json:"post"`
	} `json:"content"`
	Card map[string]any `json:"card"`
}

// text returns the message as a reader sees it; false when it is invalid.
func (m message) text() (text string, valid bool) {
	switch m.MsgType {
	case "text":
		return m.Content.Text, m.Content.Text != ""
	case "post":
		return encode(m.Content.Post), len(m.Content.Post) > 0
	case "interactive":
		return encode(m.Card), len(m.Card) > 0
	default:
		return "", false
	}
}

func encode(object map[string]any) string {
	b, _ := json.Marshal(object) // it was decoded from JSON
	return string(b)
}

// mentioned returns the user that a text mentions at its start, or the group. A bot does
// not know union ids.
func mentioned(text string) (idType, id string) {
	rest, found := strings.CutPrefix(text, `<at user_id="`)
	id, _, closed := strings.Cut(rest, `"></at>`)
	if !found || !closed || strings.HasPrefix(id, "on_") {
		return "", "group"
	}
	return "open_id", id
}

// mentions returns the users whom the message mentions. A bot does not know union ids.
func (m message) mentions() []string {
	users := slices.Concat(feishu.MentionedInText(m.Content.Text), feishu.MentionedInPost(m.Content.Post), feishu.MentionedInCard(m.Card))
	return slices.DeleteFunc(users, func(id string) bool { return strings.HasPrefix(id, "on_") })
}

// signed reports whether the signature is right and the time is within maxSkew.
func (m message) signed(secret string) bool {
	seconds, err := strconv.ParseInt(m.Timestamp, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > maxSkew {
		return false
	}
	mac := hmac.New(sha256.New, []byte(m.Timestamp+"\n"+secret))
	return hmac.Equal([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(m.Sign))
}

// take counts a message against the limit and reports whether it is within. It runs
// with the bot's mu held.
func (g *group) take(now time.Time) bool {
	if g.limit == 0 {
		return true
	}
	for len(g.taken) > 0 && now.Sub(g.taken[0]) >= g.window {
		g.taken = g.taken[1:]
	}
	if len(g.taken) >= g.limit {
		return false
	}
	g.taken = append(g.taken, now)
	return true
}
