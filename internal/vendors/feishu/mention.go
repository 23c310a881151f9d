package feishu

import (
	"maps"
	"regexp"
	"slices"
)

// Tags that mention a user: in a text and in a post's markdown, and in a card's markdown.
// They follow 发送消息内容结构 (server-docs/im-v1/message-content-description/create_json) and
// 卡片 Markdown (feishu-cards/card-components/content-components/rich-text).
var (
	textTag = regexp.MustCompile(`<at user_id="([^"<>]+)">`)
	cardTag = regexp.MustCompile(`<at id="?([^"<> ]+)"?>`)
)

// MentionedInText returns the users whom a text mentions.
func MentionedInText(text string) []string { return tagged(textTag, text) }

// MentionedInPost returns the users whom a decoded post mentions.
func MentionedInPost(post any) []string {
	var users []string
	walk(post, func(v any) {
		switch v := v.(type) {
		case string:
			users = append(users, tagged(textTag, v)...)
		case map[string]any:
			if id, _ := v["user_id"].(string); v["tag"] == "at" && id != "" {
				users = append(users, id)
			}
		}
	})
	return users
}

// MentionedInCard returns the users whom a decoded card mentions.
func MentionedInCard(card any) []string {
	var users []string
	walk(card, func(v any) {
		if text, is := v.(string); is {
			users = append(users, tagged(cardTag, text)...)
		}
	})
	return users
}

func tagged(tag *regexp.Regexp, text string) []string {
	var users []string
	for _, match := range tag.FindAllStringSubmatch(text, -1) {
		users = append(users, match[1])
	}
	return users
}

// walk visits a decoded JSON value and all that is in it.
func walk(v any, visit func(any)) {
	visit(v)
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			walk(v[key], visit)
		}
	case []any:
		for _, item := range v {
			walk(item, visit)
		}
	}
}
