package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/labring/sealos-notify/store"
)

// maxLine bounds the line that stands for a message, in characters.
const maxLine = 120

// drawing is a message as its page shows it.
type drawing struct {
	store.Message
	Kind  string // html, vendor, card, post or text
	Card  *card
	Posts []post
	Text  []line // of a text in which the vendor reads tags or markdown
	Named []param
	Raw   string // what was sent, when it is shown otherwise
}

// param is one of the values that a vendor renders.
type param struct{ Name, Value string }

// draw returns a message as its page shows it. What cannot be drawn is a text.
func draw(m store.Message) drawing {
	d := drawing{Message: m, Kind: "text"}
	switch {
	case m.HasCode():
		d.Kind, d.Named = "vendor", paramsOf(m.Params)
	case m.Channel == "email" && m.MsgType == "html":
		d.Kind, d.Raw = "html", m.Body
	case m.MsgType == "interactive":
		if c, ok := readCard(m.Body); ok {
			d.Kind, d.Card, d.Raw = "card", c, indented([]byte(m.Body))
		}
	case m.MsgType == "post":
		if p, ok := readPost(m.Body); ok {
			d.Kind, d.Posts, d.Raw = "post", p, indented([]byte(m.Body))
		}
	case m.MsgType == "json":
		d.Body = indented([]byte(m.Body))
	case isMarked(m):
		d.Kind, d.Text = "tagged", markdown(m.Body)
	}
	return d
}

// isMarked reports whether a text is one in which the vendor reads tags or markdown.
func isMarked(m store.Message) bool {
	return m.MsgType == "markdown" || strings.HasPrefix(m.Channel, "feishu_")
}

// paramsOf returns the members of a JSON object, in their order.
func paramsOf(object []byte) []param {
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	if t, err := decoder.Token(); err != nil || t != json.Delim('{') {
		return nil
	}
	var all []param
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return all
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return all
		}
		text, isText := value.(string)
		if !isText {
			encoded, _ := json.Marshal(value) // it was decoded
			text = string(encoded)
		}
		all = append(all, param{fmt.Sprint(name), text})
	}
	return all
}

// firstLine returns what a message is about: its subject, or the first line of its text.
func firstLine(m store.Message) string {
	if m.Subject != "" {
		return shortened(m.Subject)
	}
	if !m.HasCode() && m.MsgType != "interactive" && m.MsgType != "post" {
		line := shortened(m.Body) // before it is drawn: a list has many, and they may be long
		switch {
		case m.MsgType == "json": // of which the first line may be a brace
			line = shortened(strings.Join(strings.Fields(strings.ToValidUTF8(m.Body[:min(len(m.Body), 8*maxLine)], "")), " "))
		case isMarked(m):
			line = markdown(line)[0].plain()
		}
		return line
	}
	switch d := draw(m); d.Kind {
	case "card":
		return shortened(firstOf(d.Card.Title, d.Card.firstText()))
	case "post":
		return shortened(d.Posts[0].firstText())
	case "vendor":
		values := []string{m.TemplateCode}
		for _, p := range d.Named {
			values = append(values, p.Value)
		}
		return shortened(strings.Join(values, " · "))
	}
	return shortened(m.Body)
}

// shortened returns the first line that is not empty, cut to maxLine characters.
func shortened(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if utf8.RuneCountInString(text) <= maxLine {
		return text
	}
	return string([]rune(text)[:maxLine]) + "…"
}
