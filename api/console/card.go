package console

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Cards and posts are drawn after the pages that channels/feishucard names. What is not known
// here is shown as its tag and the text in it.

// maxDepth bounds how deep elements are drawn.
const maxDepth = 12

// colors are the colours of a card's header that the stylesheet has.
var colors = []string{"blue", "wathet", "turquoise", "green", "yellow", "orange", "red", "carmine", "violet", "purple", "indigo", "grey"}

// card is a card as it is drawn.
type card struct {
	Title, Subtitle, Color string
	Blocks                 []block
	// Template is the id of a card of Feishu's builder, which only Feishu knows.
	Template string
}

// block is an element of a card.
type block struct {
	Kind    string // text, hr, fields, columns, buttons, note, image, group or other
	Tag     string // of an other one
	Text    []line
	Label   string // of an image
	Columns [][]block
	Blocks  []block
	Buttons []button
}

type button struct{ Text, Kind, URL string }

// readCard reads the JSON of a card; false when it is none.
func readCard(body string) (*card, bool) {
	var raw map[string]any
	if json.Unmarshal([]byte(body), &raw) != nil {
		return nil, false
	}
	if raw["type"] == "template" {
		return &card{Template: textAt(raw, "data", "template_id"), Color: "grey"}, true
	}
	c := &card{
		Title: textAt(raw, "header", "title", "content"), Subtitle: textAt(raw, "header", "subtitle", "content"),
		Color: textAt(raw, "header", "template"),
	}
	if !slices.Contains(colors, c.Color) {
		c.Color = "grey"
	}
	elements := listAt(raw, "elements")
	if schema2 := listAt(raw, "body", "elements"); schema2 != nil {
		elements = schema2
	}
	if languages := objectAt(raw, "i18n_elements"); elements == nil && languages != nil {
		for _, language := range slices.Sorted(maps.Keys(languages)) {
			elements = listAt(languages, language)
		}
	}
	c.Blocks = blocks(elements, 0)
	return c, true
}

// firstText returns the first text of a card.
func (c *card) firstText() string { return firstTextOf(c.Blocks) }

func firstTextOf(blocks []block) string {
	for _, b := range blocks {
		for _, l := range b.Text {
			if text := l.plain(); strings.TrimSpace(text) != "" {
				return text
			}
		}
		nested := b.Blocks
		for _, column := range b.Columns {
			nested = append(nested, column...)
		}
		if text := firstTextOf(nested); text != "" {
			return text
		}
	}
	return ""
}

func blocks(elements []any, depth int) []block {
	var all []block
	for _, e := range elements {
		if element, ok := e.(map[string]any); ok && depth < maxDepth {
			all = append(all, blockOf(element, depth))
		}
	}
	return all
}

// blockOf draws one element.
func blockOf(e map[string]any, depth int) block {
	tag, _ := e["tag"].(string)
	switch tag {
	case "markdown":
		return block{Kind: "text", Text: markdown(textAt(e, "content"))}
	case "plain_text", "lark_md", "text":
		return block{Kind: "text", Text: textOf(e)}
	case "div":
		return div(e)
	case "hr":
		return block{Kind: "hr"}
	case "note":
		return block{Kind: "note", Blocks: blocks(listAt(e, "elements"), depth+1)}
	case "action":
		return block{Kind: "buttons", Buttons: buttons(listAt(e, "actions"))}
	case "button", "overflow", "select_static", "select_person", "date_picker":
		return block{Kind: "buttons", Buttons: buttons([]any{e})}
	case "img", "image", "img_combination":
		return block{Kind: "image", Label: textAt(e, "alt", "content")}
	case "column_set":
		b := block{Kind: "columns"}
		for _, c := range listAt(e, "columns") {
			if column, ok := c.(map[string]any); ok {
				b.Columns = append(b.Columns, blocks(listAt(column, "elements"), depth+1))
			}
		}
		return b
	}
	b := block{Kind: "other", Tag: tag, Blocks: blocks(listAt(e, "elements"), depth+1)}
	if content := textAt(e, "content"); content != "" {
		b.Text = plainLines(content)
	}
	return b
}

