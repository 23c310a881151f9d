package dingtalk

import (
	"strings"
	"time"

	"github.com/labring/sealos-notify/channels"
)

// The vendor's pages:
//
//	send    https://open.dingtalk.com/document/orgapp/custom-robots-send-group-messages 自定义机器人发送群消息
//	safety  https://open.dingtalk.com/document/orgapp/customize-robot-security-settings 自定义机器人安全设置
//	global  https://open.dingtalk.com/document/orgapp/server-api-error-codes-1 服务端错误码
//	use     on no page: answers of the service, as public bug reports and code have them
//
// classes has the class of each code. Unlisted codes are transient.
var classes = map[int]channels.Class{
	130101: channels.Throttled, // global: more than 20 in a minute
	410100: channels.Throttled, // send: too fast

	40035:  channels.Permanent, // send: no JSON; but see classOf
	400013: channels.Permanent, // send: the group was dissolved
	400105: channels.Permanent, // send: no such message type
	430101: channels.Permanent, // send: a link that is not safe
	430102: channels.Permanent, // send: a text that is not proper
	430103: channels.Permanent, // send: a picture that is not proper
	430104: channels.Permanent, // send: content that is not proper
	460101: channels.Permanent, // use: more than 20,000 bytes

	43004:  channels.Misconfigured, // send: bad Content-Type; something on the way has changed ours
	300001: channels.Misconfigured, // global: no such token
	300005: channels.Misconfigured, // use: no such token
	310000: channels.Misconfigured, // safety: bad signature or time, none of the keywords, or our address is not on the list
	400101: channels.Misconfigured, // send: no such token
	400102: channels.Misconfigured, // send: the robot is stopped
	400106: channels.Misconfigured, // send: the robot is not in the group

	-1: channels.Transient, // send: busy
}

// pause is how long a robot is stopped after more than 20 messages in a minute (send).
const pause = 10 * time.Minute

// classOf returns the class of a code, and whether it is listed.
func classOf(code int, text string) (channels.Class, bool) {
	if code == 40035 && strings.Contains(text, parameter) { // use: the token is missing
		return channels.Misconfigured, true
	}
	if class, listed := classes[code]; listed {
		return class, true
	}
	return channels.Transient, false
}
