package feishu

import (
	"maps"
	"slices"
)

// codes are the platform's codes that its calls can answer, with the texts of its pages.
// Package feishu's comment says where those are.
var codes = map[string]string{
	// 发送消息
	"230001": "Your request contains an invalid request parameter.",
	"230002": "The bot can not be outside the group.",
	"230006": "Bot ability is not activated.",
	"230013": "Bot has NO availability to this user.",
	"230015": "P2P chat can NOT be shared.",
	"230017": "Bot is NOT the owner of the resource.",
	"230018": "These operations are NOT allowed at current group settings.",
	"230019": "The topic does NOT exist.",
	"230020": "This operation triggers the frequency limit.",
	"230022": "The content of the message contains sensitive information.",
	"230025": "The length of the message content reaches its limit.",
	"230027": "Lack of necessary permissions.",
	"230028": "The messages do NOT pass the audit.",
	"230029": "User has resigned.",
	"230034": "The receive_id is invalid.",
	"230035": "Send Message Permission deny.",
	"230036": "Tenant crypt key has been deleted.",
	"230038": "Cross tenant p2p chat operate forbid.",
	"230049": "The message is being sent.",
	"230053": "The user has stopped the bot from sending messages.",
	"230054": "This type of message is unavailable in the connection group.",
	"230055": "The type of file upload does not match the type of message being sent.",
	"230075": "Sending encrypted messages is not supported.",
	"230099": "Failed to create card content.",
	"232009": "Your request specifies a chat which has already been dissolved.",
	// 发送应用内加急
	"230012": "Bot is NOT the sender of the message.",
	"230023": "The user has too many unread urgent messages.",
	"230024": "Reach the upper limit of urgent message.",
	"230052": "Can not urgent this message.",
	"230098": "The message is fold, not support urgent.",
	"230110": "Action unavailable as the message has been deleted.",
	// 获取单个用户信息
	"41012": "user id invalid error",
	"41050": "no user authority",
	// The long connection: constants of the SDKs, and answers of the service that people have reported
	"1":          "system busy",
	"403":        "forbidden",
	"514":        "auth failed",
	"1000040343": "internal error",
	"1000040344": "app_id or app_secret is empty",
	"1000040345": "app_id or app_secret is invalid",
	"1000040346": "app_id is invalid",
	"1000040347": "store apps are not supported yet",
	"1000040350": "the number of connections exceeded the limit",
	// 通用错误码
	"1500":     "internal error",
	"2200":     "internal error",
	"9499":     "invalid param",
	"10003":    "invalid param",
	"10005":    "app id unauthorized",
	"10014":    "app secret invalid",
	"10015":    "wrong app secret",
	"11232":    "create message service trigger rate limit",
	"11233":    "create message chat trigger rate limit",
	"18121":    "create request is being processed",
	"40001":    "param error",
	"99991400": "request trigger frequency limit",
	"99991401": "ip is denied by app setting",
	"99991403": "This month's API call quota has been exceeded",
	"99991543": "login_user invalid",
	"99991661": "Missing access token for authorization. Please make a request with token attached.",
	"99991662": "app not in use",
	"99991663": "Invalid access token for authorization. Please make a request with token attached.",
	"99991664": "invalid app token",
	"99991665": "invalid tenant code",
	"99991671": "Invalid token: must start with t-/u-",
	"99991672": "Access denied. One of the following scopes is required",
	"99991673": "unauthorized app",
	"99991676": "token no permission",
	"99992351": "these open ids not existed",
	"99992352": "these lark ids not existed",
	"99992353": "these lark ids not existed",
	"99992354": "these ids not existed",
	"99992355": "these lark ids not existed",
	"99992356": "these open_chat ids not existed",
	"99992359": "these user ids not existed",
	"99992360": "these ids not existed",
	"99992361": "open_id cross app",
	"99992363": "these ids not existed",
	"99992364": "user id cross tenant",
	"99992381": "union_id cross tenant",
	"99992402": "field validation failed",
}

// Codes returns the codes that the platform answers.
func Codes() []string { return slices.Sorted(maps.Keys(codes)) }