// div draws a text with fields and something beside it.
func div(e map[string]any) block {
	b := block{Kind: "text"}
	if text := objectAt(e, "text"); text != nil {
		b.Text = textOf(text)
	}
	for _, f := range listAt(e, "fields") {
		if text := objectAt(f, "text"); text != nil {
			b.Columns = append(b.Columns, []block{{Kind: "text", Text: textOf(text)}})
		}
	}
	if extra := objectAt(e, "extra"); extra != nil {
		b.Blocks = []block{blockOf(extra, maxDepth)}
	}
	return b
}

// textOf draws {"tag": "plain_text" or "lark_md", "content": …}.
func textOf(e map[string]any) []line {
	if e["tag"] == "lark_md" {
		return markdown(textAt(e, "content"))
	}
	return plainLines(textAt(e, "content"))
}

func buttons(actions []any) []button {
	var all []button
	for _, a := range actions {
		e, ok := a.(map[string]any)
		if !ok {
			continue
		}
		b := button{Text: textAt(e, "text", "content"), Kind: "default", URL: webURL(textAt(e, "url"))}
		if kind, _ := e["type"].(string); strings.HasPrefix(kind, "primary") || strings.HasPrefix(kind, "danger") {
			b.Kind, _, _ = strings.Cut(kind, "_")
		}
		if b.Text == "" {
			b.Text = textAt(e, "placeholder", "content")
		}
		if b.Text == "" {
			b.Text, _ = e["tag"].(string)
		}
		if b.URL == "" {
			b.URL = webURL(textAt(e, "multi_url", "url"))
		}
		all = append(all, b)
	}
	return all
}

// post is a post in one language.
type post struct {
	Language, Title string
	Lines           []line
}

// readPost reads the JSON of a post; false when it is none.
func readPost(body string) ([]post, bool) {
	var raw map[string]any
	if json.Unmarshal([]byte(body), &raw) != nil {
		return nil, false
	}
	var all []post
	for _, language := range slices.Sorted(maps.Keys(raw)) {
		p := post{Language: language, Title: textAt(raw, language, "title")}
		for _, paragraph := range listAt(raw, language, "content") {
			nodes, _ := paragraph.([]any)
			p.Lines = append(p.Lines, postLine(nodes)...)
		}
		all = append(all, p)
	}
	return all, len(all) > 0
}

func (p post) firstText() string {
	if p.Title != "" {
		return p.Title
	}
	for _, l := range p.Lines {
		if text := l.plain(); text != "" {
			return text
		}
	}
	return ""
}

// postLine draws a paragraph of a post.
func postLine(nodes []any) []line {
	var one line
	var more []line
	for _, n := range nodes {
		node, _ := n.(map[string]any)
		text := textAt(node, "text")
		switch tag, _ := node["tag"].(string); tag {
		case "text":
			one.Spans = append(one.Spans, span{Text: text})
		case "a":
			one.Spans = append(one.Spans, span{Text: text, URL: webURL(textAt(node, "href"))})
		case "at":
			one.Spans = append(one.Spans, span{At: true, Text: firstOf(textAt(node, "user_name"), textAt(node, "user_id"))})
		case "md":
			more = append(more, markdown(text)...)
		case "code_block":
			more = append(more, line{Kind: "code", Spans: []span{{Text: text}}})
		case "hr":
			more = append(more, line{Kind: "hr"})
		default:
			one.Spans = append(one.Spans, span{Text: "[" + tag + "]"})
		}
	}
	if len(one.Spans) > 0 {
		more = append([]line{one}, more...)
	}
	return more
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// at returns the value below the keys, or nil.
func at(v any, keys ...string) any {
	for _, key := range keys {
		object, _ := v.(map[string]any)
		v = object[key]
	}
	return v
}

func textAt(v any, keys ...string) string {
	text, _ := at(v, keys...).(string)
	return text
}

func listAt(v any, keys ...string) []any {
	list, _ := at(v, keys...).([]any)
	return list
}

func objectAt(v any, key string) map[string]any {
	object, _ := at(v, key).(map[string]any)
	return object
}
