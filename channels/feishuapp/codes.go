package feishuapp

import (
	"time"

	"github.com/labring/sealos-notify/channels"
)

// The platform's pages, under https://open.feishu.cn/document/ as of 2025-08:
//
//	create   server-docs/im-v1/message/create                    发送消息
//	patch    server-docs/im-v1/message-card/patch                更新已发送的消息卡片
//	update   server-docs/im-v1/message/update                    编辑消息
//	urgent   server-docs/im-v1/buzz-messages/urgent_app          发送应用内加急; _sms and _phone have the same codes
//	generic  server-docs/api-call-guide/generic-error-code       通用错误码
//	faq      server-docs/im-v1/faq                               消息常见问题
//	contact  server-docs/contact-v3/user/batch_get_id            通过手机号或邮箱获取用户 ID
//	user     server-docs/contact-v3/user/get                     获取单个用户信息
//	sdk      https://github.com/larksuite/oapi-sdk-go, ws/const.go and ws/client.go; the same in the other SDKs
//	cli      https://github.com/larksuite/cli, internal/output/lark_errors.go
//	use      on no page: answers of the service
//
// classes has the class of each code. Unlisted codes are transient.
var classes = map[int]channels.Class{
	230020:           channels.Throttled, // create: the group's or the user's limit, 5 in a second
	99991400:         channels.Throttled, // generic: the limit of the app or the call
	11232:            channels.Throttled, // generic, faq: the platform's limit
	11233:            channels.Throttled, // generic, faq: the group's limit, which its bots share
	codeMonthlyQuota: channels.Throttled, // generic: API calls of a month

	230001: channels.Permanent, // create, urgent: bad parameter; every id of an urgent call is invalid
	230002: channels.Permanent, // create, urgent: the bot is not in the group
	230013: channels.Permanent, // create, urgent: the user is out of the app's scope, or has resigned
	230015: channels.Permanent, // create: a private chat cannot be shared
	230017: channels.Permanent, // create: a file or image of somebody else
	230018: channels.Permanent, // create: the group's settings forbid it
	230019: channels.Permanent, // create: no such topic
	230022: channels.Permanent, // create: sensitive content
	230025: channels.Permanent, // create: too long
	230028: channels.Permanent, // create: content that the audit refuses
	230029: channels.Permanent, // create: the user has resigned
	230034: channels.Permanent, // create: bad receive_id
	230035: channels.Permanent, // create: muted, or blocked by the receiver
	230036: channels.Permanent, // create: the tenant's key was deleted
	230038: channels.Permanent, // create: a user of another tenant
	230053: channels.Permanent, // create: the user has stopped the bot
	230011: channels.Permanent, // patch, update: the message was recalled
	230031: channels.Permanent, // patch: sent more than 14 days ago
	230050: channels.Permanent, // update: the message is hidden from the bot
	230054: channels.Permanent, // create: the group does not take this type of message; update: such a message cannot be edited
	230055: channels.Permanent, // create: the file is of another type
	230071: channels.Permanent, // update: the message is somebody else's
	230072: channels.Permanent, // update: edited 20 times
	230073: channels.Permanent, // update: a secret chat
	230074: channels.Permanent, // update: an encrypted chat
	230075: channels.Permanent, // create: an encrypted chat; update: sent too long ago
	230099: channels.Permanent, // create: bad card; the text has the reason
	232009: channels.Permanent, // create, urgent: the group was dissolved
	9499:   channels.Permanent, // generic: bad request or invalid param; but see classOf
	40001:  channels.Permanent, // generic: bad parameter of the look-up

	99992351: channels.Permanent, // generic: no such open_id
	99992352: channels.Permanent, // generic: no such open_id
	99992353: channels.Permanent, // generic: no such open_id
	99992354: channels.Permanent, // generic: no such message_id
	99992355: channels.Permanent, // generic: no such chat_id
	99992356: channels.Permanent, // generic: no such chat_id
	99992359: channels.Permanent, // generic: no such user_id
	99992360: channels.Permanent, // generic: no such user_id
	99992361: channels.Permanent, // generic: open_id of another app
	99992363: channels.Permanent, // generic: no such union_id
	99992364: channels.Permanent, // generic: no such union_id, or a user_id of another tenant
	99992381: channels.Permanent, // generic: union_id of another tenant
	99992402: channels.Permanent, // generic: a parameter is missing or wrong

	230012: channels.Permanent, // urgent: the message is not the bot's
	230023: channels.Permanent, // urgent: the user has 200 unread urgent messages
	230052: channels.Permanent, // urgent: the group's owner only, or held for a risk
	230098: channels.Permanent, // urgent: the message is folded
	230110: channels.Permanent, // urgent, patch, update: the message was deleted

	230006:   channels.Misconfigured, // create, urgent: the bot is not enabled
	230024:   channels.Misconfigured, // urgent: the quota is used up
	230027:   channels.Misconfigured, // create, urgent, cli: permission missing
	10003:    channels.Misconfigured, // generic, use: bad parameter; of the token's call, a wrong app id
	10005:    channels.Misconfigured, // generic: the app is not authorized
	10014:    channels.Misconfigured, // generic: the app is stopped; use: wrong secret
	10015:    channels.Misconfigured, // generic: wrong secret
	99991401: channels.Misconfigured, // generic: our address is not on the app's list
	99991543: channels.Misconfigured, // generic, cli: wrong app id or secret
	99991662: channels.Misconfigured, // generic, cli: the app is disabled
	99991672: channels.Misconfigured, // generic, cli: permission missing
	99991673: channels.Misconfigured, // generic, cli: the app is not installed
	99991676: channels.Misconfigured, // generic, cli: permission missing

	99991663: channels.Misconfigured, // generic, cli: bad token; the renewed one as well
	99991664: channels.Misconfigured, // generic: the same
	99991665: channels.Misconfigured, // generic: the same
	99991671: channels.Misconfigured, // generic, cli: the same

	// Of the long connection. Other codes are misconfigured there, as the SDK has it.
	403:             channels.Misconfigured, // sdk: the app may not connect
	514:             channels.Misconfigured, // sdk: refused
	1000040344:      channels.Misconfigured, // use: id or secret missing
	1000040345:      channels.Misconfigured, // use: wrong secret; also of an app that is not released
	1000040346:      channels.Misconfigured, // use: wrong id
	1000040347:      channels.Misconfigured, // use: an app of the store
	codeConnections: channels.Misconfigured, // sdk: 50 connections of the app are open
	codeSystemBusy:  channels.Transient,     // sdk
	1000040343:      channels.Transient,     // sdk: internal error

	41012: channels.Permanent, // user: bad id
	41050: channels.Permanent, // user: out of the app's scope

	codeBeingSent:   channels.Transient, // create: the message is being sent
	codeSameRequest: channels.Transient, // generic: the same request is being processed
	1500:            channels.Transient, // generic: internal error
	codeOverload:    channels.Transient, // generic: internal error of too many calls
}

