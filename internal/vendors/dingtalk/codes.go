package dingtalk

import (
	"maps"
	"slices"
)

// codes are the robot's codes, with the texts of its pages. Package dingtalk's comment says where
// those are.
var codes = map[string]string{
	// 自定义机器人发送群消息
	"-1":     "系统繁忙",
	"40035":  "缺少参数 json",
	"43004":  "无效的HTTP HEADER Content-Type",
	"400013": "群已被解散",
	"400101": "access_token不存在",
	"400102": "机器人已停用",
	"400105": "不支持的消息类型",
	"400106": "机器人不存在",
	"410100": "发送速度太快而限流",
	"430101": "含有不安全的外链",
	"430102": "含有不合适的文本",
	"430103": "含有不合适的图片",
	"430104": "含有不合适的内容",
	// 自定义机器人安全设置
	"310000": "sign not match",
	// 服务端错误码
	"130101": "send too fast, exceed 20 times per minute",
	"300001": "token is not exist",
	// On no page: answers of the service.
	"300005": "token is not exist",
	"460101": "message too long, exceed 20000 bytes",
}

// Codes returns the codes that the robot answers.
func Codes() []string { return slices.Sorted(maps.Keys(codes)) }
