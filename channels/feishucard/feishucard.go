// Package feishucard checks the JSON of Feishu's cards and posts before it is sent. It refuses
// only what Feishu's pages rule out, under https://open.feishu.cn/document/ as of 2025-08:
//   - 卡片 JSON 1.0 结构: feishu-cards/card-json-structure
//   - 卡片 JSON 2.0 结构: feishu-cards/card-json-v2-structure
//   - 卡片 JSON 2.0 版本更新说明: feishu-cards/card-json-v2-breaking-changes-release-notes
//   - 标题: feishu-cards/card-json-v2-components/content-components/title
//   - 发送消息内容结构: server-docs/im-v1/message-content-description/create_json
//
// Names of components are not checked, because Feishu adds new ones.
package feishucard

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/labring/sealos-notify/channels"
)

const (
	maxBody     = 30 << 10 // bytes of a card or a post
	maxElements = 200      // in a card of schema 2.0, at any depth
)

// postTags are the tags of a post's nodes.
var postTags = []string{"text", "a", "at", "img", "media", "emotion", "hr", "code_block", "md"}

// Card returns what is wrong with the JSON of a card. channels.Placeholder may stand in it for
// any value.
func Card(body string) error {
	card, err := object(body)
	if err != nil || card == nil {
		return err
	}
	if _, template := card["type"]; template {
		return nil // {"type": "template", …}: a card of Feishu's builder
	}
	for _, key := range []string{"config", "card_link", "header"} {
		if _, err := asObject(key, card[key]); err != nil {
			return err
		}
	}
	if err := title(card); err != nil {
		return err
	}
	schema := card["schema"]
	switch {
	case schema == nil || schema == "1.0":
		return schema1(card)
	case schema == "2.0":
		return schema2(card)
	case unknown(schema):
		return nil
	}
	return errors.New(`schema: is neither "1.0" nor "2.0"`)
}

// Post returns what is wrong with the JSON of a post. channels.Placeholder may stand in it for
// any value.
func Post(body string) error {
	post, err := object(body)
	if err != nil || post == nil {
		return err
	}
	if len(post) == 0 {
		return errors.New("needs a language, such as zh_cn")
	}
	for _, language := range slices.Sorted(maps.Keys(post)) {
		content, err := asObject(language, post[language])
		if err != nil {
			return fmt.Errorf("%w: a post holds its title and content in an object for each language, such as zh_cn", err)
		}
		if content == nil {
			continue
		}
		path := language + ".content"
		if content["content"] == nil {
			return errors.New(path + ": is missing")
		}
		paragraphs, err := asList(path, content["content"])
		if err != nil {
			return err
		}
		for i, paragraph := range paragraphs {
			if err := nodes(fmt.Sprintf("%s[%d]", path, i), paragraph); err != nil {
				return err
			}
		}
	}
	return nil
}

func nodes(path string, paragraph any) error {
	list, err := asList(path, paragraph)
	if err != nil {
		return err
	}
	for i, node := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		tag, err := tagOf(at, node)
		if err != nil {
			return err
		}
		if tag != "" && !slices.Contains(postTags, tag) {
			return fmt.Errorf("%s.tag: is none of %s", at, strings.Join(postTags, ", "))
		}
	}
	return nil
}

// title checks the title of a card's header.
func title(card map[string]any) error {
	header, _ := card["header"].(map[string]any)
	title, err := asObject("header.title", header["title"])
	if err != nil || title == nil {
		return err
	}
	tag := title["tag"]
	if tag != nil && tag != "plain_text" && tag != "lark_md" && !unknown(tag) {
		return errors.New("header.title.tag: is neither plain_text nor lark_md")
	}
	return nil
}

