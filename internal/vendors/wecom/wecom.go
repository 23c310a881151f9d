// Package wecom is a simulated robot of a WeCom group. It follows the vendor's pages, under
// https://developer.work.weixin.qq.com/document/path/:
//   - 消息推送配置说明 of 2025-08: 99110
//   - 全局错误码 of 2026-01: 90313
//
// Robots were called 群机器人 before, and are called 消息推送 now.
package wecom

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Send is the one operation, for Fault.Where.
const Send = "send"

// Path returns the path of the address of a robot with the key, with its query.
func Path(key string) string { return "/cgi-bin/webhook/send?key=" + url.QueryEscape(key) }

// Faults are the robot's faults by name.
var Faults = vendors.Named(Send,
	vendors.Fault{Code: "45009"},
	vendors.Fault{Code: "40058"},
	vendors.Fault{Code: "93000"},
)

// Limits of a message's content, in bytes.
const (
	maxText     = 2048
	maxMarkdown = 4096
)

// Robot is a simulated robot, and those of further groups. The real limit of a robot is 20
// messages in a minute.
type Robot struct {
	*vendors.API
	*vendors.Groups
}

// New returns a robot that delivers to the inbox.
func New(key string, inbox *vendors.Inbox) *Robot {
	r := &Robot{vendors.NewAPI(inbox), vendors.NewGroups(key)}
	r.Know(Codes())
	r.HandleFunc("POST /cgi-bin/webhook/send", func(w http.ResponseWriter, req *http.Request) {
		r.Answer(w, req, Send, func(body []byte) vendors.Answer {
			return answer(vendors.Fault{Code: r.post(req, body)})
		}, answer)
	})
	return r
}

// answer returns the answer with a code, by default with its text. Answers end with a hint for the
// vendor's support.
func answer(f vendors.Fault) vendors.Answer {
	text := f.Message
	if text == "" && f.Code != "0" {
		text = codes[f.Code] + ", hint: [" + rand.Text() + "], more info at https://open.work.weixin.qq.com/devtool/query?e=" + f.Code
	}
	return vendors.Answer{
		Status: max(f.HTTPStatus, http.StatusOK), Header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}},
		Body: map[string]any{"errcode": json.Number(f.Code), "errmsg": cmp.Or(text, "ok")},
	}
}

// message is a request of the robot.
type message struct {
	MsgType string `json:"msgtype"`
	Text    struct {
		Content string   `json:"content"`
		Users   []string `json:"mentioned_list"`
		Mobiles []string `json:"mentioned_mobile_list"`
	} `json:"text"`
	Markdown struct {
		Content string `json:"content"`
	} `json:"markdown"`
}

// post takes a message, and returns the code of its answer.
func (r *Robot) post(req *http.Request, body []byte) string {
	// WeCom ignores this header; the inbox shows it.
	mark := req.Header.Get("X-Request-Id")
	r.Inbox().Request(mark)

	var m message
	decoded := json.Unmarshal(body, &m)
	content, most := m.Text.Content, maxText
	if m.MsgType == "markdown" {
		content, most = m.Markdown.Content, maxMarkdown
	}
	key := req.URL.Query().Get("key")
	group, known := r.Group(key)
	switch {
	case !known:
		return "93000"
	case len(body) == 0:
		return "93017"
	case decoded != nil:
		return "40058"
	case m.MsgType != "text" && m.MsgType != "markdown":
		return "40008"
	case content == "":
		return "44004"
	case len(content) > most:
		return "45002"
	case !r.Take(key):
		return "45009"
	}
	r.Inbox().Add(vendors.Arrival{
		ID: rand.Text(), Channel: "wecom_group", To: group, Group: group, Kind: m.MsgType, Text: content, Mark: mark,
		Mentions: m.mentions(content),
	})
	return "0"
}

var inContent = regexp.MustCompile(`<@([^<>\s]+)>`)

// mentions returns the people whom the message mentions.
func (m message) mentions(content string) []string {
	people := slices.Concat(m.Text.Mobiles, m.Text.Users)
	for _, found := range inContent.FindAllStringSubmatch(content, -1) {
		people = append(people, found[1])
	}
	return people
}
