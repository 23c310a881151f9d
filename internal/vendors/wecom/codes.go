package wecom

import (
	"maps"
	"slices"
)

// codes are the robot's codes. The pages have Chinese descriptions; the texts are those of answers
// in public bug reports where there are some.
var codes = map[string]string{
	"-1":    "system error",
	"40008": "invalid message type",
	"40058": "invalid Request Parameter",
	"40063": "some parameters are empty",
	"44004": "empty content",
	"45002": "content size out of limit",
	"45009": "api freq out of limit",
	"45033": "api concurrent out of limit",
	"60020": "not allow to access from your ip",
	"93000": "invalid webhook url",
	"93001": "消息推送不允许",
	"93004": "robot is disabled",
	"93008": "not in the group",
	"93017": "empty request body",
}

// Codes returns the codes that the robot answers.
func Codes() []string { return slices.Sorted(maps.Keys(codes)) }
