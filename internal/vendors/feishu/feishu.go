// Package feishu is a simulated Feishu open platform. It has the calls that the
// feishu_app channel makes, and the long connection over which it hears. It follows the platform's pages, under
// https://open.feishu.cn/document/ as of 2025-08:
//   - 自建应用获取 tenant_access_token: server-docs/authentication-management/access-token/tenant_access_token_internal
//   - 发送消息: server-docs/im-v1/message/create
//   - 更新已发送的消息卡片: server-docs/im-v1/message-card/patch
//   - 编辑消息: server-docs/im-v1/message/update
//   - 发送应用内加急, 发送短信加急, 发送电话加急: server-docs/im-v1/buzz-messages/urgent_app, urgent_sms, urgent_phone
//   - 通过手机号或邮箱获取用户 ID: server-docs/contact-v3/user/batch_get_id
//   - 获取单个用户信息: server-docs/contact-v3/user/get
//   - 使用长连接接收事件: server-docs/event-subscription-guide/event-subscription-configure-/request-url-configuration-case
//   - 消息已读: server-docs/im-v1/message/events/message_read
//   - 卡片回传交互回调, 处理卡片回调: feishu-cards/card-callback-communication, handle-card-callbacks
//   - 通用错误码: server-docs/api-call-guide/generic-error-code
//
// Three answers are on no page and known from use: a repeated uuid is answered with the
// first message's id, and the token's call answers 10003 for a wrong id and 10014 for a
// wrong secret. A card that is not shared, before or after, must not be updated, by the page; here
// that is refused. The protocol of the long connection is that of the platform's SDKs, package ws.
package feishu

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labring/sealos-notify/internal/vendors"
)

// Operations, for Fault.Where and Requests.
const (
	Token    = "token"
	Messages = "messages"
	Edit     = "edit"
	Urgent   = "urgent"
	Users    = "users"
	User     = "user"
	Endpoint = "endpoint" // of the long connection
	Connect  = "connect"  // to that endpoint
	Ping     = "ping"     // over the connection; a fault keeps the answer back
)

// Fault is a misbehaviour of the platform.
type Fault = vendors.Fault

// Faults are the platform's faults by name.
var Faults = vendors.Named(Messages,
	Fault{HTTPStatus: http.StatusBadRequest, Code: "99991400", Message: "request trigger frequency limit"},
	Fault{HTTPStatus: http.StatusBadRequest, Code: "230013", Message: "Bot has NO availability to this user."},
	Fault{HTTPStatus: http.StatusBadRequest, Code: "99991672", Message: "Access denied. One of the following scopes is required: [im:message:send_as_bot]."},
)

// Platform is a simulated platform with one app.
type Platform struct {
	*vendors.API
	appID, appSecret string

	mu           sync.Mutex
	token        string
	sent         map[string]sent     // by uuid
	messages     map[string]*message // by id
	invalidUsers map[string]bool
	unknownMails map[string]bool
	outside      map[string]bool // chats that the bot is not in
	tickets      map[string]bool // of endpoints that nobody has connected to
	ping         int             // seconds from one ping of the client to the next
	parts        int             // into how many frames an event is split

	listeners listeners
}

// sent is the first message with a uuid.
type sent struct {
	messageID string
	at        time.Time
}

