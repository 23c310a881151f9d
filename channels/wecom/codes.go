package wecom

import (
	"time"

	"github.com/labring/sealos-notify/channels"
)

// classes has the class of each code, as the vendor's page 全局错误码 of 2026-01 has them:
// https://developer.work.weixin.qq.com/document/path/90313. Which of them a robot answers is on no
// page. Unlisted codes are transient.
var classes = map[int]channels.Class{
	45009: channels.Throttled, // more than 20 in a minute
	45033: channels.Throttled, // too many calls at once

	40008: channels.Permanent, // no such message type
	40058: channels.Permanent, // bad parameter, or one that is too long
	40063: channels.Permanent, // empty parameter
	44004: channels.Permanent, // no text
	45002: channels.Permanent, // too long
	93017: channels.Permanent, // no content

	60020: channels.Misconfigured, // our address is not on the list
	93000: channels.Misconfigured, // bad key, or the robot was removed
	93001: channels.Misconfigured, // the group takes no robot's messages
	93004: channels.Misconfigured, // the robot is stopped
	93008: channels.Misconfigured, // not in the group

	-1: channels.Transient, // busy
}

// pause is how long a robot is stopped by a limit of a minute, by the same page.
const pause = time.Minute

// classOf returns the class of a code, and whether it is listed. The page says that texts may
// change.
func classOf(code int, _ string) (channels.Class, bool) {
	if class, listed := classes[code]; listed {
		return class, true
	}
	return channels.Transient, false
}
