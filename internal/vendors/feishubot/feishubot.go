// Package feishubot is a simulated custom bot of a Feishu group. It follows Feishu's
// pages, under https://open.feishu.cn/document/ as of 2025-08:
//   - 自定义机器人使用指南: client-docs/bot-v3/add-custom-bot
//   - 通用错误码: server-docs/api-call-guide/generic-error-code
//
// The first page says that a request has at most 20 KB, the second that 19036 refuses more
// than 30 KB: it takes what is between.
package feishubot

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
	"github.com/labring/sealos-notify/internal/vendors/feishu"
)

// Hook is the one operation, for Fault.Where.
const Hook = "hook"

// Path returns the path of the webhook of a bot with the token.
func Path(token string) string { return "/open-apis/bot/v2/hook/" + token }

// Fault is a misbehaviour of the bot.
type Fault = vendors.Fault

// Faults are the bot's faults by name.
var Faults = vendors.Named(Hook,
	Fault{Code: "11232", Message: "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]"},
	Fault{Code: "19002", Message: "params error, msg_type need"},
	Fault{Code: "19024", Message: "Key Words Not Found"},
)

// Bot is a simulated bot, and those of further groups, which have the same secret.
type Bot struct {
	*vendors.API
	token, secret string

	mu      sync.Mutex
	keyword string
	groups  map[string]*group // by the token of their bot
}

// group is a group with its bot.
type group struct {
	name   string
	limit  int
	window time.Duration
	taken  []time.Time // times of the messages within the window
}

// New returns a bot that delivers to the inbox. With a secret it accepts only signed
// messages.
func New(token, secret string, inbox *vendors.Inbox) *Bot {
	b := &Bot{API: vendors.NewAPI(inbox), token: token, secret: secret, groups: map[string]*group{token: {name: "group"}}}
	b.Know(Codes())
	b.HandleFunc("POST "+Path("{token}"), b.serve)
	return b
}

// RequireKeyword makes the bot refuse messages without the word.
func (b *Bot) RequireKeyword(word string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keyword = word
}

// AddGroup adds the bot of another group.
func (b *Bot) AddGroup(name, token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.groups[token] = &group{name: name}
}

// Remove removes the bot with the token from its group: the token is not valid any more.
func (b *Bot) Remove(token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.groups, token)
}

// Limit makes the bot refuse more than n messages in any window of time. The real
// limits are 5 in a second and 100 in a minute.
func (b *Bot) Limit(n int, window time.Duration) { b.LimitGroup(b.token, n, window) }

// LimitGroup is Limit for the bot with a token.
func (b *Bot) LimitGroup(token string, n int, window time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.groups[token].limit, b.groups[token].window = n, window
}

// answer is the bot's envelope. A success has the older form beside the newer one.
type answer struct {
	status int

	Code          int            `json:"code"`
	Msg           string         `json:"msg"`
	Data          map[string]any `json:"data"`
	StatusCode    *int           `json:"StatusCode,omitempty"`
	StatusMessage string         `json:"StatusMessage,omitempty"`
}

func success() answer {
	zero := 0
	return answer{status: http.StatusOK, Msg: "success", Data: map[string]any{}, StatusCode: &zero, StatusMessage: "success"}
}

func refused(code int) answer {
	return answer{status: http.StatusOK, Code: code, Msg: codes[strconv.Itoa(code)], Data: map[string]any{}}
}

func (b *Bot) serve(w http.ResponseWriter, r *http.Request) {
	b.Answer(w, r, Hook, func(body []byte) vendors.Answer { return b.post(r, body).envelope() }, refuse)
}

func (a answer) envelope() vendors.Answer {
	return vendors.Answer{Status: a.status, Header: feishu.Header(), Body: a}
}

// refuse returns the answer of a fault with a code, by default with the page's text.
func refuse(f Fault) vendors.Answer {
	return vendors.Answer{
		Status: max(f.HTTPStatus, http.StatusOK), Header: feishu.Header(),
		Body: map[string]any{"code": json.Number(f.Code), "msg": cmp.Or(f.Message, codes[f.Code]), "data": map[string]any{}},
	}
}