// New returns a platform that knows one app and delivers to the inbox.
func New(appID, appSecret string, inbox *vendors.Inbox) *Platform {
	p := &Platform{
		API:   vendors.NewAPI(inbox),
		appID: appID, appSecret: appSecret,
		token:        newToken(),
		sent:         map[string]sent{},
		messages:     map[string]*message{},
		invalidUsers: map[string]bool{},
		unknownMails: map[string]bool{},
		outside:      map[string]bool{},
		tickets:      map[string]bool{},
		ping:         120,
		listeners:    listeners{changed: make(chan struct{})},
	}
	p.Know(Codes())
	p.HandleFunc("POST /open-apis/auth/v3/tenant_access_token/internal", p.serve(Token, p.issueToken))
	p.HandleFunc("POST /open-apis/im/v1/messages", p.serve(Messages, p.authorized(p.createMessage)))
	p.HandleFunc("PATCH /open-apis/im/v1/messages/{id}", p.serve(Edit, p.authorized(p.updateCard)))
	p.HandleFunc("PUT /open-apis/im/v1/messages/{id}", p.serve(Edit, p.authorized(p.editMessage)))
	p.HandleFunc("PATCH /open-apis/im/v1/messages/{id}/{urgent}", p.serve(Urgent, p.authorized(p.urge)))
	p.HandleFunc("POST /open-apis/contact/v3/users/batch_get_id", p.serve(Users, p.authorized(p.batchGetID)))
	p.HandleFunc("GET /open-apis/contact/v3/users/{id}", p.serve(User, p.authorized(p.getUser)))
	p.HandleFunc("POST /callback/ws/endpoint", p.serve(Endpoint, p.endpoint))
	p.HandleFunc("GET /callback/ws/connect", p.connect)
	return p
}

// RevokeToken makes the issued token invalid.
func (p *Platform) RevokeToken() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token = newToken()
}

// InvalidUser makes urgent calls not reach the user.
func (p *Platform) InvalidUser(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.invalidUsers[id] = true
}

// RemoveBot takes the bot out of a chat. It is in all others.
func (p *Platform) RemoveBot(chatID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outside[chatID] = true
}

// UnknownEmail makes the address belong to no user. All others have one.
func (p *Platform) UnknownEmail(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unknownMails[address] = true
}

func newToken() string { return "t-" + rand.Text() }

// answer is the platform's envelope.
type answer struct {
	status int

	Code int            `json:"code"`
	Msg  string         `json:"msg"`
	Data map[string]any `json:"data,omitempty"`
	// Only in answers of the token call.
	Token  string `json:"tenant_access_token,omitempty"`
	Expire int    `json:"expire,omitempty"` // seconds
}

func success(data map[string]any) answer {
	return answer{status: http.StatusOK, Msg: "success", Data: data}
}

func refused(code int) answer {
	return answer{status: http.StatusBadRequest, Code: code, Msg: codes[strconv.Itoa(code)]}
}

// request is a request with its body.
type request struct {
	*http.Request
	body []byte
}

// serve returns the handler of an operation.
func (p *Platform) serve(operation string, effect func(request) answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.Answer(w, r, operation, func(body []byte) vendors.Answer { return effect(request{r, body}).envelope() }, refuse)
	}
}

func (a answer) envelope() vendors.Answer {
	return vendors.Answer{Status: a.status, Header: Header(), Body: a}
}

// refuse returns the answer of a fault with a code, by default with the page's text.
func refuse(f Fault) vendors.Answer {
	return vendors.Answer{
		Status: max(f.HTTPStatus, http.StatusOK), Header: Header(),
		Body: map[string]any{"code": json.Number(f.Code), "msg": cmp.Or(f.Message, codes[f.Code])},
	}
}

// Header returns the header of an answer of Feishu, with a log id of its own.
func Header() http.Header {
	return http.Header{
		"Content-Type": {"application/json; charset=utf-8"},
		"X-Tt-Logid":   {time.Now().Format("20060102150405") + rand.Text()[:12]},
	}
}

// authorized checks the token and runs effect with p.mu held.
func (p *Platform) authorized(effect func(request) answer) func(request) answer {
	return func(r request) answer {
		token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !found || token == "" {
			return refused(99991661)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if token != p.token {
			return refused(99991663)
		}
		return effect(r)
	}
}

func (p *Platform) issueToken(r request) answer {
	var body struct {
		AppID     string `json:"app_id"`
		AppSecret string `json:"app_secret"`
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch err := json.Unmarshal(r.body, &body); {
	case err != nil || body.AppID != p.appID:
		return refused(10003)
	case body.AppSecret != p.appSecret:
		return refused(10014)
	}
	return answer{status: http.StatusOK, Msg: "ok", Token: p.token, Expire: 7200}
}