const (
	codeMonthlyQuota = 99991403
	codeConnections  = 1000040350
	codeSystemBusy   = 1
	codeOverload     = 2200
	codeBeingSent    = 230049
	codeSameRequest  = 18121
)

// gone are the codes of an id that nobody has, or nobody has any more. The platform also refuses, with
// other codes, those whom the app may not see: that ends when the app's scope is widened.
var gone = map[int]bool{
	230029:   true, // create: the user has resigned
	232009:   true, // create: the group was dissolved
	99992351: true, // generic: no such open_id
	99992352: true, // generic: no such open_id
	99992353: true, // generic: no such open_id
	99992355: true, // generic: no such chat_id
	99992356: true, // generic: no such chat_id
	99992359: true, // generic: no such user_id
	99992360: true, // generic: no such user_id
	99992363: true, // generic: no such union_id
}

// hints has what stands before the platform's text, where that does not say what to do.
var hints = map[int]string{
	230002: "the app's bot is not in the chat; add it there: ",
}

// waits has the least time until the next try, where the answer names none.
var waits = map[int]time.Duration{
	codeMonthlyQuota: time.Hour, // it is renewed, or an operator raises it
	codeOverload:     time.Minute,
}

// badToken are the codes after which a new token is tried, once.
var badToken = map[int]bool{99991663: true, 99991664: true, 99991665: true, 99991671: true}