// schema1 checks the elements of a card of schema 1.0, which ignores what it does not know.
func schema1(card map[string]any) error {
	if err := elements("elements", card["elements"]); err != nil {
		return err
	}
	languages, err := asObject("i18n_elements", card["i18n_elements"])
	if err != nil {
		return err
	}
	for _, language := range slices.Sorted(maps.Keys(languages)) {
		if err := elements("i18n_elements."+language, languages[language]); err != nil {
			return err
		}
	}
	return nil
}

// schema2 checks the elements of a card of schema 2.0, which refuses what it does not know.
func schema2(card map[string]any) error {
	for _, key := range []string{"elements", "i18n_elements", "fallback"} {
		if _, there := card[key]; there {
			return errors.New(key + ": is not in schema 2.0, whose elements are in body.elements")
		}
	}
	body, err := asObject("body", card["body"])
	if err != nil {
		return err
	}
	if err := elements("body.elements", body["elements"]); err != nil {
		return err
	}
	count := 0
	if err := inSchema2("body", body, &count); err != nil {
		return err
	}
	if count > maxElements {
		return fmt.Errorf("body: has %d elements; a card takes %d", count, maxElements)
	}
	return nil
}

// inSchema2 counts the elements below a value and refuses those that schema 2.0 does not have.
func inSchema2(path string, v any, count *int) error {
	switch v := v.(type) {
	case map[string]any:
		if v["tag"] != nil {
			*count++
		}
		if v["tag"] == "note" || v["tag"] == "action" {
			return fmt.Errorf("%s.tag: %s is not in schema 2.0", path, v["tag"])
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := inSchema2(path+"."+key, v[key], count); err != nil {
				return err
			}
		}
	case []any:
		for i, item := range v {
			if err := inSchema2(fmt.Sprintf("%s[%d]", path, i), item, count); err != nil {
				return err
			}
		}
	}
	return nil
}

// elements checks a list of components: each is an object with a tag.
func elements(path string, v any) error {
	list, err := asList(path, v)
	if err != nil {
		return err
	}
	for i, element := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		tag, err := tagOf(at, element)
		if err != nil {
			return err
		}
		if tag != "markdown" {
			continue
		}
		content := element.(map[string]any)["content"]
		if _, text := content.(string); content != nil && !text {
			return fmt.Errorf("%s.content: is not a string", at)
		}
	}
	return nil
}

// tagOf returns the tag of an object; "" when it is not known.
func tagOf(path string, v any) (string, error) {
	element, err := asObject(path, v)
	if err != nil || element == nil && v != nil {
		return "", err
	}
	tag, text := element["tag"].(string)
	if !text || tag == "" {
		return "", errors.New(path + ".tag: is missing")
	}
	if unknown(tag) {
		return "", nil
	}
	return tag, nil
}

// object returns the body as an object; nil when the body is a value that is not known. Its
// size is that without the values that are not known.
func object(body string) (map[string]any, error) {
	if size := len(strings.ReplaceAll(body, channels.Placeholder, "")); size > maxBody {
		return nil, fmt.Errorf("is %d bytes long without its params; Feishu takes %d", size, maxBody)
	}
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		return nil, err
	}
	o, err := asObject("the body", v)
	if o == nil && err == nil && !unknown(v) {
		err = errors.New("the body: is not an object")
	}
	return o, err
}

// asObject returns v as an object; nil when it is absent or not known.
func asObject(path string, v any) (map[string]any, error) {
	o, ok := v.(map[string]any)
	if !ok && v != nil && !unknown(v) {
		return nil, errors.New(path + ": is not an object")
	}
	return o, nil
}

// asList returns v as a list; nil when it is absent or not known.
func asList(path string, v any) ([]any, error) {
	l, ok := v.([]any)
	if !ok && v != nil && !unknown(v) {
		return nil, errors.New(path + ": is not a list")
	}
	return l, nil
}

// unknown reports whether a value stands for one that is not known yet.
func unknown(v any) bool {
	text, ok := v.(string)
	return ok && strings.Contains(text, channels.Placeholder)
}
