package feishuwebhook

import (
	"strings"
	"time"

	"github.com/labring/sealos-notify/channels"
)

// The vendor's pages, under https://open.feishu.cn/document/ as of 2025-08:
//
//	bot      client-docs/bot-v3/add-custom-bot               自定义机器人使用指南
//	generic  server-docs/api-call-guide/generic-error-code   通用错误码
//	faq      server-docs/im-v1/faq                           消息常见问题
//	use      on no page: answers of the service
//
// classes has the class of each code. Unlisted codes are transient.
var classes = map[int]channels.Class{
	11232: channels.Throttled, // bot, generic: the bot's limit, 5 in a second and 100 in a minute
	11233: channels.Throttled, // generic, faq: the group's limit, which its bots share

	9499:  channels.Permanent, // bot, generic: bad request or invalid param; but see classOf
	19001: channels.Permanent, // use: bad parameter; but see classOf
	19002: channels.Permanent, // generic: no msg_type
	19036: channels.Permanent, // generic: more than 30 KB
	11235: channels.Permanent, // generic: the group does not let the bot mention all
	11237: channels.Permanent, // generic: the group was dissolved
	11242: channels.Permanent, // generic: the group is banned
	11246: channels.Permanent, // generic: bad card or content; but see classOf
	11248: channels.Permanent, // generic: sensitive content
	11312: channels.Permanent, // generic: content that the audit refuses

	19021: channels.Misconfigured, // bot: bad signature, or a clock more than an hour off
	19022: channels.Misconfigured, // bot: our address is not on the bot's list
	19024: channels.Misconfigured, // bot: the bot's keyword is missing

	1500: channels.Transient, // generic: internal error
	2200: channels.Transient, // generic: internal error of too many calls
}

// After an overload the next try comes slowly.
const (
	overload     = "feishu_2200"
	overloadWait = time.Minute
)

// classOf returns the class of a code, and whether it is listed. Some codes have several
// meanings, which only the text, in lower case, tells apart.
func classOf(code int, text string) (channels.Class, bool) {
	switch {
	case code == 9499 && strings.Contains(text, "too many"):
		return channels.Throttled, true
	case code == 19001 && strings.Contains(text, "access token"):
		return channels.Misconfigured, true
	case code == 11246 && strings.Contains(text, "service internal error"):
		return channels.Transient, true
	}
	if class, listed := classes[code]; listed {
		return class, true
	}
	return channels.Transient, false
}
