// Package dingtalk is a simulated custom robot of a DingTalk group. It follows DingTalk's pages,
// under https://open.dingtalk.com/document/orgapp/:
//   - 自定义机器人发送群消息: custom-robots-send-group-messages
//   - 自定义机器人安全设置: customize-robot-security-settings
//   - 服务端错误码: server-api-error-codes-1
//
// The first page has msgUuid, of which it takes one message. It does not say for how long, nor what
// it answers to the second: here for ever, and success.
package dingtalk

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Send is the one operation, for Fault.Where.
const Send = "send"

// Path returns the path of the address of a robot with the token, with its query.
func Path(token string) string { return "/robot/send?access_token=" + url.QueryEscape(token) }

// Faults are the robot's faults by name.
var Faults = vendors.Named(Send,
	vendors.Fault{Code: "410100"},
	vendors.Fault{Code: "430104"},
	vendors.Fault{Code: "310000"},
)

const (
	maxBody = 20_000    // bytes of a request
	maxSkew = time.Hour // between the sender's clock and ours
)

// Robot is a simulated robot, and those of further groups, which have the same secret. The real
// limit of a robot is 20 messages in a minute.
type Robot struct {
	*vendors.API
	*vendors.Groups
	secret string

	mu   sync.Mutex
	seen map[string]bool // tokens and msgUuids of messages that were taken
}

// New returns a robot that delivers to the inbox. With a secret it accepts only signed requests.
func New(token, secret string, inbox *vendors.Inbox) *Robot {
	r := &Robot{API: vendors.NewAPI(inbox), Groups: vendors.NewGroups(token), secret: secret, seen: map[string]bool{}}
	r.Know(Codes())
	r.HandleFunc("POST /robot/send", func(w http.ResponseWriter, req *http.Request) {
		r.Answer(w, req, Send, func(body []byte) vendors.Answer {
			code, text := r.post(req, body)
			return answer(0, code, text)
		}, refuse)
	})
	return r
}

// refuse returns the answer of a fault with a code, by default with the page's text.
func refuse(f vendors.Fault) vendors.Answer { return answer(f.HTTPStatus, f.Code, f.Message) }

func answer(status int, code, text string) vendors.Answer {
	return vendors.Answer{
		Status: max(status, http.StatusOK), Header: http.Header{"Content-Type": {"application/json"}},
		Body: map[string]any{"errcode": json.Number(code), "errmsg": cmp.Or(text, codes[code])},
	}
}

// message is a request of the robot.
type message struct {
	MsgType string `json:"msgtype"`
	MsgUUID string `json:"msgUuid"`
	Text    struct {
		Content string `json:"content"`
	} `json:"text"`
	Markdown struct{ Title, Text string } `json:"markdown"`
	At       struct {
		AtMobiles, AtUserIDs []string
	} `json:"at"`
}

// post takes a message, and returns the code of its answer with a text that is not the page's.
func (r *Robot) post(req *http.Request, body []byte) (code, text string) {
	// DingTalk ignores this header; the inbox shows it.
	mark := req.Header.Get("X-Request-Id")
	r.Inbox().Request(mark)

	var m message
	decoded := json.Unmarshal(body, &m)
	content := m.Text.Content
	if m.MsgType == "markdown" {
		content = m.Markdown.Text
	}
	token := req.URL.Query().Get("access_token")
	group, known := r.Group(token)
	contentType, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	switch {
	case token == "":
		return "40035", "缺少参数 access_token"
	case !known:
		return "300005", ""
	case contentType != "application/json":
		return "43004", ""
	case r.secret != "" && !fresh(req.URL.Query()):
		return "310000", "invalid timestamp"
	case r.secret != "" && !signed(req.URL.Query(), r.secret):
		return "310000", ""
	case decoded != nil:
		return "40035", ""
	case m.MsgType != "text" && m.MsgType != "markdown":
		return "400105", ""
	case content == "" || m.MsgType == "markdown" && m.Markdown.Title == "":
		return "40035", ""
	case len(body) > maxBody:
		return "460101", ""
	case !r.HasKeyword(content):
		return "310000", "keywords not in content"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id := token + " " + m.MsgUUID
	switch {
	case m.MsgUUID != "" && r.seen[id]:
		return "0", "ok"
	case !r.Take(token):
		return "410100", ""
	}
	r.seen[id] = true
	r.Inbox().Add(vendors.Arrival{
		ID: rand.Text(), Channel: "dingtalk_group", To: group, Group: group, Kind: m.MsgType, Subject: m.Markdown.Title,
		Text: content, Mark: mark, Mentions: m.mentions(content),
	})
	return "0", "ok"
}

// mentions returns the people whom the message mentions: those who stand in its text, too.
func (m message) mentions(content string) []string {
	return slices.DeleteFunc(slices.Concat(m.At.AtMobiles, m.At.AtUserIDs), func(id string) bool {
		return !strings.Contains(content, "@"+id)
	})
}

// fresh reports whether the time of a request is within maxSkew.
func fresh(query url.Values) bool {
	ms, err := strconv.ParseInt(query.Get("timestamp"), 10, 64)
	return err == nil && time.Since(time.UnixMilli(ms)).Abs() <= maxSkew
}

// signed reports whether the signature of a request is right.
func signed(query url.Values, secret string) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(query.Get("timestamp") + "\n" + secret))
	return hmac.Equal([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(query.Get("sign")))
}
