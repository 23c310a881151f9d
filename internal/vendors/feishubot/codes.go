package feishubot

import (
	"maps"
	"slices"
)

// codes are the bot's codes, with the texts of its pages. Package feishubot's comment says
// where those are.
var codes = map[string]string{
	// 自定义机器人使用指南
	"9499":  "Bad Request",
	"11232": "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]",
	"19021": "sign match fail or timestamp is not within one hour from current time",
	"19022": "Ip Not Allowed",
	"19024": "Key Words Not Found",
	// 通用错误码
	"1500":  "internal error",
	"2200":  "internal error",
	"11233": "create message chat trigger rate limit",
	"11235": "this group is set to only admin can mention @All",
	"11237": "group chat dissolved",
	"11242": "this chat has been banned",
	"11246": "create message content fail",
	"11248": "message is sensitive",
	"11312": "messages do not pass the audit",
	"19002": "params error, msg_type need",
	"19036": "The message exceeds the size limit of 30KB",
	// On no page: answers of the service.
	"19001": "param invalid: incoming webhook access token invalid",
}

// Codes returns the codes that the bot answers.
func Codes() []string { return slices.Sorted(maps.Keys(codes)) }
