package feishucard

import (
	"encoding/json"

	"github.com/labring/sealos-notify/channels"
)

// buttonKey is the key of a button's value, which has to be an object.
const buttonKey = "sealos_notify"

// maxLabel is how many characters of a button's text Feishu takes.
const maxLabel = 100

// WithButton returns the JSON of a card with the button below its elements, in each language. It
// follows 按钮 of both schemas: feishu-cards/card-components/interactive-components/button and
// feishu-cards/card-json-v2-components/interactive-components/button. Nothing can be added to a
// card of Feishu's builder: that is an error, and so is a card that becomes too large.
func WithButton(body string, b channels.Button) (string, error) {
	label := []rune(b.Label)
	button := map[string]any{
		"tag": "button", "type": "primary",
		"text":      plain(string(label[:min(len(label), maxLabel)])),
		"behaviors": []any{map[string]any{"type": "callback", "value": map[string]string{buttonKey: b.Value}}},
	}
	return below(body, map[string]any{"tag": "action", "actions": []any{button}}, button)
}

// ButtonValue returns the value of a button that WithButton has made from that of any button;
// empty for others.
func ButtonValue(value map[string]any) string {
	text, _ := value[buttonKey].(string)
	return text
}

// WithNote returns the JSON of a card with a line of small text below its elements, in each
// language. Its errors are like WithButton's.
func WithNote(body, note string) (string, error) {
	small := plain(note)
	small["text_size"], small["text_color"] = "notation", "grey"
	return below(body, map[string]any{"tag": "note", "elements": []any{plain(note)}}, map[string]any{"tag": "div", "text": small})
}

// plain returns a text in which nothing has a meaning.
func plain(text string) map[string]any { return map[string]any{"tag": "plain_text", "content": text} }

// below puts the element of the card's schema after the card's others. All who see the card then
// see each later change of it.
func below(body string, schema1, schema2 map[string]any) (string, error) {
	card, err := members([]byte(body))
	if err != nil {
		return "", err
	}
	if card["type"] != nil {
		return "", errBuilder
	}
	element := schema1
	if isSchema2(card) {
		element = schema2
	}
	if err := insert(card, element, appendTo); err != nil {
		return "", err
	}
	err = within(card, "config", func(config map[string]json.RawMessage) error { return set(config, "update_multi", true) })
	if err != nil {
		return "", err
	}
	changed, err := encode(card)
	if err == nil {
		err = Card(changed) // there is one element more
	}
	return changed, err
}
